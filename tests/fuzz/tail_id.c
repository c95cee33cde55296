/*
 * fuzz-tail_id: the parser of sse-tail's ids. What it accepts is what
 * mark_text writes, byte for byte, and of the characters that cost no viewer
 * a CORS preflight.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	const char *again;
	struct mark_text written = {.file_n = 0};
	struct mark mark;
	size_t length;

	if (text == NULL)
		return 0;
	if (n > 0)
		memcpy(text, data, n);
	text[n] = '\0';
	again = written.at;
	if (mark_parse(&mark, text) == 0) {
		length = mark_text(&written, &mark);
		if (length != strlen(text) || length > MARK_TEXT_MAX ||
		    memcmp(again, text, length) != 0 ||
		    strspn(text, "0123456789abcdefghijklmnopqrstuv.") != length)
			abort();
	}
	/* and what it writes it accepts */
	memset(&mark, 0, sizeof(mark));
	memcpy(&mark, text, n < sizeof(mark) ? n : sizeof(mark));
	mark.check >>= 24;
	length = mark_text(&written, &mark);
	free(text);
	text = malloc(length + 1);
	if (text == NULL)
		return 0;
	memcpy(text, again, length);
	text[length] = '\0';
	if ((mark_parse(&mark, text) == 0) != (mark.offset <= INT64_MAX))
		abort();
	free(text);
	return 0;
}
