/*
 * home: what a channel of -f says to its home channel, which has the stream as
 * it is now: does it have an event, and please take a viewer.
 */
#ifndef HOME_H
#define HOME_H

#include "events.h"
#include "setup.h"
#include "viewers.h"

enum home_answer {
	HOME_NONE, /* no answer yet, or it does not have the event */
	HOME_HAS,  /* it has the event that was asked for last */
	HOME_GONE, /* there is no such channel any more */
};

struct home {
	int fd;         /* the question that has no answer yet, or -1 */
	int64_t due_ns; /* of home_ask, or with fd of home_stop; UTIL_NEVER */

	/* the rest is home's own */
	const struct channel_setup *setup;
	const struct events *events;
	int poller;
	int64_t again_ns; /* from one question to the next */
};

/* Connects to nobody yet; events are those of this channel. */
void home_init(struct home *home, const struct channel_setup *setup,
    const struct events *events, int poller);

/* Nothing is asked for a moment; then due_ns comes. */
void home_wait(struct home *home);

/*
 * Asks whether home has the last event, if that has an id; fresh: nothing was
 * asked about it before. Returns HOME_GONE or HOME_NONE; home_ready has the
 * answer.
 */
enum home_answer home_ask(struct home *home, bool fresh);

/* The poller had an event for fd. */
enum home_answer home_ready(struct home *home, int fd);

/* The question has taken too long, or is of no interest any more. */
void home_stop(struct home *home);

/*
 * viewers.pass, with a home: hands over a viewer that has had everything,
 * without waiting for an answer: home closes one that it cannot take. False if
 * that is not possible. The descriptor stays the caller's.
 */
bool home_pass(void *home, const struct viewer *viewer);

#endif
