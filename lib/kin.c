/*
 * kin: see kin.h.
 */
#include "kin.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

#define LIST_MAX (8 * KIN_MAX) /* a pid has seven digits at most */

/* Reads a file of /proc whole, as text: empty where it cannot be read. */
static bool
read_text(int folder, const char *path, char text[LIST_MAX])
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = -1;

	if (fd != -1) {
		while ((n = read(fd, text + used, LIST_MAX - 1 - used)) > 0)
			used += (size_t)n;
		(void)close(fd); /* nothing was written that could be lost */
	}
	text[used] = '\0';
	return n == 0;
}

/* /proc may be of another pid namespace, whose numbers are others here. */
static bool
is_ours(void)
{
	char link[UTIL_DIGITS_MAX + 1];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
	uint64_t pid;

	link[n > 0 ? n : 0] = '\0';
	return util_number(link, 1, INT_MAX, &pid) == 0 &&
	       (pid_t)pid == getpid();
}

/* Those that one thread has started, the oldest first. */
static void
add_list(struct kin *kin, char *list)
{
	uint64_t pid;
	char *end;

	/* a space stands behind each: what has none was cut */
	for (; kin->count < KIN_MAX && (end = strchr(list, ' ')) != NULL;
	     list = end + 1) {
		*end = '\0';
		if (util_number(list, 1, INT_MAX, &pid) == -1)
			return;
		kin->pids[kin->count++] = (pid_t)pid;
	}
}

/* False where the system does not tell. */
static bool
add_children(struct kin *kin, pid_t parent)
{
	char path[NAME_MAX + 16], list[LIST_MAX];
	struct dirent *thread;
	DIR *threads;
	bool told = false;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task", (long)parent);
	threads = opendir(path);
	if (threads == NULL)
		return false;
	while ((thread = readdir(threads)) != NULL) {
		(void)snprintf(
		    path, sizeof(path), "%s/children", thread->d_name);
		told |= read_text(dirfd(threads), path, list);
		add_list(kin, list);
	}
	(void)closedir(threads); /* likewise */
	return told;
}

bool
kin_own(struct kin *kin)
{
	kin->count = 0;
	return is_ours() && add_children(kin, getpid());
}

void
kin_below(struct kin *kin)
{
	for (size_t i = 0; i < kin->count; i++)
		(void)add_children(kin, kin->pids[i]); /* it may be gone */
}

bool
kin_has(const struct kin *kin, pid_t pid)
{
	for (size_t i = 0; i < kin->count; i++)
		if (kin->pids[i] == pid)
			return true;
	return false;
}

bool
kin_ended(pid_t pid)
{
	char path[32], stat[LIST_MAX], *at;
	bool zombie;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	(void)read_text(AT_FDCWD, path, stat); /* gone: it awaits nobody */
	/* PID (NAME) STATE, and 16 numbers before that of threads: proc(5) */
	at = strrchr(stat, ')');
	zombie = at != NULL && strncmp(at, ") Z ", 4) == 0;
	for (int i = 0; i < 18 && at != NULL; i++)
		at = strchr(at + 1, ' ');
	return zombie && at != NULL && strncmp(at, " 1 ", 3) == 0;
}
