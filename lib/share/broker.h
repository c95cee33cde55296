/*
 * broker: brings a viewer to the channel that it belongs to. If there is none,
 * it is started, in a process of its own.
 */
#ifndef BROKER_H
#define BROKER_H

#include "channel.h"
#include "handover.h"

#define BROKER_MS 10000 /* for the lock, and for a channel's answer */

enum broker_result {
	BROKER_TAKEN,  /* a channel has the viewer */
	BROKER_ENDED,  /* the viewer has had the end of its stream */
	BROKER_FULL,   /* the channel has no room */
	BROKER_LATE,   /* no channel answered in time */
	BROKER_FAILED, /* errno: of the socket directory, or of a start */
};

struct broker {
	struct channel_setup *setup; /* but socket, after and home */
	const char *last_event_id;
	struct handover_message message; /* its flags and replay */
	int viewer;                      /* the descriptor to hand over */

	/* the rest is the broker's own, 0 at first */
	int starts;    /* channels that were started for it */
	int tries;     /* to find one */
	int further_n; /* channels of -f that were past the id already */
};

/*
 * Finds a channel that takes the viewer. A channel that is about to end turns
 * it away; then the next one is tried, for 20 seconds. Blocks.
 */
enum broker_result broker_bring(struct broker *broker);

#endif
