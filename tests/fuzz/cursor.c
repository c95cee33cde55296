/*
 * fuzz-cursor: the parser of sse-tail's ids. What it accepts is what
 * cursor_text writes, byte for byte, and of the characters that cost no viewer
 * a CORS preflight.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/tail/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	const char *again;
	struct cursor_text written = {.file_n = 0};
	struct cursor cursor;
	bool fine;
	size_t length;

	if (text == NULL)
		return 0;
	if (n > 0)
		memcpy(text, data, n);
	text[n] = '\0';
	again = written.at;
	if (cursor_parse(&cursor, text) == 0) {
		length = cursor_text(&written, &cursor);
		if (length != strlen(text) || length > CURSOR_TEXT_MAX ||
		    memcmp(again, text, length) != 0 ||
		    strspn(text, "0123456789abcdefghijklmnopqrstuv.") != length)
			abort();
	}
	/* and what it writes it accepts */
	memset(&cursor, 0, sizeof(cursor));
	memcpy(&cursor, text, n < sizeof(cursor) ? n : sizeof(cursor));
	cursor.check >>= 24;
	length = cursor_text(&written, &cursor);
	free(text);
	text = malloc(length + 1);
	if (text == NULL)
		return 0;
	memcpy(text, again, length);
	text[length] = '\0';
	fine = cursor.offset <= INT64_MAX && cursor.back <= cursor.offset;
	if ((cursor_parse(&cursor, text) == 0) != fine)
		abort();
	free(text);
	return 0;
}
