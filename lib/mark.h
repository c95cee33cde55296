/*
 * mark: a place in a file as an opaque text, a viewer's last event id. It
 * names the file, the offset after a line, and a check of the bytes before
 * that offset: of the file's first ones, which a log that was truncated and
 * has grown again has changed, and of the last ones.
 */
#ifndef MARK_H
#define MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FILE.OFFSET.CHECK: 13 digits of base 32 hold 64 bits. No NUL. */
#define MARK_TEXT_MAX 41

#define MARK_HEAD 256 /* bytes at the start of the file that are checked */
#define MARK_TAIL 64  /* bytes before the offset that are checked */

struct mark {
	uint64_t file;   /* id of struct file */
	uint64_t offset; /* 1 to INT64_MAX */
	uint64_t check;
};

/* Writes mark as text, without NUL; returns its length. */
size_t mark_text(char text[MARK_TEXT_MAX], const struct mark *mark);

/*
 * Reads a text that mark_text could have written, and nothing else. Returns
 * 0, or -1 with errno EINVAL and *mark undefined.
 */
int mark_parse(struct mark *mark, const char *text);

/* A hash of bytes, to be seeded with that of others: for mark_check. */
uint64_t mark_hash(uint64_t seed, const char *bytes, size_t n);

/*
 * Whether mark is one of the file that is open as fd, whose id is not looked
 * at: it is long enough, and the bytes before the offset have the check.
 */
bool mark_holds(const struct mark *mark, int fd);

/*
 * Reads n bytes at offset of fd, all of them. Returns 0, or -1 with errno:
 * ENODATA where there are less.
 */
int mark_read(int fd, char *to, size_t n, uint64_t offset);

#endif
