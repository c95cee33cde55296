/*
 * rotation: finds, among the rotated files in a log's directory, the file of a
 * cursor, by its id and not by its name, and the file that was the log after
 * another one. Names tell which files are the log's, times their order; if that
 * is not clear, the result says so. Blocks only for the file system.
 */
#ifndef ROTATION_H
#define ROTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"

/*
 * Finds the file of cursor, under any name, in the directory of path and, if
 * path is a symbolic link, in that of its target. If that file is gone, takes
 * the log if it is a longer copy of it. Returns a descriptor, to be closed by
 * the caller; or -1 with errno: ENOENT if it is not there, EBADMSG if its bytes
 * before the cursor have changed; or of reading the directory.
 */
int rotation_find(const char *path, const struct cursor *cursor);

#define ROTATION_SEEN 16

/* Ids of the files that were read last: none of them comes next. */
struct rotation_seen {
	uint64_t ids[ROTATION_SEEN];
	size_t n; /* how many there were in all */
};

void rotation_add(struct rotation_seen *seen, uint64_t id);

enum rotation_next {
	ROTATION_CURRENT, /* the current file: none came between */
	ROTATION_BETWEEN, /* *next, open, to be closed by the caller */
	ROTATION_LOST,    /* a file that is gone, compressed or not readable */
	ROTATION_STRANGE, /* not known: fd's name is no rotated file's */
	ROTATION_FAILED,  /* errno says why */
};

/*
 * Which file was path after the one that is open as fd (-1: the first one), and
 * before the one that is open as current (-1: there is none). Rotated files
 * are those whose names differ from that of path, or of its target, only by
 * numbers, dates and separators, after it or before its extension, or by the
 * suffix of a compressed file. Their order is that of their last writes. Empty
 * files and copies are skipped. If numbers count down to 1, a missing number is
 * a missing file.
 *
 * If fd has another kind of name, or is in another directory, its place in that
 * order is not known (ROTATION_STRANGE), unless known says that fd was path
 * until now.
 *
 * While a program is renaming files, ROTATION_LOST and _STRANGE may be wrong,
 * and so may ENOENT of rotation_find: call again a little later.
 */
enum rotation_next rotation_next(const char *path, int fd, int current,
    bool known, const struct rotation_seen *seen, int *next);

/*
 * Opens the newest of the rotated files; the caller closes it. Or -1 with
 * errno: ENOENT if there is none, EBADMSG if it is compressed, or of open.
 */
int rotation_last(const char *path);

#endif
