/*
 * entry: reads and writes ids, and picks the fields of an entry apart. What
 * comes before or after an entry is history's.
 */
#include "entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../json.h"
#include "../util.h"

/* Reads a number of n digits, as Redis writes it. Returns 0 or -1. */
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
	n += util_digits(text + n, id.seq);
	text[n] = '\0';
	return n;
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

/* The frame's sink: appends the JSON. */
static int
append(void *to, const char *bytes, size_t n)
{
	struct entry_space *space = to;
	size_t size = space->size > 0 ? space->size : FRAME_BUFFER;
	char *larger;

	while (size - space->n < n)
		size *= 2;
	if (size != space->size) {
		larger = realloc(space->at, size);
		if (larger == NULL)
			return -1;
		space->at = larger;
		space->size = size;
	}
	memcpy(space->at + space->n, bytes, n);
	space->n += n;
	return 0;
}

void
entry_init(struct entry_space *space)
{
	space->at = NULL;
	space->size = space->n = 0;
	frame_init(&space->frame, append, space);
}

void
entry_free(struct entry_space *space)
{
	free(space->at);
	entry_init(space);
}

/* Makes JSON of the fields except "event", the type. Returns 0 or -1. */
static int
put_object(struct entry_space *space, const struct reply *fields)
{
	struct frame *frame = &space->frame;
	const char *before = "{";

	space->n = 0;
	for (size_t i = 0; i + 1 < fields->n; i += 2) {
		if (reply_is(fields->elements[i], "event"))
			continue;
		frame_raw(frame, before, 1);
		json_string(frame, fields->elements[i]->text);
		frame_raw(frame, ":", 1);
		json_string(frame, fields->elements[i + 1]->text);
		before = ",";
	}
	if (*before == '{')
		frame_raw(frame, before, 1);
	frame_raw(frame, "}", 1);
	return frame_flush(frame);
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
    struct entry_space *space, struct event *event)
{
	const struct reply *fields;
	bool has_data = false;

	if (!well_formed(reply)) {
		errno = EPROTO;
		return -1;
	}
	*event = (struct event){
	    .id = reply->elements[0]->text,
	    .type = type,
	};
	fields = reply->elements[1];
	for (size_t i = 0; i < fields->n; i += 2) {
		const struct reply *value = fields->elements[i + 1];

		if (reply_is(fields->elements[i], "data")) {
			event->data = value->text;
			has_data = true;
		} else if (reply_is(fields->elements[i], "event") &&
			   value->text.n > 0)
			event->type = value->text;
	}
	if (has_data)
		return 0;
	if (put_object(space, fields) == -1)
		return -1;
	event->data = (struct bytes){space->at, space->n};
	return 0;
}
