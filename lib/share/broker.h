/*
 * broker: hands a viewer over to its channel. If the channel does not run yet,
 * starts it in a process of its own.
 */
#ifndef BROKER_H
#define BROKER_H

#include "channel.h"
#include "handover.h"

#define BROKER_MS 10000 /* to wait for the lock, and for an answer */

enum broker_result {
	BROKER_TAKEN,  /* a channel has the viewer */
	BROKER_ENDED,  /* the viewer already has the end of the stream */
	BROKER_FULL,   /* the channel has no room */
	BROKER_LATE,   /* no channel answered in time, or one failed: error */
	BROKER_FAILED, /* errno: the socket directory, or a start, failed */
};

struct broker {
	struct channel_setup *setup; /* without socket, after and home */
	const char *last_event_id;
	struct handover_message message; /* flags and replay are the caller's */
	int viewer;                      /* the descriptor to hand over */

	int error; /* errno of a channel that has failed, or 0 */

	/* the rest is the broker's own, 0 at first */
	int starts;    /* channels that were started for it */
	int tries;     /* to find one */
	int further_n; /* channels of -f that had dropped the id */
};

/*
 * Finds or starts a channel that takes the viewer. If a channel is just ending,
 * tries again with the next one, for 20 seconds. Blocks.
 */
enum broker_result broker_bring(struct broker *broker);

#endif
