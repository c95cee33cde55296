/*
 * rotated: the rotated files of a log, which their names tell, in the order in
 * which they were last written. Nothing here blocks but the file system.
 */
#ifndef ROTATED_H
#define ROTATED_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "file.h"

/* A rotated file. */
struct rotated {
	char name[NAME_MAX + 1];
	size_t stem; /* bytes of name without a compression's suffix */
	bool compressed;
	int64_t number; /* that is all that name adds to the log's, or -1 */
	int64_t rank;   /* number, or the negative if 1 is the newest */
	struct file file;
};

/* All of one log, which are in one directory; the oldest first. */
struct rotated_list {
	int dir;
	int current;     /* open: the file that is the log now, or -1 */
	struct file now; /* what it is; it may be in the list since */
	size_t n;
	size_t room;     /* of old, for so many */
	uint64_t digest; /* of all names and ids */
	struct rotated *old;
	bool down;    /* the greatest number is the oldest */
	bool unclear; /* times do not tell whether it is */
};

/*
 * Fills list, which the caller frees in any case, with the rotated files of
 * path, or of its target. Returns 0, or -1 with errno.
 */
int rotated_list(struct rotated_list *list, const char *path);

/* Keeps errno. */
void rotated_free(struct rotated_list *list);

/* Opens one of them; or -1 with errno, ENOENT if it was renamed since. */
int rotated_open(
    const struct rotated_list *list, const struct rotated *rotated);

/* Below 0 if a was last written, or else was made, before b. */
int rotated_compare(const struct file *a, const struct file *b);

#endif
