/*
 * rotated: lists the rotated files of a log, found by their names, in the order
 * in which they were last written. Blocks only for the file system.
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
	size_t stem; /* length of name without a suffix such as .gz */
	bool compressed;
	int64_t number; /* if name adds only a number to the log's; or -1 */
	int64_t rank;   /* number, or -number if 1 is the newest */
	struct file file;
};

/* All rotated files of a log, in one directory; the oldest first. */
struct rotated_list {
	int dir;
	int current;     /* the file that was the log, open; or -1 */
	struct file now; /* of current; it may have become a rotated one */
	size_t n;
	size_t room;     /* allocated elements of old */
	uint64_t digest; /* of all names and ids */
	struct rotated *old;
	bool down;    /* the greatest number is the oldest file */
	bool unclear; /* times do not tell whether it is down */
};

/*
 * Fills list with the rotated files of path, or of its target. Returns 0, or -1
 * with errno; the caller has to call rotated_free in both cases.
 */
int rotated_list(struct rotated_list *list, const char *path);

/* Frees list; keeps errno. */
void rotated_free(struct rotated_list *list);

/* Opens a file of list; or -1 with errno, ENOENT if it was renamed since. */
int rotated_open(
    const struct rotated_list *list, const struct rotated *rotated);

/* Below 0 if a is older than b: by the last write, then by the creation. */
int rotated_compare(const struct file *a, const struct file *b);

#endif
