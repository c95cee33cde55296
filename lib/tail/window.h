/*
 * window: keeps the bytes by which a file is recognised while it is read: its
 * first ones, and those before the offset that is read next, the place. If they
 * have changed, the file was truncated. Blocks only for the file system.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../bytes.h"
#include "cursor.h"

/* All fields are the window's own. */
struct window {
	size_t heads;           /* bytes used of head */
	char head[CURSOR_HEAD]; /* the file's first bytes */
	uint64_t head_hash;     /* of all of head, once it is full */
	size_t tails;           /* bytes used of tail */
	char tail[CURSOR_TAIL]; /* the bytes before the place */
	size_t behinds;
	char behind[CURSOR_TAIL]; /* the bytes before the splitter's */
};

/*
 * Sets the place to offset of fd. Returns 0, or -1 with errno of cursor_read.
 */
int window_load(struct window *window, int fd, uint64_t offset);

/* The last bytes before the place; valid until window_got. */
struct bytes window_before(const struct window *window);

/*
 * Reads n bytes at offset, the place, into to; compares the bytes before them
 * in the same system call, so that no truncation can come between. Returns as
 * read does; -1 with errno ENODATA if the bytes before the place have changed.
 */
ssize_t window_read(
    const struct window *window, int fd, uint64_t offset, char *to, size_t n);

/* Whether the file still begins as it did. */
bool window_begins(const struct window *window, int fd);

/* To be called when bytes were read at the place: moves it past them. */
void window_got(struct window *window, const char *bytes, size_t n);

/* To be called when bytes have left the splitter. */
void window_gave(struct window *window, const char *bytes, size_t n);

/*
 * cursor_check of the place at offset; the splitter still has the n bytes
 * before offset, which end at end.
 */
uint64_t window_check(
    const struct window *window, uint64_t offset, const char *end, size_t n);

#endif
