/*
 * arrival: the connections to a channel's socket, from accept to the answer. On
 * each comes one message: a viewer, with its Last-Event-ID or without, or a
 * question about the channel. A viewer's place in the ring is found here; what
 * it is sent is left to greeting.
 */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include "events.h"
#include "greeting.h"
#include "setup.h"
#include "viewers.h"

#define ARRIVAL_MAX 64 /* connections without a message */

struct arrival_pending {
	int fd;
	int64_t until_ns; /* it is closed then */
};

struct arrival {
	/* the channel's */
	const struct channel_setup *setup;
	int poller;
	const struct events *events;
	struct viewers *viewers;
	struct greeting *greeting;
	bool streams;    /* viewers get what the ring has, and do not wait */
	bool ended;      /* the stream has ended, with an event "end" */
	int64_t born_ns; /* when the channel began */

	bool had_viewer;     /* a viewer has come */
	int64_t expected_ns; /* until then another one may still come */
	bool quit;           /* the channel is asked to end */
	bool newcomer;       /* a viewer without an id has come */

	/* the rest is the arrival's own */
	int listener;    /* -1 once it is closed */
	int64_t open_ns; /* when it accepts again; UTIL_NEVER: it does */
	size_t n;
	struct arrival_pending pending[ARRIVAL_MAX]; /* the oldest first */
};

/*
 * Watches the setup's socket, which is non-blocking. Returns 0, or -1 with
 * errno.
 */
int arrival_open(struct arrival *arrival);

/*
 * The poller had an event for fd, the listener or a connection: answers the
 * requests that have come, ARRIVAL_MAX at the most, so that a crowd stops
 * nothing else. A connection without a message has 5 seconds, and is closed
 * before if there are too many. If no descriptor is left, others wait outside
 * for a second.
 */
void arrival_ready(struct arrival *arrival, int fd);

/* When arrival_expire is to be called, or UTIL_NEVER. */
int64_t arrival_due(const struct arrival *arrival);

/* Closes connections whose time is over, and accepts again. */
void arrival_expire(struct arrival *arrival, int64_t now_ns);

/*
 * Closes the listener, once its socket has no name any more, and all
 * connections, also those that were not accepted: their clients see it, and try
 * again. To those that asked the channel to end this is the answer.
 */
void arrival_close(struct arrival *arrival);

#endif
