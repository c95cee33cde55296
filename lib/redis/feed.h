/*
 * feed: reads the entries of a Redis stream as events. If the connection is
 * lost, it reconnects and resumes after the last entry. It never blocks and
 * never logs. Call feed_next again at once after EVENT and GAP; after IDLE,
 * when fd has events or due_ns has passed.
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
	FEED_EVENT,  /* feed.entry is an entry, or a new client's "start" */
	FEED_GAP,    /* feed.entry is a "gap": entries may be missing */
	FEED_IDLE,   /* wait until fd has events, or until due_ns */
	FEED_END,    /* stop; a retry may help once the cause, why, is fixed */
	FEED_FAILED, /* stop; a retry cannot help: why is the reason */
};

struct feed {
	struct entry entry; /* with EVENT and GAP; valid until feed_next */
	int fd;             /* with IDLE; -1 for none */
	short events;       /* with IDLE: poll's */
	int64_t due_ns;     /* with IDLE: on the clock of util_now_ns */
	bool answered;      /* the server has answered a read */
	const char *why;    /* a reason to log; with IDLE it may be NULL */

	/* the rest is the module's own */
	struct redis redis;
	struct history history;
	struct bytes type;
	char id[ENTRY_ID_MAX]; /* of a start or a gap */
	bool sent;             /* the last result was EVENT or GAP */
	unsigned int lost;     /* losses in a row, without an answer between */
};

/*
 * Prepares to read the stream key from the server of url, with files for TLS;
 * last_event_id and back are as with history_init. Entries without a field
 * "event" get type, NULL for none. What the pointers point to must outlive
 * feed.
 */
void feed_init(struct feed *feed, const struct url *url,
    const struct tls_files *files, const char *key, const char *type,
    const char *last_event_id, uint64_t back);

/* Returns the next event, or why there is none: see enum feed_result. */
enum feed_result feed_next(struct feed *feed);

/* Closes the connection and frees the memory. */
void feed_free(struct feed *feed);

#endif
