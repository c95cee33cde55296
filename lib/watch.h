/*
 * watch: tells when a file or its name may have changed, by inotify. That does
 * not tell all (no descriptor to be had, a file system that others write to, a
 * symbolic link on the way): its user has to look from time to time as well.
 */
#ifndef WATCH_H
#define WATCH_H

#include <limits.h>
#include <stdbool.h>

#define WATCH_SLOTS 4 /* two directories and two files */

struct watch {
	int fd; /* to poll for input; -1: there is nothing to wait for */

	/* the rest is the watch's own */
	const char *path;
	bool stale; /* a directory has moved, or could not be watched */
	unsigned int opened;
	int slots[WATCH_SLOTS];
	char target[PATH_MAX]; /* of path */
};

/*
 * Prepares to watch path, which the caller keeps; with stat_only it will not.
 * Nothing is watched before watch_files.
 */
void watch_init(struct watch *watch, const char *path, bool stat_only);

/* Closes what watch_init opened. */
void watch_free(struct watch *watch);

/*
 * Watches path's directory, that of its target, and two open files, each of
 * which may be -1; opened is a number that changes with them. True where
 * something is watched that was not before: it may have changed meanwhile.
 */
bool watch_files(struct watch *watch, int fd, int next, unsigned int opened);

/*
 * Takes what fd has to tell, without blocking. False if none of it is about
 * the files or their names.
 */
bool watch_read(struct watch *watch);

#endif
