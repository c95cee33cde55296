/*
 * json: copies runs of bytes that need no escape.
 */
#include "json.h"

#include <string.h>

#include "util.h"

#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether a string must escape byte: a quote, backslash or control character.
 */
static bool
is_special(unsigned char byte)
{
	return byte < ' ' || byte == '"' || byte == '\\';
}

/* Whether one of eight bytes is special. */
static bool
has_special(uint64_t eight)
{
	uint64_t quote = eight ^ EIGHT('"'), slash = eight ^ EIGHT('\\');

	return (((eight - EIGHT(' ')) & ~eight) |
		   ((quote - EIGHT(1)) & ~quote) |
		   ((slash - EIGHT(1)) & ~slash)) &
	       EIGHT(0x80);
}

static const char *
special(const char *at, const char *end)
{
	uint64_t eight;

	for (; end - at >= (ptrdiff_t)sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, at, sizeof(eight));
		if (has_special(eight))
			break;
	}
	while (at < end && !is_special((unsigned char)*at))
		at++;
	return at;
}

static void
put_escape(struct frame *frame, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
	const char *known = byte == 0 ? NULL : strchr(from, byte);

	if (known == NULL) {
		frame_raw(frame, escape, sizeof(escape));
		return;
	}
	escape[1] = to[known - from];
	frame_raw(frame, escape, 2);
}

void
json_string(struct frame *frame, struct bytes text)
{
	const char *at = text.n > 0 ? text.at : ""; /* not NULL */
	const char *end = at + text.n, *next;

	frame_raw(frame, "\"", 1);
	for (; at < end; at = next) {
		next = special(at, end);
		frame_utf8(frame, (struct bytes){at, (size_t)(next - at)});
		if (next < end)
			put_escape(frame, (unsigned char)*next++);
	}
	frame_raw(frame, "\"", 1);
}

void
json_number(struct frame *frame, uint64_t number)
{
	char digits[UTIL_DIGITS_MAX];

	frame_raw(frame, digits, util_digits(digits, number));
}
