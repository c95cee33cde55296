/*
 * entry: see entry.h.
 */
#include "entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* A number of n digits, as Redis writes it. */
static int
parse_number(const char *text, size_t n, uint64_t *number)
{
	char digits[UTIL_DIGITS_MAX + 1];

	if (n == 0 || n > UTIL_DIGITS_MAX || (n > 1 && *text == '0'))
		return -1;
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (strlen(digits) != n)
		return -1;
	return util_number(digits, 0, UINT64_MAX, number);
}

int
entry_id_parse(struct bytes text, struct entry_id *id)
{
	const char *dash = text.n > 0 ? memchr(text.at, '-', text.n) : NULL;
	size_t n = dash != NULL ? (size_t)(dash - text.at) : 0;

	if (dash == NULL || parse_number(text.at, n, &id->ms) == -1 ||
	    parse_number(dash + 1, text.n - n - 1, &id->seq) == -1) {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

size_t
entry_id_text(char text[ENTRY_ID_MAX], struct entry_id id)
{
	size_t n = util_digits(text, id.ms);

	text[n++] = '-';
	return n + util_digits(text + n, id.seq);
}

int
entry_id_compare(struct entry_id a, struct entry_id b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	return (a.seq > b.seq) - (a.seq < b.seq);
}

struct entry_id
entry_id_before(struct entry_id id)
{
	if (id.seq == 0)
		id.ms--;
	id.seq--; /* from 0 to the greatest there is */
	return id;
}

/* Appends; false where there is no memory. */
static bool
put(struct entry_space *space, const char *bytes, size_t n)
{
	size_t size = space->size > 0 ? space->size : 256;
	char *larger;

	while (size - space->n < n)
		size *= 2;
	if (size != space->size) {
		larger = realloc(space->at, size);
		if (larger == NULL)
			return false;
		space->at = larger;
		space->size = size;
	}
	memcpy(space->at + space->n, bytes, n);
	space->n += n;
	return true;
}

/* How long the well-formed UTF-8 character at text is; 0 if there is none. */
static size_t
character(const unsigned char *text, size_t n)
{
	unsigned char least = 0x80, most = 0xbf;
	size_t length = *text < 0x80   ? 1
			: *text < 0xc2 ? 0
			: *text < 0xe0 ? 2
			: *text < 0xf0 ? 3
			: *text < 0xf5 ? 4
				       : 0;

	if (length > n)
		return 0;
	if (*text == 0xe0)
		least = 0xa0; /* else it would be one of two bytes */
	if (*text == 0xed)
		most = 0x9f; /* above are surrogates */
	if (*text == 0xf0)
		least = 0x90;
	if (*text == 0xf4)
		most = 0x8f; /* the end of Unicode */
	for (size_t i = 1; i < length; i++) {
		if (text[i] < least || text[i] > most)
			return 0;
		least = 0x80;
		most = 0xbf;
	}
	return length;
}

/* A JSON string (RFC 8259); what is no UTF-8 becomes U+FFFD. */
static bool
put_string(struct entry_space *space, struct bytes text)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *at = (const unsigned char *)text.at;
	bool ok = put(space, "\"", 1);
	size_t n;

	for (size_t i = 0; ok && i<text.n; i += n> 0 ? n : 1) {
		n = character(at + i, text.n - i);
		if (n == 0)
			ok = put(space, "\xef\xbf\xbd", 3);
		else if (at[i] == '"' || at[i] == '\\')
			ok = put(space, (char[]){'\\', (char)at[i]}, 2);
		else if (at[i] < 0x20)
			ok = put(space, "\\u00", 4) &&
			     put(space,
				 (char[]){hex[at[i] >> 4], hex[at[i] & 15]}, 2);
		else
			ok = put(space, text.at + i, n);
	}
	return ok && put(space, "\"", 1);
}

static bool
is(const struct reply *reply, const char *text)
{
	return reply->text.n == strlen(text) && reply_begins(reply, text);
}

/* The fields, but for "event", which is the type. */
static int
put_object(struct entry_space *space, const struct reply *fields)
{
	const char *before = "{";

	space->n = 0;
	for (size_t i = 0; i + 1 < fields->n; i += 2) {
		if (is(fields->elements[i], "event"))
			continue;
		if (!put(space, before, 1) ||
		    !put_string(space, fields->elements[i]->text) ||
		    !put(space, ":", 1) ||
		    !put_string(space, fields->elements[i + 1]->text))
			return -1;
		before = ",";
	}
	if (*before == '{' && !put(space, before, 1))
		return -1;
	return put(space, "}", 1) ? 0 : -1;
}

/* Whether reply is [ID, [NAME, VALUE, ...]], of strings. */
static bool
well_formed(const struct reply *reply)
{
	const struct reply *fields;

	if (reply->type != REPLY_ARRAY || reply->n != 2 ||
	    reply->elements[0]->type != REPLY_STRING ||
	    reply->elements[1]->type != REPLY_ARRAY)
		return false;
	fields = reply->elements[1];
	for (size_t i = 0; i < fields->n; i++)
		if (fields->elements[i]->type != REPLY_STRING)
			return false;
	return fields->n % 2 == 0;
}

int
entry_event(const struct reply *reply, struct bytes type,
    struct entry_space *space, struct entry_id *id, struct event *event)
{
	const struct reply *fields, *data = NULL;

	if (!well_formed(reply) ||
	    entry_id_parse(reply->elements[0]->text, id) == -1) {
		errno = EPROTO;
		return -1;
	}
	*event = (struct event){
	    .id = reply->elements[0]->text,
	    .event = type,
	};
	fields = reply->elements[1];
	for (size_t i = 0; i < fields->n; i += 2) {
		const struct reply *value = fields->elements[i + 1];

		if (is(fields->elements[i], "data"))
			data = value;
		else if (is(fields->elements[i], "event") && value->text.n > 0)
			event->event = value->text;
	}
	if (data != NULL) {
		event->data = data->text;
		return 0;
	}
	if (put_object(space, fields) == -1)
		return -1;
	event->data = (struct bytes){space->at, space->n};
	return 0;
}

void
entry_free(struct entry_space *space)
{
	free(space->at);
	*space = (struct entry_space){NULL, 0, 0};
}
