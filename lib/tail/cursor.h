/*
 * cursor: a place in a file as an opaque text, a viewer's last event id. It
 * names the file, the offset after a record, and a check of the bytes before
 * that offset: of the file's first ones, which a log that was truncated and
 * has grown again has changed, and of the last ones.
 */
#ifndef CURSOR_H
#define CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * FILE.OFFSET.CHECK and, within a record, .BACK: 13, 13, 8 and 13 digits of
 * base 32 at the most. No NUL.
 */
#define CURSOR_TEXT_MAX 50

#define CURSOR_HEAD 256 /* bytes at the start of the file that are checked */
#define CURSOR_TAIL 32  /* bytes before the offset that are checked */

struct cursor {
	uint64_t file;   /* id of struct file; 0: there was none */
	uint64_t offset; /* 0 to INT64_MAX */
	uint64_t check;  /* 40 bits, of cursor_check */
	uint64_t back;   /* to where the record begins, if it goes on; or 0 */
};

/* A cursor as text, without NUL, and what stays for the next one. */
struct cursor_text {
	char at[CURSOR_TEXT_MAX];
	uint64_t file; /* its digits are there already, */
	size_t file_n; /* so many with the full stop; 0 for none */
};

/* Writes cursor into text, without NUL; returns its length. */
size_t cursor_text(struct cursor_text *text, const struct cursor *cursor);

/*
 * Reads a text that cursor_text could have written, and nothing else. Returns
 * 0, or -1 with errno EINVAL and *cursor undefined.
 */
int cursor_parse(struct cursor *cursor, const char *text);

/* A hash of bytes, to be seeded with that of others. */
uint64_t cursor_hash(uint64_t seed, const char *bytes, size_t n);

/*
 * The check of a place: of the hash, seeded with 0, of the file's first
 * CURSOR_HEAD bytes and of the CURSOR_TAIL bytes before the place, or of as
 * many as there are before it.
 */
uint64_t cursor_check(uint64_t head_hash, const char *tail, size_t n);

/* The check of a place without a file. */
#define CURSOR_NONE 0

/*
 * Whether cursor is one of the file that is open as fd, whose id is not looked
 * at: it is long enough, and the bytes before the offset have the check.
 */
bool cursor_holds(const struct cursor *cursor, int fd);

/* Whether the first size bytes of two files are the same. Reads all of them. */
bool cursor_same(int fd, int other, uint64_t size);

/*
 * Reads n bytes at offset of fd, all of them. Returns 0, or -1 with errno:
 * ENODATA if there are fewer.
 */
int cursor_read(int fd, char *to, size_t n, uint64_t offset);

#endif
