/*
 * home: what a channel of -f says to its home channel, which has the stream as
 * it is now. It asks whether home has an event, and hands viewers over.
 */
#ifndef HOME_H
#define HOME_H

#include "relay.h"

enum home_answer {
	HOME_NONE, /* no answer yet, or it does not have the event */
	HOME_HAS,  /* it has the event that was asked for last */
	HOME_GONE, /* there is no such channel any more */
};

struct home {
	int fd;         /* the question that has no answer yet, or -1 */
	int64_t due_ns; /* of home_ask, or home_stop with fd; or UTIL_NEVER */

	/* the rest is home's own */
	const struct relay *relay;
	int poller;
	int64_t again_ns; /* from one question to the next */
};

/* Does not connect yet. relay is this channel's; its setup has a home, or not.
 */
void home_init(struct home *home, const struct relay *relay, int poller);

/*
 * Asks whether home has the last event, if that has an id; fresh: for the first
 * time. Returns HOME_GONE or HOME_NONE; home_ready has the answer.
 */
enum home_answer home_ask(struct home *home, bool fresh);

/* The poller had an event for fd. */
enum home_answer home_ready(struct home *home, int fd);

/* Gives the question up; home_ask is due after a pause. */
void home_stop(struct home *home);

/*
 * viewers.pass, with a home: hands over a viewer that has had everything, and
 * waits for no answer: home closes a viewer that it cannot take. False if home
 * cannot be reached. The descriptor stays the caller's.
 */
bool home_pass(void *home, const struct viewer *viewer);

#endif
