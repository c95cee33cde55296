/*
 * relay: the producer's events into the ring, encoded anew and each with an id,
 * and from there to the viewers, at the pace of the fastest one. It also knows
 * the stream as it is now, for viewers that come.
 */
#ifndef RELAY_H
#define RELAY_H

#include "../producer.h"
#include "handover.h"
#include "ring.h"
#include "setup.h"
#include "viewers.h"

struct relay {
	/* the channel's; frame may be used between the calls */
	const struct channel_setup *setup;
	struct producer *producer;
	struct viewers *viewers;
	struct frame *frame;
	int64_t sent_ns;   /* when something was last sent to all */
	int64_t starts_ns; /* of greeting_send_starts, or UTIL_NEVER */

	/* the stream so far, for the others to read */
	struct ring ring;
	uint64_t count;  /* of events */
	uint64_t number; /* of the last id that was made; 0: none was */
	bool made;       /* the last id was made */
	size_t last_id_n;
	char last_id[HANDOVER_ID_MAX]; /* one that is too long is empty */
	bool no_id;       /* an event without an id came after that */
	bool end;         /* the last event's id is "end" */
	int64_t retry_ms; /* of the last retry field, or -1 */

	/* the rest is the relay's own; first what is to be put into the ring */
	struct bytes frames;
	struct bytes id; /* within that */
	bool data;       /* it is an event, and no id field alone */
	bool own; /* it has an id field of the program's, or is to have none */
	bool makes;  /* its id was made */
	char *bytes; /* n of them, that frame does not hold; or NULL */
	size_t n;

	uint64_t start;    /* ids that are made begin with it */
	int64_t pushed_ns; /* when events were last written */
	bool too_long_logged;
	bool paused;    /* the producer is not read: all viewers lag */
	bool impatient; /* they did so for too long: it is read */
	int64_t paused_ns;
};

/*
 * The stream begins, with setup's after as the id of its place, or with one
 * that is made. Returns 0, or -1 with errno ENOMEM.
 */
int relay_init(struct relay *relay);

/*
 * Passes on what the producer has. Returns why there is no more: PRODUCER_IDLE,
 * _END, or _FAILED with producer->why, also if memory is out.
 */
enum producer_result relay_pass(struct relay *relay);

/*
 * The producer waits if otherwise all viewers would lose what it writes, for 5
 * seconds if none of them moves; as long while nobody has come; and if hold.
 * moved: a viewer took something since the last call. Returns 0, or -1 with
 * errno.
 */
int relay_pace(struct relay *relay, bool moved, bool nobody, bool hold);

/* Sends a keepalive to all that have had everything, if it is due. */
void relay_keepalive(struct relay *relay, int64_t now_ns);

/* When one of these three is to be called at the latest, or UTIL_NEVER. */
int64_t relay_due(const struct relay *relay);

#endif
