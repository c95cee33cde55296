/*
 * response: takes any bytes, at once and one by one with the same result, and
 * writes lines alone: no field of the program can end the header early.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(int condition)
{
	if (!condition)
		abort();
}

/* Takes the header in pieces of step bytes. Returns as response_take does. */
static int
take(struct response *response, const char *data, size_t size, size_t step)
{
	int result = 0;

	response_init(response);
	for (size_t i = 0; i < size && result == 0; i += step) {
		size_t n = size - i < step ? size - i : step;
		/* of its own, so that a sanitizer sees what is read behind it
		 */
		char *piece = malloc(n);
		struct bytes input = {piece, n};

		expect(piece != NULL);
		memcpy(piece, data + i, n);
		result = response_take(response, &input);
		free(piece);
	}
	return result;
}

static int
check(void *to, const char *bytes, size_t n)
{
	(void)to;
	expect(n >= 2 && memcmp(bytes + n - 2, "\r\n", 2) == 0);
	for (size_t i = 0; i + 4 < n; i++)
		expect(memcmp(bytes + i, "\r\n\r\n", 4) != 0);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const extra[] = {
	    "X-Extra: 1", "Content-Type: text/event-stream; charset=utf-8"};
	static struct response whole, bytes;
	static struct frame frame;
	int result = take(&whole, (const char *)data, size, size + 1);

	expect(take(&bytes, (const char *)data, size, 1) == result);
	if (result != 1)
		return 0;
	expect(whole.status == bytes.status && whole.stream == bytes.stream);
	expect(whole.n == bytes.n &&
	       memcmp(whole.bytes, bytes.bytes, whole.n) == 0);
	for (int nph = 0; nph < 2; nph++) {
		frame_init(&frame, check, NULL);
		response_write(&whole, &frame, nph, extra, 2);
		expect(frame_flush(&frame) == 0);
	}
	return 0;
}
