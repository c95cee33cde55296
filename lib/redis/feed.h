/*
 * feed: the entries of a Redis stream as events. It connects again after a
 * loss and goes on where it was. It never blocks and never logs. To be called
 * again at once after EVENT and GAP, and after IDLE when fd or due_ns is due.
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
	FEED_EVENT,  /* feed.entry: one, or a new client's "start" */
	FEED_GAP,    /* feed.entry tells that entries may be missing */
	FEED_IDLE,   /* wait until fd has events, or until due_ns */
	FEED_END,    /* it ends; a retry may help once why is mended */
	FEED_FAILED, /* it ends; no retry can help: why says why */
};

struct feed {
	struct entry entry; /* with EVENT and GAP; valid until feed_next */
	int fd;             /* with IDLE; -1 for none */
	short events;       /* with IDLE: poll's */
	int64_t due_ns;     /* with IDLE: on the clock of util_now_ns */
	bool answered;      /* the server has shown the stream */
	const char *why;    /* a reason to log; with IDLE it may be NULL */

	/* the rest is the module's own */
	struct redis redis;
	struct history history;
	struct bytes type;
	char id[ENTRY_ID_MAX]; /* of an event that is no entry's */
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
