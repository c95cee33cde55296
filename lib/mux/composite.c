/*
 * composite: keeps the text, and where each part ends in it, so that an event
 * changes one part and moves the rest. What the ids mean is left to source.
 */
#include "composite.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "../frame.h"
#include "../util.h"

#define DIGEST_N 8 /* hexadecimal digits */
#define BETWEEN 2  /* bytes between two parts: "__" */

/* FNV-1a, of the strings with their NULs. */
static uint32_t
digest(char *const list[], size_t n)
{
	uint32_t hash = UINT32_C(2166136261);
	const char *at;

	for (size_t i = 0; i < n; i++) {
		at = list[i];
		do {
			hash ^= (unsigned char)*at;
			hash *= UINT32_C(16777619);
		} while (*at++ != '\0');
	}
	return hash;
}

void
composite_init(struct composite *composite, char *const list[], size_t parts)
{
	char *to = composite->text;

	composite->parts = parts;
	composite->placed = false;
	to +=
	    snprintf(to, DIGEST_N + 1, "%08jx", (uintmax_t)digest(list, parts));
	composite->end[0] = DIGEST_N;
	for (size_t i = 1; i <= parts; i++) {
		memset(to, '_', BETWEEN);
		to += BETWEEN;
		composite->end[i] = (size_t)(to - composite->text);
	}
}

static size_t
part_start(const struct composite *composite, size_t i)
{
	return composite->end[i] + BETWEEN;
}

static bool
is_plain(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '.' || c == '-';
}

/* How many bytes id is when it is coded. */
static size_t
coded_size(struct bytes id)
{
	size_t n = 0;

	for (size_t i = 0; i < id.n; i++)
		n += is_plain(id.at[i]) ? 1 : 3;
	return n;
}

static void
put_coded(char *to, struct bytes id)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < id.n; i++) {
		unsigned char byte = (unsigned char)id.at[i];

		if (is_plain(id.at[i])) {
			*to++ = id.at[i];
			continue;
		}
		*to++ = '_';
		*to++ = digits[byte >> 4];
		*to++ = digits[byte & 15];
	}
}

/* Makes the part at i n bytes long, which are to be written. */
static char *
resize(struct composite *composite, size_t i, size_t n)
{
	size_t *end = composite->end;
	size_t start = part_start(composite, i), old = end[i + 1];
	size_t rest = end[composite->parts] - old;

	memmove(composite->text + start + n, composite->text + old, rest);
	for (size_t later = i + 1; later <= composite->parts; later++)
		end[later] = end[later] - old + start + n;
	return composite->text + start;
}

int
composite_set(struct composite *composite, size_t i, struct bytes id)
{
	size_t before = composite->end[composite->parts] -
			(composite->end[i + 1] - part_start(composite, i));
	size_t n = frame_field_ok(id) ? coded_size(id) : 0;
	int result = n > COMPOSITE_MAX - before ? -1 : 0;

	if (result == -1 || n == 0)
		id.n = n = 0;
	put_coded(resize(composite, i, n), id);
	composite->placed = composite->placed || n > 0;
	return result;
}

/* Decodes n bytes of text, escapes that are none as they are. */
static size_t
decode(char *to, const char *at, size_t n)
{
	char *first = to;
	int byte;

	for (const char *end = at + n; at < end; at++) {
		byte = -1;
		if (*at == '_' && end - at > 2)
			byte = util_percent(
			    (const char[]){'%', at[1], at[2], '\0'});
		if (byte == -1) {
			*to++ = *at;
			continue;
		}
		*to++ = (char)byte;
		at += 2;
	}
	return (size_t)(to - first);
}

size_t
composite_get(
    const struct composite *composite, size_t i, char id[COMPOSITE_MAX])
{
	size_t start = part_start(composite, i);
	size_t n =
	    decode(id, composite->text + start, composite->end[i + 1] - start);

	id[n] = '\0'; /* the text is longer than any part of it */
	return n;
}

/* The parts of what follows the digest; those that are missing stay empty. */
static void
take_parts(struct composite *composite, const char *at)
{
	char id[COMPOSITE_MAX];
	const char *next;
	size_t n;

	for (size_t i = 0; i < composite->parts && *at != '\0'; i++) {
		at += BETWEEN;
		next = strstr(at, "__");
		if (next == NULL)
			next = at + strlen(at);
		n = decode(id, at, (size_t)(next - at));
		/* one that does not fit is not of this composite's making */
		(void)composite_set(composite, i, (struct bytes){id, n});
		at = next;
	}
}

int
composite_parse(struct composite *composite, const char *text)
{
	size_t n = strlen(text);
	struct bytes made;

	if (n >= part_start(composite, 0) && n <= COMPOSITE_MAX) {
		take_parts(composite, text + DIGEST_N);
		/* whatever differs from what would be made was not */
		made = composite_text(composite);
		if (made.n == n && memcmp(made.at, text, n) == 0)
			return 0;
	}
	for (size_t i = 0; i < composite->parts; i++)
		(void)composite_set(composite, i, (struct bytes){NULL, 0});
	composite->placed = false;
	return -1;
}

struct bytes
composite_text(const struct composite *composite)
{
	return (struct bytes){
	    composite->text, composite->end[composite->parts]};
}
