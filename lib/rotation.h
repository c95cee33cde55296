/*
 * rotation: the older selves of a log, in its own directory: the file of a
 * mark, by what it is and not by its name, and which file came after another
 * as the log. Names and times decide, so it says when they do not tell.
 * Nothing here blocks but the file system.
 */
#ifndef ROTATION_H
#define ROTATION_H

#include <stddef.h>
#include <stdint.h>

#include "mark.h"

/*
 * Finds the file of mark in the directory of path, or where path is a
 * symbolic link, in that of its target too; under any name. Returns it open,
 * the caller's; or -1 with errno: ENOENT where it is not there, EBADMSG where
 * it is, but has changed before the mark; or of the directory.
 */
int rotation_find(const char *path, const struct mark *mark);

/* Ids of files that were read already and do not come next. */
struct rotation_seen {
	const uint64_t *ids;
	size_t n;
};

enum rotation_next {
	ROTATION_CURRENT, /* none came between: now, path itself */
	ROTATION_BETWEEN, /* this one, *next: opened, the caller's */
	ROTATION_LOST,    /* one that is gone, compressed or not readable */
	ROTATION_FAILED,  /* errno says how */
};

/*
 * Which file was path after the one that is open as fd, and before the one
 * that is open as current. Only names that begin with that of path, or of
 * its target, are considered. logrotate's numbers count down to the newest,
 * dates up; of other names the time of the last write decides. Empty files
 * do not count.
 *
 * While a program is renaming, an answer of ROTATION_LOST may be wrong, and
 * likewise an ENOENT of rotation_find: ask again a little later.
 */
enum rotation_next rotation_next(const char *path, int fd, int current,
    const struct rotation_seen *seen, int *next);

#endif
