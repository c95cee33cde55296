/*
 * rotation: the rotated files of a log, in its own directory: the file of a
 * cursor, by what it is and not by its name, and which file came after another
 * as the log. Names say which files are the log's, times say in which order;
 * if they do not tell, it says so. Nothing here blocks but the file system.
 */
#ifndef ROTATION_H
#define ROTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"

/*
 * Finds the file of cursor in the directory of path, or if path is a
 * symbolic link, in that of its target too; under any name. If it is gone: the
 * log, if it is a longer copy of it. Returns it open, the
 * caller's; or -1 with errno: ENOENT if it is not there, EBADMSG if it
 * is, but has changed before the cursor; or of the directory.
 */
int rotation_find(const char *path, const struct cursor *cursor);

#define ROTATION_SEEN 16

/* Ids of the files that were read last, and do not come next. */
struct rotation_seen {
	uint64_t ids[ROTATION_SEEN];
	size_t n; /* how many there were in all */
};

void rotation_add(struct rotation_seen *seen, uint64_t id);

enum rotation_next {
	ROTATION_CURRENT, /* none came between: now, path itself */
	ROTATION_BETWEEN, /* this one, *next: opened, the caller's */
	ROTATION_LOST,    /* one that is gone, compressed or not readable */
	ROTATION_STRANGE, /* fd's name is not that of a rotated file */
	ROTATION_FAILED,  /* errno says how */
};

/*
 * Which file was path after the one that is open as fd (-1: after none), and
 * before the one that is open as current (-1: there is none). Rotated files
 * are those whose names differ from that of path, or of its target, by digits,
 * dates and separators alone, after it or before an extension, or by a
 * compression's suffix. They are in the order in which they were last written.
 * Empty files and copies do not count. Of numbers that count down to 1 none
 * may be missing.
 *
 * If fd has another kind of name, or is elsewhere, that order is not known
 * (ROTATION_STRANGE), unless known says that fd was path until now.
 *
 * While a program is renaming, an answer of ROTATION_LOST or _STRANGE may be
 * wrong, and likewise an ENOENT of rotation_find: ask again a little later.
 */
enum rotation_next rotation_next(const char *path, int fd, int current,
    bool known, const struct rotation_seen *seen, int *next);

/*
 * The last one of the rotated files, opened, the caller's; or -1 with errno:
 * ENOENT if there is none, EBADMSG if it is compressed, or of open.
 */
int rotation_last(const char *path);

#endif
