/*
 * notify: has inotify watch the directories that lead to a file and the open
 * files, again whenever those change, and drops events about other names.
 * follow finds out what has changed.
 */
#define _GNU_SOURCE /* O_DIRECTORY, IN_* */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "../proc.h"
#include "file.h"

#define EVENTS 4096 /* bytes of one read */

enum { DIRECTORY, TARGET, UNTIL, FILE_READ, FILE_NEXT };

#define IN_THE_DIRECTORY                                                   \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | \
	    IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define IN_THE_FILE (IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF)

void
notify_init(
    struct notify *notify, const char *path, const char *until, bool stat_only)
{
	*notify = (struct notify){.path = path,
	    .until = until != NULL ? until : "",
	    .fd = -1,
	    .stale = true};
	for (int i = 0; i < NOTIFY_SLOTS; i++)
		notify->slots[i] = -1;
	if (!stat_only)
		notify->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void
notify_free(struct notify *notify)
{
	proc_close(&notify->fd);
}

/* Watches one path, or nothing for ""; a failure is retried later. */
static int
add(struct notify *notify, const char *path, uint32_t mask)
{
	int slot;

	if (path[0] == '\0')
		return -1;
	slot = inotify_add_watch(notify->fd, path, mask);
	if (slot == -1)
		notify->stale = true;
	return slot;
}

/* Watches path's directory, or nothing for "" or a path that is too long. */
static int
add_dir(struct notify *notify, const char *path)
{
	char dir[PATH_MAX];
	(void)file_dir(dir, path);
	return add(notify, *path == '\0' ? path : dir, IN_THE_DIRECTORY);
}

/* Watches an open file, whatever its name is by now. */
static int
add_fd(struct notify *notify, int fd)
{
	char path[32] = "";

	if (fd != -1)
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return add(notify, path, IN_THE_FILE);
}

static bool
has_slot(const int slots[NOTIFY_SLOTS], int slot)
{
	for (int i = 0; i < NOTIFY_SLOTS; i++)
		if (slots[i] == slot)
			return true;
	return false;
}

bool
notify_files(struct notify *notify, int fd, int next, unsigned int opened)
{
	int slots[NOTIFY_SLOTS];
	bool more = false;

	if (notify->fd == -1 || (opened == notify->opened && !notify->stale))
		return false;
	notify->opened = opened;
	notify->stale = false;
	if (realpath(notify->path, notify->target) == NULL)
		notify->target[0] = '\0';
	slots[DIRECTORY] = add_dir(notify, notify->path);
	slots[TARGET] = add_dir(notify, notify->target);
	slots[UNTIL] = add_dir(notify, notify->until);
	slots[FILE_READ] = add_fd(notify, fd);
	slots[FILE_NEXT] = add_fd(notify, next);

	for (int i = 0; i < NOTIFY_SLOTS; i++) {
		int old = notify->slots[i];

		if (old != -1 && !has_slot(slots, old))
			/* fails if it is gone already */
			(void)inotify_rm_watch(notify->fd, old);
		more = more || !has_slot(notify->slots, slots[i]);
	}
	memcpy(notify->slots, slots, sizeof(slots));
	return more;
}

static bool
is_name(const char *name, const char *path)
{
	char dir[PATH_MAX];

	return strcmp(name, file_dir(dir, path)) == 0;
}

/* Whether an event is about the files, or a name that leads to them. */
static bool
is_ours(struct notify *notify, const struct inotify_event *event)
{
	if (event->mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF))
		notify->stale = true;
	if (event->wd != notify->slots[DIRECTORY] &&
	    event->wd != notify->slots[TARGET] &&
	    event->wd != notify->slots[UNTIL])
		return true;
	return event->len == 0 || is_name(event->name, notify->path) ||
	       is_name(event->name, notify->target) ||
	       is_name(event->name, notify->until);
}

bool
notify_read(struct notify *notify)
{
	_Alignas(struct inotify_event) char events[EVENTS];
	const struct inotify_event *event;
	ssize_t n = read(notify->fd, events, sizeof(events));
	bool ours = false;

	for (ssize_t at = 0; at < n;
	     at += (ssize_t)(sizeof(*event) + event->len)) {
		event = (const void *)(events + at);
		if (is_ours(notify, event))
			ours = true;
	}
	return ours;
}
