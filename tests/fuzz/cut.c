/*
 * cut: frames are the same whether their bytes come at once or one by one,
 * together they are the input without comments and too long frames, and none
 * is longer than it may be. header: takes anything.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/share/cut.h"
#include "../../lib/share/response.h"

#define LONG_MAX_BYTES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	enum cut_result result;
	size_t n;
	char *bytes;
};

static void
expect(int condition)
{
	if (!condition)
		abort();
}

/* A frame without the LF of its last CRLF, which may come too late. */
static size_t
length(struct bytes frame)
{
	if (frame.n > 1 && frame.at[frame.n - 1] == '\n' &&
	    frame.at[frame.n - 2] == '\r')
		return frame.n - 1;
	return frame.n;
}

/* Cuts data in pieces of step bytes; returns how many frames there were. */
static size_t
cut_all(
    const char *data, size_t size, size_t step, size_t max, struct seen *seen)
{
	struct cut cut;
	size_t count = 0;
	enum cut_result result;

	cut_init(&cut, max);
	for (size_t i = 0; i < size; i += step) {
		size_t n = size - i < step ? size - i : step;
		/* of its own, so that a sanitizer sees what is read behind it
		 */
		char *piece = malloc(n);
		struct bytes input = {piece, n};

		expect(piece != NULL);
		memcpy(piece, data + i, n);
		while ((result = cut_next(&cut, &input)) != CUT_MORE) {
			expect(result != CUT_FAILED);
			if (result == CUT_LONG)
				continue;
			expect(cut.frame.n <= max);
			expect(!cut.has_id || cut.id.n <= cut.frame.n);
			if (seen == NULL)
				continue;
			seen[count].result = result;
			seen[count].n = length(cut.frame);
			seen[count].bytes = malloc(seen[count].n + 1);
			expect(seen[count].bytes != NULL);
			memcpy(seen[count].bytes, cut.frame.at, seen[count].n);
			count++;
		}
		expect(input.n == 0);
		free(piece);
	}
	cut_free(&cut);
	return count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct response response;
	const char *text = (const char *)data;
	struct bytes input = {text, size};
	struct seen *whole, *bytes;
	size_t n;

	whole = calloc(size + 1, sizeof(*whole));
	bytes = calloc(size + 1, sizeof(*bytes));
	expect(whole != NULL && bytes != NULL);
	n = cut_all(text, size, size + 1, size + 1, whole);
	expect(cut_all(text, size, 1, size + 1, bytes) == n);
	for (size_t i = 0; i < n; i++) {
		expect(whole[i].result == bytes[i].result);
		expect(whole[i].n == bytes[i].n);
		expect(memcmp(whole[i].bytes, bytes[i].bytes, bytes[i].n) == 0);
		free(whole[i].bytes);
		free(bytes[i].bytes);
	}
	free(whole);
	free(bytes);
	(void)cut_all(text, size, 7, LONG_MAX_BYTES, NULL);

	response_init(&response);
	(void)response_take(&response, &input);
	expect(input.n <= size);
	return 0;
}
