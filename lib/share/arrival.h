/*
 * arrival: handles the connections to a channel's socket, from accept to the
 * answer. Each brings one message: a viewer, with its Last-Event-ID if it has
 * one, or a question about the channel. A viewer's place in the ring is found
 * here; greeting writes to the viewer.
 */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include "relay.h"

#define ARRIVAL_MAX 64                      /* connections without a message */
#define ARRIVAL_FIRST_NS (5000 * POLLER_MS) /* for an expected viewer */

struct arrival_pending {
	int fd;
	int64_t until_ns; /* it is closed then, without a message */
};

struct arrival {
	/* set by the channel */
	int poller;
	struct relay *relay;
	bool streams;    /* the header is known: viewers need not wait */
	bool ended;      /* the stream has ended, with an event "end" */
	int64_t born_ns; /* when the channel began */

	bool had_viewer;     /* a viewer has come */
	int64_t expected_ns; /* the channel waits until then for a viewer */
	bool quit;           /* the channel must end */
	bool newcomer;       /* a viewer without an id has come */

	/* the rest is the arrival's own */
	int listener;    /* -1 once it is closed */
	int64_t open_ns; /* when to resume accept, or UTIL_NEVER */
	size_t n;
	struct arrival_pending pending[ARRIVAL_MAX]; /* the oldest first */
};

/*
 * Watches the setup's socket, which is non-blocking. Returns 0, or -1 with
 * errno.
 */
int arrival_open(struct arrival *arrival);

/*
 * To be called when the poller has an event for fd, the listener or a
 * connection. Accepts at most ARRIVAL_MAX connections, and answers the messages
 * that are there. A connection without a message is closed after 5 seconds, or
 * when there are too many. If descriptors run out, nothing is accepted for a
 * second.
 */
void arrival_ready(struct arrival *arrival, int fd);

/* When arrival_expire is to be called, or UTIL_NEVER. */
int64_t arrival_due(const struct arrival *arrival);

/* Closes connections whose time is over, and accepts again. */
void arrival_expire(struct arrival *arrival, int64_t now_ns);

/*
 * To be called after sockdir_leave. Closes the listener and all connections,
 * also those not accepted yet: their clients see EOF, and try again. For a
 * client that asked the channel to end, EOF is the answer.
 */
void arrival_close(struct arrival *arrival);

#endif
