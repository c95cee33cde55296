/*
 * notify: tells when a file or its name may have changed, by inotify. Some
 * changes are missed (no inotify descriptor, a network file system, a symbolic
 * link among the directories): the caller has to check at intervals as well.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <limits.h>
#include <stdbool.h>

#define NOTIFY_SLOTS 5 /* three directories and two files */

struct notify {
	int fd; /* to poll for input; -1: inotify is not used */

	/* the rest is private */
	const char *path, *until;
	bool stale; /* a directory has moved, or could not be watched */
	unsigned int opened;
	int slots[NOTIFY_SLOTS];
	char target[PATH_MAX]; /* of path, if that is a symbolic link */
};

/*
 * Prepares to watch path, and until, a file that may appear, or NULL; both must
 * stay valid. With stat_only nothing is ever watched, else nothing before
 * notify_files.
 */
void notify_init(
    struct notify *notify, const char *path, const char *until, bool stat_only);

/* Closes fd. */
void notify_free(struct notify *notify);

/*
 * Watches the directories of path, of its target and of until, and the open
 * files fd and next, each of which may be -1; opened is a number that changes
 * with them. Returns true if a new watch was added: check again, as the file or
 * directory may have changed before that.
 */
bool notify_files(struct notify *notify, int fd, int next, unsigned int opened);

/*
 * Reads the events from fd, without blocking. False if none of them is about
 * the files or their names.
 */
bool notify_read(struct notify *notify);

#endif
