/*
 * home: the connection of a channel of -f to its home channel (see setup.h),
 * which has the current stream. It asks whether home has an event, and hands
 * viewers over to home.
 */
#ifndef HOME_H
#define HOME_H

#include "relay.h"

enum home_answer {
	HOME_NONE, /* no answer yet, or home does not have the event */
	HOME_HAS,  /* home has the event that was asked for last */
	HOME_GONE, /* the home channel has ended */
};

struct home {
	int fd;         /* of a question without an answer yet, or -1 */
	int64_t due_ns; /* for home_ask; if fd is open, for home_stop */

	/* the rest is home's own */
	const struct relay *relay;
	int poller;
	int64_t again_ns; /* from one question to the next */
};

/* Does not connect yet. relay is this channel's; its setup has a home, or not.
 */
void home_init(struct home *home, const struct relay *relay, int poller);

/*
 * Asks whether home has the last event, if that has an id; fresh: it is a new
 * one. Returns HOME_GONE or HOME_NONE; home_ready returns the answer.
 */
enum home_answer home_ask(struct home *home, bool fresh);

/* To be called when the poller has an event for fd. */
enum home_answer home_ready(struct home *home, int fd);

/* Drops the question without an answer; home_ask is due after a pause. */
void home_stop(struct home *home);

/*
 * For viewers.pass: hands over a viewer that has everything, and waits for no
 * answer: home closes a viewer that it cannot take. Returns false if home
 * cannot be reached. The descriptor stays the caller's.
 */
bool home_pass(void *home, const struct viewer *viewer);

#endif
