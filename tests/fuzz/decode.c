/*
 * Fuzzes lib/decode and lib/json: any bytes, in any chunks, below and above
 * the bound, must come out the same; what comes out is one line an event.
 * The first bytes say how the rest is cut.
 */
#include <stdint.h>

#include "../tools/decoded.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct cut {
	const uint8_t *sizes;
	size_t n;
	size_t at;
};

static size_t
whole(void *with, size_t left)
{
	(void)with;
	return left;
}

static size_t
as_cut(void *with, size_t left)
{
	struct cut *cut = with;
	size_t n = cut->sizes[cut->at++ % cut->n] % 16 + (size_t)1;

	return n < left ? n : left;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct cut cut = {bytes, 4, 0};
	struct bytes stream = {(const char *)bytes + 5, n - 5};
	struct text text, other;
	size_t max;

	if (n < 5)
		return 0;
	max = bytes[4] < 128 ? DECODE_MAX_DEFAULT : bytes[4] % 32;
	text = decoded(stream, max, whole, NULL);
	other = decoded(stream, max, as_cut, &cut);
	if (text.n != other.n ||
	    (text.n > 0 && memcmp(text.at, other.at, text.n) != 0))
		abort();
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.at[i] < ' ' && text.at[i] != '\n')
			abort();
	free(text.at);
	free(other.at);
	return 0;
}
