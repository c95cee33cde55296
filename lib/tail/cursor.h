/*
 * cursor: a place in a file as an opaque text, a viewer's last event id. It has
 * the file's id, the offset after a record, and a hash of the file's first
 * bytes and of those just before that offset: they differ if a log was
 * truncated and has grown again.
 */
#ifndef CURSOR_H
#define CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * FILE.OFFSET.CHECK and, within a record, .BACK: at most 13, 13, 8 and 13
 * digits of base 32. No NUL.
 */
#define CURSOR_TEXT_MAX 50

#define CURSOR_HEAD 256 /* bytes at the start of the file that are checked */
#define CURSOR_TAIL 32  /* bytes before the offset that are checked */

struct cursor {
	uint64_t file;   /* id of struct file; 0: there was no file */
	uint64_t offset; /* 0 to INT64_MAX */
	uint64_t check;  /* 40 bits, of cursor_check */
	uint64_t back; /* within a record: bytes since its beginning; else 0 */
};

/* A cursor as text, without NUL; the digits of its file are kept for the next.
 */
struct cursor_text {
	char at[CURSOR_TEXT_MAX];
	uint64_t file; /* the file whose digits are in at */
	size_t file_n; /* bytes of them with the full stop; 0: none yet */
};

/* Writes cursor into text, without NUL; returns its length. */
size_t cursor_text(struct cursor_text *text, const struct cursor *cursor);

/*
 * Parses a text as cursor_text writes it, and no other. Returns 0, or -1 with
 * errno EINVAL and *cursor undefined.
 */
int cursor_parse(struct cursor *cursor, const char *text);

/* A hash of bytes; seed is the hash of the bytes before them, or 0. */
uint64_t cursor_hash(uint64_t seed, const char *bytes, size_t n);

/*
 * The check of a place. head_hash is cursor_hash, with seed 0, of the file's
 * first CURSOR_HEAD bytes; tail is the CURSOR_TAIL bytes before the place. Both
 * have fewer bytes if there are fewer before the place.
 */
uint64_t cursor_check(uint64_t head_hash, const char *tail, size_t n);

/* The check of a place without a file. */
#define CURSOR_NONE 0

/*
 * Whether cursor can be a place in the file that is open as fd: the file is
 * long enough, and its bytes before the offset have the check. Ignores the
 * file's id.
 */
bool cursor_holds(const struct cursor *cursor, int fd);

/* Whether the first size bytes of two files are equal. Reads all of them. */
bool cursor_same(int fd, int other, uint64_t size);

/*
 * Reads all n bytes at offset of fd. Returns 0, or -1 with errno: ENODATA if
 * there are fewer.
 */
int cursor_read(int fd, char *to, size_t n, uint64_t offset);

#endif
