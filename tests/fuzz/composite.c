/*
 * fuzz-composite: sse-mux's ids. A text that is accepted is what would be made,
 * and of the characters that cost no viewer a CORS preflight; an id comes out
 * as it was put in, and changes no other.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/mux/composite.h"

#define PLAIN \
	"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.-_"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
expect(int condition)
{
	if (!condition)
		abort();
}

/* The text of composite is accepted, and is the same again. */
static void
check_text(const struct composite *composite, char *const list[])
{
	static struct composite again;
	struct bytes made = composite_text(composite), same;
	char *text = malloc(made.n + 1);

	expect(text != NULL && made.n <= COMPOSITE_MAX);
	memcpy(text, made.at, made.n);
	text[made.n] = '\0';
	expect(strspn(text, PLAIN) == made.n);
	composite_init(&again, list, composite->parts);
	expect(composite_parse(&again, text) == 0);
	same = composite_text(&again);
	/* a part that was not empty, and is again, is not in the text */
	expect(bytes_equal(made, same) && again.placed <= composite->placed);
	free(text);
}

/* Puts id at i. */
static void
set(struct composite *composite, size_t i, struct bytes id)
{
	static char before[COMPOSITE_PARTS][COMPOSITE_MAX];
	char got[COMPOSITE_MAX];
	size_t n;
	int result;

	for (size_t part = 0; part < composite->parts; part++)
		(void)composite_get(composite, part, before[part]);
	result = composite_set(composite, i, id);
	for (size_t part = 0; part < composite->parts; part++) {
		n = composite_get(composite, part, got);
		if (part != i)
			expect(strcmp(got, before[part]) == 0);
		else if (result == 0 && n > 0)
			expect(bytes_equal(id, (struct bytes){got, n}));
		else
			expect(n == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct composite composite;
	static char *const list[COMPOSITE_PARTS] = {"a", "b", "c", "d", "e",
	    "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
	    "s", "t", "u", "v", "w", "x", "y"};
	size_t size, parts = n > 0 ? 1 + data[0] % COMPOSITE_PARTS : 1;
	char *text = malloc(n + 9);

	expect(text != NULL);
	composite_init(&composite, list, parts);
	memcpy(text, composite.text, 8); /* its digest */
	if (n > 1)
		memcpy(text + 8, data + 1, n - 1);
	text[8 + (n > 1 ? n - 1 : 0)] = '\0';
	if (composite_parse(&composite, text) == 0)
		expect(bytes_equal(composite_text(&composite), bytes_of(text)));
	else
		expect(!composite.placed);
	check_text(&composite, list);
	/* a place, a length, and so many bytes of an id; and so on */
	for (size_t at = 1; n - at > 2 && at < n; at += 2 + size) {
		size = (size_t)data[at + 1] * 4;
		if (size > n - at - 2)
			size = n - at - 2;
		memcpy(text, data + at + 2, size);
		set(&composite, data[at] % parts, (struct bytes){text, size});
	}
	check_text(&composite, list);
	free(text);
	return 0;
}
