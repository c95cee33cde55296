/*
 * notify: tells when a file or its name may have changed, by inotify. That does
 * not tell all (no descriptor to be had, a file system that others write to, a
 * symbolic link on the way): its user has to look from time to time as well.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <limits.h>
#include <stdbool.h>

#define NOTIFY_SLOTS 5 /* three directories and two files */

struct notify {
	int fd; /* to poll for input; -1: there is nothing to wait for */

	/* the rest is the watch's own */
	const char *path, *until;
	bool stale; /* a directory has moved, or could not be watched */
	unsigned int opened;
	int slots[NOTIFY_SLOTS];
	char target[PATH_MAX]; /* of path */
};

/*
 * Prepares to watch path, and whether until appears, unless that is NULL; the
 * caller keeps both. With stat_only it will not. Nothing is watched before
 * notify_files.
 */
void notify_init(
    struct notify *notify, const char *path, const char *until, bool stat_only);

/* Closes what notify_init opened. */
void notify_free(struct notify *notify);

/*
 * Watches path's directory, that of its target, that of until, and two open
 * files, each of which may be -1; opened is a number that changes with them.
 * True if something is watched that was not before: it may have changed
 * meanwhile.
 */
bool notify_files(struct notify *notify, int fd, int next, unsigned int opened);

/*
 * Takes what fd has to tell, without blocking. False if none of it is about
 * the files or their names.
 */
bool notify_read(struct notify *notify);

#endif
