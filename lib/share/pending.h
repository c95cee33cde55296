/*
 * pending: the connections to a channel's socket, from accept to the one
 * message of each. Hands the message up, with the viewer's descriptor; what
 * is done about it, and the answer, are the channel's business.
 */
#ifndef PENDING_H
#define PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "handover.h"

#define PENDING_MAX 64

struct pending_connection {
	int fd;
	int64_t until_ns; /* it is closed then */
};

struct pending {
	int listener; /* -1 once it is closed */
	int poller;
	int64_t open_ns; /* when it accepts again; POLLER_NEVER: it does */
	size_t n;
	struct pending_connection all[PENDING_MAX]; /* without a message */
};

struct pending_request {
	struct handover_message message;
	int fd;     /* for the answer; the caller closes it */
	int viewer; /* likewise; -1 if none came */
};

/*
 * Takes the listener, which is non-blocking, and watches it. Returns 0, or -1
 * with errno.
 */
int pending_init(struct pending *pending, int listener, int poller);

/*
 * The poller had an event for fd, the listener or a connection: finds the next
 * message. Returns 1 with *request, or 0 if there is none now. A connection
 * without a message has 5 seconds, and is closed before if there are too many.
 * If no descriptor is left, others wait outside for a second. A connection with
 * HANDOVER_QUIT is kept until pending_close, which is its answer: request->fd
 * is -1.
 */
int pending_next(
    struct pending *pending, int fd, struct pending_request *request);

/* When pending_expire is to be called, or POLLER_NEVER. */
int64_t pending_due(const struct pending *pending);

/* Closes connections whose time is over, and accepts again. */
void pending_expire(struct pending *pending, int64_t now_ns);

/*
 * Closes the listener, once its socket has no name any more, and all
 * connections, also those that were not accepted: their clients see it, and
 * try again.
 */
void pending_close(struct pending *pending);

#endif
