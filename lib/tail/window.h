/*
 * window: the bytes of a file by which it is recognised while it is read: its
 * first ones, and those before the place that is read next. If they change
 * the file was truncated. Blocks for the file system only.
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
	size_t heads;           /* bytes of head */
	char head[CURSOR_HEAD]; /* the file's first bytes */
	uint64_t head_hash;     /* of all of head, once it is full */
	size_t tails;           /* bytes of tail */
	char tail[CURSOR_TAIL]; /* those before the place */
	size_t behinds;
	char behind[CURSOR_TAIL]; /* those before what the splitter has */
};

/*
 * The file is read from offset on. Returns 0, or -1 with errno of cursor_read.
 */
int window_load(struct window *window, int fd, uint64_t offset);

/* The last bytes before the place, until window_got. */
struct bytes window_before(const struct window *window);

/*
 * Reads what follows offset, the place, to to; and in the same call what is
 * before it, so that both are of the same file. Returns as read does; -1 with
 * errno ENODATA if what is before has changed.
 */
ssize_t window_read(
    const struct window *window, int fd, uint64_t offset, char *to, size_t n);

/* Whether the file still begins as it did. */
bool window_begins(const struct window *window, int fd);

/* bytes were read: they are before the place now. */
void window_got(struct window *window, const char *bytes, size_t n);

/* bytes have left the splitter. */
void window_gave(struct window *window, const char *bytes, size_t n);

/*
 * cursor_check of the place at offset, of which the splitter has the last n
 * bytes: they end at end.
 */
uint64_t window_check(
    const struct window *window, uint64_t offset, const char *end, size_t n);

#endif
