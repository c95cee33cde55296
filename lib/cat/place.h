/*
 * place: the last event id, kept in a file if there is one (-f), so that a
 * client that was killed resumes there. The file is replaced by rename(2): at
 * any moment it holds one whole id, the old or the new one.
 */
#ifndef CAT_PLACE_H
#define CAT_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "../bytes.h"

#define PLACE_ID_MAX 8192 /* bytes: what web servers take in a header field */

struct place {
	char id[PLACE_ID_MAX + 1]; /* a string; empty: there is none */

	/* the rest is place's own */
	const char *name; /* of the file, in its directory; NULL: no file */
	int directory;
	bool changed; /* since it was saved */
	char temporary[NAME_MAX + 1];
};

/* No id and no file. Allocates nothing. */
void place_init(struct place *place);

/*
 * Reads the id from the file path, which holds one line, or need not exist, and
 * keeps the id there from now on. path stays the caller's. Writes the id back
 * at once, to fail early if the file cannot be written. Returns 0, or -1 with
 * errno, EINVAL if it is no regular file, or holds no id.
 */
int place_open(struct place *place, const char *path);

/* Returns 0, or -1 with errno EMSGSIZE: id is longer than PLACE_ID_MAX. */
int place_set(struct place *place, struct bytes id);

/* Whether there is a file, and it holds an older id. */
bool place_is_behind(const struct place *place);

/*
 * Writes the id and an LF to NAME.new, before the events up to that id are
 * printed: this is what takes time. Blocks for the disk. Returns 0, or -1 with
 * errno.
 */
int place_prepare(struct place *place);

/*
 * Renames NAME.new to the file, once these events are printed; it survives a
 * power failure. Blocks, and returns, as place_prepare does.
 */
int place_commit(struct place *place);

/* Closes the directory. */
void place_close(struct place *place);

#endif
