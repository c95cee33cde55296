/*
 * entry: an entry of a Redis stream, and its id, as an event. Its field
 * "data" is the data and its field "event" the type; the data of an entry
 * without "data" is a JSON object of its other fields. It does no I/O.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "../frame.h"
#include "reply.h"

#define ENTRY_ID_MAX 42 /* bytes of an id's text: two numbers, "-", NUL */

/* Ids are ordered; 0-0 is before that of any entry. */
struct entry_id {
	uint64_t ms;
	uint64_t seq;
};

/*
 * Reads "MS-SEQ", as Redis itself writes it and not otherwise: no sign, no
 * leading zero, nothing around it. Returns 0 or -1.
 */
int entry_id_parse(struct bytes text, struct entry_id *id);

/* Writes it with a NUL; returns its length in bytes, without that. */
size_t entry_id_text(char text[ENTRY_ID_MAX], struct entry_id id);

/* Less than, equal to or greater than 0, as a is compared to b. */
int entry_id_compare(struct entry_id a, struct entry_id b);

/* The id just before id, which is not 0-0. */
struct entry_id entry_id_before(struct entry_id id);

struct entry {
	struct event event;
	const redisReply *fields; /* of the JSON object; NULL: event.data */
};

/*
 * Reads an entry's reply, [ID, [NAME, VALUE, ...]], into which entry points
 * then; type is that of an entry without "event" (n is 0 for none). Returns 0,
 * or -1: this is no entry.
 */
int entry_read(struct entry *entry, const redisReply *reply, struct bytes type);

/* Encodes it as an event. */
void entry_put(const struct entry *entry, struct frame *frame);

#endif
