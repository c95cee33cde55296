/*
 * watch: adds to inotify what leads to a file and what is open, anew as often
 * as that changes, and says which of its events matter. What has changed is
 * the follower's to find out.
 */
#define _GNU_SOURCE /* O_DIRECTORY, IN_* */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define EVENTS 4096 /* bytes of a read */

enum { DIRECTORY, TARGET, FILE_READ, FILE_NEXT };

#define IN_THE_DIRECTORY                                                   \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | \
	    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define IN_THE_FILE (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF)

static const char *
name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Writes the directory of path; one that is too long is none that exists. */
static void
dir_of(char dir[PATH_MAX], const char *path)
{
	size_t n = (size_t)(name_of(path) - path);

	(void)snprintf(
	    dir, PATH_MAX, "%.*s", n == 0 ? 1 : (int)n, n == 0 ? "." : path);
}

void
watch_init(struct watch *watch, const char *path, bool stat_only)
{
	*watch = (struct watch){.path = path, .fd = -1, .stale = true};
	for (int i = 0; i < WATCH_SLOTS; i++)
		watch->slots[i] = -1;
	if (!stat_only)
		watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void
watch_free(struct watch *watch)
{
	if (watch->fd != -1)
		(void)close(watch->fd); /* nothing was written */
	watch->fd = -1;
}

/* Watches one path, "" for none; where that fails, it is tried again. */
static int
add(struct watch *watch, const char *path, uint32_t mask)
{
	int slot;

	if (path[0] == '\0')
		return -1;
	slot = inotify_add_watch(watch->fd, path, mask);
	if (slot == -1)
		watch->stale = true;
	return slot;
}

/* An open file, whatever its name is by now. */
static int
add_fd(struct watch *watch, int fd)
{
	char path[32] = "";

	if (fd != -1)
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return add(watch, path, IN_THE_FILE);
}

static bool
has_slot(const int slots[WATCH_SLOTS], int slot)
{
	for (int i = 0; i < WATCH_SLOTS; i++)
		if (slots[i] == slot)
			return true;
	return false;
}

bool
watch_files(struct watch *watch, int fd, int next, unsigned int opened)
{
	char dir[PATH_MAX];
	int slots[WATCH_SLOTS];
	bool more = false;

	if (watch->fd == -1 || (opened == watch->opened && !watch->stale))
		return false;
	watch->opened = opened;
	watch->stale = false;
	if (realpath(watch->path, watch->target) == NULL)
		watch->target[0] = '\0';
	dir_of(dir, watch->path);
	slots[DIRECTORY] = add(watch, dir, IN_THE_DIRECTORY);
	dir[0] = '\0';
	if (watch->target[0] != '\0')
		dir_of(dir, watch->target);
	slots[TARGET] = add(watch, dir, IN_THE_DIRECTORY);
	slots[FILE_READ] = add_fd(watch, fd);
	slots[FILE_NEXT] = add_fd(watch, next);

	for (int i = 0; i < WATCH_SLOTS; i++) {
		int old = watch->slots[i];

		if (old != -1 && !has_slot(slots, old))
			(void)inotify_rm_watch(watch->fd, old); /* or gone */
		more = more || !has_slot(watch->slots, slots[i]);
	}
	memcpy(watch->slots, slots, sizeof(slots));
	return more;
}

/* Whether an event is about the files, or a name that leads to them. */
static bool
is_ours(struct watch *watch, const struct inotify_event *event)
{
	if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF))
		watch->stale = true;
	if (event->wd != watch->slots[DIRECTORY] &&
	    event->wd != watch->slots[TARGET])
		return true;
	return event->len == 0 ||
	       strcmp(event->name, name_of(watch->path)) == 0 ||
	       strcmp(event->name, name_of(watch->target)) == 0;
}

bool
watch_read(struct watch *watch)
{
	_Alignas(struct inotify_event) char events[EVENTS];
	const struct inotify_event *event;
	ssize_t n = read(watch->fd, events, sizeof(events));
	bool ours = false;

	for (ssize_t at = 0; at < n;
	     at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const void *)(events + at);
		if (is_ours(watch, event))
			ours = true;
	}
	return ours;
}
