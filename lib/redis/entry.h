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
 * leading zero, nothing around it. Returns 0, or -1 with errno EINVAL.
 */
int entry_id_parse(struct bytes text, struct entry_id *id);

/* Writes it with a NUL; returns its length in bytes, without that. */
size_t entry_id_text(char text[ENTRY_ID_MAX], struct entry_id id);

/* Less than, equal to or greater than 0, as a is compared to b. */
int entry_id_compare(struct entry_id a, struct entry_id b);

/* The id just before id, which is not 0-0. */
struct entry_id entry_id_before(struct entry_id id);

/* Memory for an event's JSON, which entry_event enlarges as needed. */
struct entry_space {
	struct frame frame; /* what encodes it */
	char *at;
	size_t size;
	size_t n;
};

/* Takes no memory yet. */
void entry_init(struct entry_space *space);

/*
 * Makes an event of an entry's reply, [ID, [NAME, VALUE, ...]]; type is that
 * of an entry without "event" (n is 0 for none). The event points into reply
 * and, until the next call, into space. Returns 0 with *event, or -1 with
 * errno EPROTO (this is no entry) or ENOMEM.
 */
int entry_event(const struct reply *reply, struct bytes type,
    struct entry_space *space, struct event *event);

/* Frees what entry_event allocated; space can be used again. */
void entry_free(struct entry_space *space);

#endif
