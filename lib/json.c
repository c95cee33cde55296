/*
 * json: copies plain ASCII, which most text is, in runs; only other bytes are
 * looked at one by one. Objects are left to the caller.
 */
#include "json.h"

#include <string.h>

#include "util.h"

#define EIGHT(byte) (UINT64_C(0x0101010101010101) * (byte))

static const char replacement[] = "\xef\xbf\xbd";

/* Neither a quote, a backslash, a control character nor beyond ASCII. */
static int
is_plain(unsigned char byte)
{
	return byte >= ' ' && byte != '"' && byte != '\\' && byte < 0x80;
}

/* Whether all eight bytes are plain; 0 is no proof that one is not. */
static int
are_plain(uint64_t eight)
{
	uint64_t quote = eight ^ EIGHT('"'), slash = eight ^ EIGHT('\\');

	/* below ' ', or 0 after the exclusive or: subtracting borrows */
	return ((eight | (eight - EIGHT(' ')) | (quote - EIGHT(1)) |
		    (slash - EIGHT(1))) &
		   EIGHT(0x80)) == 0;
}

static const char *
plain_end(const char *at, const char *end)
{
	uint64_t eight;

	for (; end - at >= (ptrdiff_t)sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, at, sizeof(eight));
		if (!are_plain(eight))
			break;
	}
	while (at < end && is_plain((unsigned char)*at))
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

/* Characters beyond ASCII, as many as follow each other. */
static const char *
put_beyond(struct frame *frame, const char *at, const char *end)
{
	const char *from = at, *next;
	bool whole;

	while (at < end && (unsigned char)*at >= 0x80) {
		next = util_character_end(at, end, &whole);
		if (!whole) {
			frame_raw(frame, from, (size_t)(at - from));
			frame_raw(frame, replacement, 3);
			from = next;
		}
		at = next;
	}
	frame_raw(frame, from, (size_t)(at - from));
	return at;
}

void
json_string(struct frame *frame, struct bytes text)
{
	const char *at = text.n > 0 ? text.at : ""; /* not NULL */
	const char *end = at + text.n, *plain;

	frame_raw(frame, "\"", 1);
	while (at < end) {
		plain = plain_end(at, end);
		frame_raw(frame, at, (size_t)(plain - at));
		at = plain;
		if (at == end)
			break;
		if ((unsigned char)*at >= 0x80)
			at = put_beyond(frame, at, end);
		else
			put_escape(frame, (unsigned char)*at++);
	}
	frame_raw(frame, "\"", 1);
}

void
json_number(struct frame *frame, uint64_t number)
{
	char digits[UTIL_DIGITS_MAX];

	frame_raw(frame, digits, util_digits(digits, number));
}
