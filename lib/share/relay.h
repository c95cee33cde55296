/*
 * relay: puts the producer's events into the ring, encoded anew and each with
 * an id, and has them written to the viewers, at the pace of the fastest one.
 * It also holds the state of the stream, for new viewers.
 */
#ifndef RELAY_H
#define RELAY_H

#include "../producer.h"
#include "handover.h"
#include "ring.h"
#include "setup.h"
#include "viewers.h"

struct relay {
	/* set by the channel; others may use frame between calls */
	const struct channel_setup *setup;
	struct producer *producer;
	struct viewers *viewers;
	struct frame *frame;
	int64_t sent_ns;   /* when something was last sent to all */
	int64_t starts_ns; /* for greeting_send_starts, or UTIL_NEVER */

	/* the stream so far, for the others to read */
	struct ring ring;
	uint64_t count;  /* of events */
	uint64_t number; /* of the last id made here; 0: none was */
	bool made;       /* the last id was made here */
	size_t last_id_n;
	char last_id[HANDOVER_ID_MAX]; /* empty if it is too long */
	bool no_id;       /* an event without an id came after last_id */
	bool end;         /* the last event's id is "end" */
	int64_t retry_ms; /* of the last retry field, or -1 */
	bool greeted;     /* a viewer has had retry_ms, or that there is none */

	/* the rest is the relay's own; first what is to be put into the ring */
	struct bytes frames;
	struct bytes id; /* within frames */
	bool data;       /* frames has an event, not an id field alone */
	bool own;        /* its id is the program's, or it must have none */
	bool makes;      /* its id is made here */
	char *bytes;     /* n of them that frame did not hold, or NULL */
	size_t n;

	uint64_t start;    /* ids that are made here begin with it */
	int64_t pushed_ns; /* when events were last written */
	bool too_long_logged;
	bool paused;    /* the producer is not read: all viewers lag */
	bool impatient; /* all lag for too long: it is read */
	int64_t paused_ns;
};

/*
 * Begins the stream, with setup's after as its first id, or with one that is
 * made here. Returns 0, or -1 with errno ENOMEM.
 */
int relay_init(struct relay *relay);

/*
 * Passes on what the producer has. Returns why there is no more: PRODUCER_IDLE,
 * _END, or _FAILED with producer->why, also if memory is out.
 */
enum producer_result relay_pass(struct relay *relay);

/*
 * Decides whether the producer is read: not if hold; nor, for 5 seconds without
 * progress at most, if all viewers would lose events, or nobody has come yet.
 * moved: a viewer took bytes since the last call. Returns 0, or -1 with errno.
 */
int relay_pace(struct relay *relay, bool moved, bool nobody, bool hold);

/* Sends a keepalive to all viewers that have everything, if it is due. */
void relay_keepalive(struct relay *relay, int64_t now_ns);

/* When one of these three is to be called at the latest, or UTIL_NEVER. */
int64_t relay_due(const struct relay *relay);

#endif
