/*
 * entry: converts an entry of a Redis stream to an event. Its field "data"
 * becomes the data and its field "event" the type; without "data", the data is
 * a JSON object of the other fields. It does no I/O.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "../frame.h"
#include "reply.h"

#define ENTRY_ID_MAX 42 /* bytes of an id's text: two numbers, "-", NUL */

/* Ordered by ms, then seq; 0-0 is less than the id of any entry. */
struct entry_id {
	uint64_t ms;
	uint64_t seq;
};

/*
 * Reads "MS-SEQ", exactly as Redis writes it: no sign, no leading zero, nothing
 * around it. Returns 0 or -1.
 */
int entry_id_parse(struct bytes text, struct entry_id *id);

/* Writes id as a string. Returns its length in bytes, without the NUL. */
size_t entry_id_text(char text[ENTRY_ID_MAX], struct entry_id id);

/* -1, 0 or 1 if a is less than, equal to or greater than b. */
int entry_id_compare(struct entry_id a, struct entry_id b);

/* The greatest id that is less than id, which is not 0-0. */
struct entry_id entry_id_before(struct entry_id id);

struct entry {
	struct event event;
	const redisReply *fields; /* to encode as JSON; or NULL */
};

/*
 * Reads an entry from reply, [ID, [NAME, VALUE, ...]]; entry then points into
 * reply. An entry without "event" gets type (empty: none). Returns 0, or -1 if
 * reply is not an entry.
 */
int entry_read(struct entry *entry, const redisReply *reply, struct bytes type);

/* Encodes entry as an event. */
void entry_put(const struct entry *entry, struct frame *frame);

#endif
