/*
 * setup: the configuration of a channel. It belongs to the process that starts
 * the channel, and does not change while the channel lasts.
 */
#ifndef SETUP_H
#define SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../frame.h"
#include "../logger.h"
#include "../origin.h"
#include "sockdir.h"

#define CHANNEL_RING_MIN 4096
#define CHANNEL_RING_MAX (1 << 30)
#define CHANNEL_EXTRA_MAX 32

struct channel_setup {
	char *const *command; /* the program with its arguments */
	char **environment;   /* of the program */
	const char *key;
	const struct sockdir *sockdir;
	struct sockdir_socket socket; /* it listens already */

	/*
	 * With -f, for viewers with an id that the channel with the key home,
	 * the home channel, does not know: the program resumes after the id,
	 * after, and runs until its last event is one that the home channel
	 * has. Then the viewers are handed over to that. In a home channel,
	 * NULL.
	 */
	const char *after;
	const char *home;

	size_t ring_size;       /* bytes, from CHANNEL_RING_MIN */
	int64_t linger_ns;      /* after the last viewer, or the stream's end */
	int64_t gather_ns;      /* from one write of events to the next; or 0 */
	int64_t keepalive_ns;   /* silence before it; 0 for never */
	struct event keepalive; /* for frame_keepalive; PIPE_BUF at most */
	int64_t limit_ns;       /* of a viewer's stream; 0 for none */
	int64_t retry_ms; /* sent first to each viewer; -1: the program's */
	const char *const *extra; /* header fields, CHANNEL_EXTRA_MAX at most */
	size_t extras;
	const struct origins *origins; /* numbered by HANDOVER_ORIGIN */

	bool keep_stderr; /* the program uses it, else its stderr goes to log */
	struct logger log;
};

#endif
