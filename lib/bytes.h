/*
 * bytes: a pointer and a length, of any bytes, which another module owns.
 */
#ifndef BYTES_H
#define BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* at may be NULL if n is 0. */
struct bytes {
	const char *at;
	size_t n;
};

/* A literal without its NUL, also as an initializer. */
#define BYTES(literal)                         \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}

/* A string without its NUL; empty if text is NULL. */
static inline struct bytes
bytes_of(const char *text)
{
	return (struct bytes){text, text == NULL ? 0 : strlen(text)};
}

static inline bool
bytes_equal(struct bytes a, struct bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

#endif
