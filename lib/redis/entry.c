/*
 * entry: reads and writes ids, and selects the fields of one entry. The order
 * of entries is left to history.
 */
#include "entry.h"

#include <string.h>

#include "../json.h"
#include "../util.h"

int
entry_id_parse(struct bytes text, struct entry_id *id)
{
	char copy[ENTRY_ID_MAX], *dash;

	if (text.n == 0 || text.n >= sizeof(copy))
		return -1;
	memcpy(copy, text.at, text.n);
	copy[text.n] = '\0';
	dash = strchr(copy, '-');
	if (dash == NULL)
		return -1;
	*dash = '\0';
	if (util_number(copy, 0, UINT64_MAX, &id->ms) == -1 ||
	    util_number(dash + 1, 0, UINT64_MAX, &id->seq) == -1)
		return -1;
	return bytes_equal((struct bytes){copy, entry_id_text(copy, *id)}, text)
		   ? 0
		   : -1;
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
	id.seq--; /* wraps from 0 to UINT64_MAX */
	return id;
}

/* Whether reply is [ID, [NAME, VALUE, ...]] with strings only. */
static bool
well_formed(const redisReply *reply)
{
	const redisReply *fields;

	if (!reply_has(reply, 2) ||
	    reply->element[0]->type != REDIS_REPLY_STRING ||
	    reply->element[1]->type != REDIS_REPLY_ARRAY)
		return false;
	fields = reply->element[1];
	for (size_t i = 0; i < fields->elements; i++)
		if (fields->element[i]->type != REDIS_REPLY_STRING)
			return false;
	return fields->elements % 2 == 0;
}

int
entry_read(struct entry *entry, const redisReply *reply, struct bytes type)
{
	const redisReply *fields, *data = NULL;

	if (!well_formed(reply))
		return -1;
	fields = reply->element[1];
	for (size_t i = 0; i < fields->elements; i += 2) {
		const redisReply *value = fields->element[i + 1];

		if (reply_is(fields->element[i], "data"))
			data = value;
		else if (reply_is(fields->element[i], "event") &&
			 value->len > 0)
			type = reply_text(value);
	}
	*entry = (struct entry){
	    .event = {.id = reply_text(reply->element[0]), .type = type},
	    .fields = data == NULL ? fields : NULL,
	};
	if (data != NULL)
		entry->event.data = reply_text(data);
	return 0;
}

void
entry_put(const struct entry *entry, struct frame *frame)
{
	const redisReply *fields = entry->fields;
	const char *before = "{";

	if (fields == NULL) {
		frame_event(frame, &entry->event);
		return;
	}
	frame_fields(frame, &entry->event);
	frame_text(frame, "data: ");
	for (size_t i = 0; i < fields->elements; i += 2) {
		if (reply_is(fields->element[i], "event"))
			continue;
		frame_text(frame, before);
		json_string(frame, reply_text(fields->element[i]));
		frame_text(frame, ":");
		json_string(frame, reply_text(fields->element[i + 1]));
		before = ",";
	}
	frame_text(frame, *before == '{' ? "{}\n\n" : "}\n\n");
}
