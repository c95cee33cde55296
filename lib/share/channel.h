/*
 * channel: the process that runs a program once and shares its stream: what
 * the producer says goes into the ring of events, and from there to the
 * viewers. It takes viewers at its socket for as long as it lasts. It prints
 * nothing; its log is a function of its maker.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../frame.h"
#include "../logger.h"
#include "../origin.h"
#include "greeting.h"
#include "sockdir.h"

#define CHANNEL_RING_MIN 4096
#define CHANNEL_RING_MAX (1 << 30)

struct channel_setup {
	char *const *command; /* the program with its arguments */
	char **environment;   /* what it gets; and what the channel has */
	const char *key;
	const struct sockdir *sockdir;

	/*
	 * For viewers who come back with an id that the channel with the key
	 * home does not know: the program gets the id, after, and runs until it
	 * has come to an event that the other channel has. Then its viewers are
	 * handed over to that. Else NULL.
	 */
	const char *after;
	const char *home;

	struct sockdir_socket socket; /* it listens already */

	size_t ring_size;     /* bytes, from CHANNEL_RING_MIN */
	int64_t linger_ns;    /* after the last viewer, or the stream's end */
	int64_t keepalive_ns; /* silence before it; 0 for never */
	struct event
	    keepalive;    /* for frame_keepalive; at most PIPE_BUF bytes */
	int64_t limit_ns; /* of a viewer's stream; 0 for none */
	int64_t retry_ms; /* first to each viewer; -1 for the program's */
	const char *const
	    *extra; /* header fields, GREETING_EXTRA_MAX at most */
	size_t extras;
	const struct origins *origins; /* what HANDOVER_ORIGIN counts */

	bool keep_stderr; /* the program's goes there, else to log */
	struct logger log;
};

/*
 * Is the channel, until it has ended and all that it started. For a process
 * of its own: its descriptors but 0 to 2 and those in setup are closed, its
 * working directory becomes /, signals are what a program expects. Returns 0,
 * or -1 with errno if it could not begin.
 */
int channel_run(const struct channel_setup *setup);

#endif
