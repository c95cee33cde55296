/*
 * place: the last event id, kept in a file if there is one (-f), so that a
 * client that was killed goes on where it was. The file is replaced by
 * rename(2): at any moment it holds one whole id, the old or the new one.
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
 * Keeps the id in the file path, which stays the caller's, from now on, and
 * takes the id from it: its first line; none if there is no file. Writes it
 * back, so that a file that cannot be written is known at once. Returns 0, or
 * -1 with errno, EINVAL if it is no regular file, or holds no id.
 */
int place_open(struct place *place, const char *path);

/* Returns 0, or -1 with errno EMSGSIZE: id is longer than PLACE_ID_MAX. */
int place_set(struct place *place, struct bytes id);

/* Whether the file, if there is one, is behind the id. */
bool place_is_behind(const struct place *place);

/*
 * Writes the id and an LF to NAME.new: what takes time is done before the
 * events are printed for which the id stands. Blocks for the disk. Returns 0,
 * or -1 with errno.
 */
int place_prepare(struct place *place);

/*
 * Then, once they are printed: NAME.new becomes the file, which survives a
 * power failure. Blocks, and returns, likewise.
 */
int place_commit(struct place *place);

/* Closes the directory. */
void place_close(struct place *place);

#endif
