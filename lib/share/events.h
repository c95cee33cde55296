/*
 * events: the stream that a channel shares. Encodes each event anew into the
 * ring, with an id of its own if it has none, and knows the id of the place
 * after the last one. Does no I/O, and knows nothing of viewers.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../frame.h"
#include "handover.h"
#include "ring.h"

#define EVENTS_ID_MAX 64 /* bytes of ids that are made here */

enum events_flags {
	EVENTS_DATA = 1,  /* it is an event, and no id field alone */
	EVENTS_ID = 2,    /* it has an id field, which may be empty */
	EVENTS_NO_ID = 4, /* none is made for it */
};

struct events {
	struct ring ring;
	uint64_t count;  /* of events so far */
	uint64_t number; /* of the last id that was made; 0: none was */
	bool made;       /* the last id was made */
	size_t last_id_n;
	char last_id[HANDOVER_ID_MAX]; /* one that is too long is empty */
	bool no_id;       /* an event without an id came after that */
	bool end;         /* the last event's id is "end" */
	int64_t retry_ms; /* of the last retry field, or -1 */

	/* the rest is the events' own */
	bool makes_ids;
	uint64_t start; /* ids that are made begin with it */
	struct frame *frame;
	struct bytes encoded; /* what events_put puts */
	struct bytes id;      /* its id, within that */
	unsigned int flags;
	bool makes;  /* that id was made */
	char *bytes; /* n of them, that frame does not hold; or NULL */
	size_t n;
};

/*
 * size: of the ring. after: the id that the program goes on after, or NULL;
 * with it no ids are made. The frame is the caller's, and may be used between
 * the calls. Returns 0, or -1 with errno ENOMEM.
 */
int events_init(
    struct events *events, size_t size, const char *after, struct frame *frame);

void events_free(struct events *events);

/*
 * Encodes an event, or an id field alone, with an OR of events_flags. Returns
 * the size in bytes, to be put with events_put before frame is used again; or
 * 0 with errno EMSGSIZE if that is more than the ring holds, ENOMEM.
 */
size_t events_encode(
    struct events *events, const struct event *event, unsigned int flags);

/* Likewise a retry field. */
size_t events_encode_retry(struct events *events, int64_t ms);

/* Puts what was encoded into the ring. Returns 0, or -1 with errno ENOMEM. */
int events_put(struct events *events);

#endif
