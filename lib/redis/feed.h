/*
 * feed: the entries of a Redis stream as events, over every loss of the
 * connection. It never blocks, knows nothing of the client, and logs nothing:
 *
 *	while ((result = feed_next(&feed)) is EVENT or GAP)
 *		send feed.event;
 *	at IDLE wait for feed.fd or feed.due_ns, and go on
 */
#ifndef FEED_H
#define FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "../frame.h"
#include "entry.h"
#include "history.h"
#include "redis.h"

enum feed_result {
	FEED_EVENT,  /* feed.event: an entry, or a new client's "start" */
	FEED_GAP,    /* feed.event tells that entries may be missing */
	FEED_IDLE,   /* wait until fd has events, or until due_ns */
	FEED_END,    /* it ends; once somebody mends why, it works again */
	FEED_FAILED, /* it ends, and retrying cannot help: see why */
};

struct feed {
	struct event event; /* with EVENT and GAP; valid until feed_next */
	int fd;             /* with IDLE, as the next two; -1 for none */
	short events;       /* of poll */
	int64_t due_ns;     /* on the clock of util_now_ns */
	bool answered;      /* the server has shown the stream */
	const char *why;    /* with END and FAILED; with IDLE, unless NULL, why
			       the server cannot be reached: to be logged */

	/* the rest is the module's own */
	struct redis redis;
	struct history history;
	struct entry_space space;
	struct bytes type;
	char id[ENTRY_ID_MAX]; /* of event, if it is no entry's */
	bool sent;             /* EVENT or GAP was the last result */
	unsigned int lost;     /* times, without an answer in between */
};

/*
 * Starts at the server that url names, with files for TLS, at the stream key,
 * as history_init says; entries without a type of their own get type, NULL
 * for none. What the pointers point to must outlive feed.
 */
void feed_init(struct feed *feed, const struct url *url,
    const struct tls_files *files, const char *key, const char *type,
    const char *last_event_id, uint64_t back);

/* Goes on as far as it can: see enum feed_result. */
enum feed_result feed_next(struct feed *feed);

/* Closes and frees what the feed has. */
void feed_free(struct feed *feed);

#endif
