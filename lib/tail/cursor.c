/*
 * cursor: formats and parses cursors, and compares files with them. rotation
 * finds the file of a cursor.
 */
#include "cursor.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 32768
#define DIGITS_MAX 13 /* 64 bits, five per digit */

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

/*
 * Writes the low 40 bits of number as eight digits, all at once: ids are on the
 * hot path. The bits are spread to one byte per digit, by halves.
 */
static void
put_eight(char *to, uint64_t number)
{
	uint64_t spread, letters;

	spread = (number & 0xfffff) | (number & UINT64_C(0xfffff00000)) << 12;
	spread = (spread & UINT64_C(0x000003ff000003ff)) |
		 (spread & UINT64_C(0x000ffc00000ffc00)) << 6;
	spread = (spread & UINT64_C(0x001f001f001f001f)) |
		 (spread & UINT64_C(0x03e003e003e003e0)) << 3;
	/* 1 in each byte that is above 9: its digit is a letter */
	letters = (spread + UINT64_C(0x7676767676767676)) >> 7 &
		  UINT64_C(0x0101010101010101);
	spread += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
	to[0] = (char)(spread >> 56); /* compilers merge these into one store */
	to[1] = (char)(spread >> 48);
	to[2] = (char)(spread >> 40);
	to[3] = (char)(spread >> 32);
	to[4] = (char)(spread >> 24);
	to[5] = (char)(spread >> 16);
	to[6] = (char)(spread >> 8);
	to[7] = (char)spread;
}

/* Writes number without leading zeros; returns the length. */
static size_t
put_number(char *to, uint64_t number)
{
	char text[24];
	size_t zeros = number >> 40 == 0 ? 16 : 8;

	put_eight(text + 16, number);
	if (zeros == 8)
		put_eight(text + 8, number >> 40);
	while (zeros < sizeof(text) - 1 && text[zeros] == '0')
		zeros++;
	memcpy(to, text + zeros, sizeof(text) - zeros);
	return sizeof(text) - zeros;
}

static uint64_t
get_digits(const char *text, size_t n)
{
	uint64_t number = 0;

	while (n-- > 0)
		number =
		    number << 5 | (uint64_t)(strchr(digits, *text++) - digits);
	return number;
}

/*
 * Parses a number as put_number writes it, which the byte end must follow.
 * Returns the text after that byte, or NULL.
 */
static const char *
get_number(const char *text, char end, uint64_t *number)
{
	size_t n = strspn(text, digits);

	if (n == 0 || n > DIGITS_MAX || text[n] != end ||
	    (n > 1 && text[0] == '0') || (n == DIGITS_MAX && text[0] > 'f'))
		return NULL;
	*number = get_digits(text, n);
	return text + n + 1;
}

size_t
cursor_text(struct cursor_text *text, const struct cursor *cursor)
{
	size_t n = text->file_n;

	if (n == 0 || text->file != cursor->file) {
		n = put_number(text->at, cursor->file);
		text->at[n++] = '.';
		text->file = cursor->file;
		text->file_n = n;
	}
	n += put_number(text->at + n, cursor->offset);
	text->at[n++] = '.';
	put_eight(text->at + n, cursor->check);
	n += 8;
	if (cursor->back == 0)
		return n;
	text->at[n++] = '.';
	return n + put_number(text->at + n, cursor->back);
}

int
cursor_parse(struct cursor *cursor, const char *text)
{
	errno = EINVAL;
	cursor->back = 0;
	text = get_number(text, '.', &cursor->file);
	if (text != NULL)
		text = get_number(text, '.', &cursor->offset);
	if (text == NULL || cursor->offset > INT64_MAX ||
	    strspn(text, digits) != 8)
		return -1;
	cursor->check = get_digits(text, 8);
	if (text[8] == '\0')
		return 0;
	return text[8] == '.' &&
		       get_number(text + 9, '\0', &cursor->back) != NULL &&
		       cursor->back > 0 && cursor->back <= cursor->offset
		   ? 0
		   : -1;
}

static uint64_t
mix(uint64_t hash, uint64_t eight)
{
	hash = (hash ^ eight) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ hash >> 32;
}

uint64_t
cursor_hash(uint64_t seed, const char *bytes, size_t n)
{
	uint64_t hash = mix(seed, n), eight;

	for (; n >= sizeof(eight); n -= sizeof(eight), bytes += sizeof(eight)) {
		memcpy(&eight, bytes, sizeof(eight));
		hash = mix(hash, eight);
	}
	if (n > 0) {
		eight = 0;
		memcpy(&eight, bytes, n);
		hash = mix(hash, eight);
	}
	return hash;
}

uint64_t
cursor_check(uint64_t head_hash, const char *tail, size_t n)
{
	return cursor_hash(head_hash, tail, n) >> 24;
}

int
cursor_read(int fd, char *to, size_t n, uint64_t offset)
{
	while (n > 0) {
		ssize_t got = pread(fd, to, n, (off_t)offset);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == 0)
			errno = ENODATA;
		if (got <= 0)
			return -1;
		to += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

bool
cursor_same(int fd, int other, uint64_t size)
{
	static char ours[BLOCK], its[BLOCK];
	size_t n;

	for (uint64_t at = 0; at < size; at += n) {
		n = size - at < BLOCK ? (size_t)(size - at) : BLOCK;
		if (cursor_read(fd, ours, n, at) == -1 ||
		    cursor_read(other, its, n, at) == -1 ||
		    memcmp(ours, its, n) != 0)
			return false;
	}
	return true;
}

bool
cursor_holds(const struct cursor *cursor, int fd)
{
	char head[CURSOR_HEAD], tail[CURSOR_TAIL];
	size_t heads = sizeof(head), tails = sizeof(tail);

	if (cursor->offset < heads)
		heads = (size_t)cursor->offset;
	if (cursor->offset < tails)
		tails = (size_t)cursor->offset;
	return cursor_read(fd, head, heads, 0) == 0 &&
	       cursor_read(fd, tail, tails, cursor->offset - tails) == 0 &&
	       cursor_check(cursor_hash(0, head, heads), tail, tails) ==
		   cursor->check;
}
