/*
 * decode: a driver for the tests of lib/decode. stdin is a list of streams,
 * each after its length in four bytes, the highest first. Each is decoded
 * whole, byte by byte and in chunks of many sizes, which must make no
 * difference; what came out is printed, with an empty line after each.
 */
#include <stdint.h>
#include <stdio.h>

#include "decoded.h"

static size_t
whole(void *with, size_t left)
{
	(void)with;
	return left;
}

static size_t
one(void *with, size_t left)
{
	(void)with;
	(void)left;
	return 1;
}

/* 1 to 8 bytes, from a linear congruence. */
static size_t
some(void *with, size_t left)
{
	uint32_t *state = with;
	size_t n;

	*state = *state * 1664525 + 1013904223;
	n = 1 + (*state >> 29);
	return n < left ? n : left;
}

/* Whether the text is what the chunks of this size make, too. */
static int
is_same(const struct text *text, struct bytes stream, chunk_size *size)
{
	static uint32_t state = 1;
	struct text other = decoded(stream, DECODE_MAX_DEFAULT, size, &state);
	int same = other.n == text->n &&
		   (other.n == 0 || memcmp(other.at, text->at, other.n) == 0);

	if (!same)
		fprintf(stderr, "whole:\n%.*sin chunks:\n%.*s", (int)text->n,
		    text->at, (int)other.n, other.at);
	free(other.at);
	return same;
}

static int
run(struct bytes stream)
{
	struct text text = decoded(stream, DECODE_MAX_DEFAULT, whole, NULL);
	int same = is_same(&text, stream, one) && is_same(&text, stream, some);

	if (text.n > 0)
		(void)fwrite(text.at, 1, text.n, stdout);
	(void)putchar('\n'); /* the reader misses what was not written */
	free(text.at);
	return same ? 0 : -1;
}

int
main(void)
{
	unsigned char head[4];

	while (fread(head, 1, sizeof(head), stdin) == sizeof(head)) {
		size_t n = (size_t)head[0] << 24 | (size_t)head[1] << 16 |
			   (size_t)head[2] << 8 | head[3];
		char *stream = malloc(n + 1);

		if (stream == NULL || fread(stream, 1, n, stdin) != n ||
		    run((struct bytes){stream, n}) == -1)
			return 1;
		free(stream);
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
