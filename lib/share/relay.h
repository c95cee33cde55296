/*
 * relay: from the producer into the ring of events, and from there to the
 * viewers, at the pace of the fastest one.
 */
#ifndef RELAY_H
#define RELAY_H

#include "../producer.h"
#include "events.h"
#include "setup.h"
#include "viewers.h"

struct relay {
	const struct channel_setup *setup;
	struct producer *producer;
	struct events *events;
	struct viewers *viewers;
	struct frame *frame;
	int64_t sent_ns; /* when something was last sent to all */

	/* the rest is the relay's own */
	bool too_long_logged;
	bool paused;    /* the producer is not read: all viewers lag */
	bool impatient; /* they did so for too long: it is read */
	int64_t paused_ns;
};

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

/* When one of these two is to be called at the latest, or UTIL_NEVER. */
int64_t relay_due(const struct relay *relay);

#endif
