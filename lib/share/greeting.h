/*
 * greeting: what a viewer gets before the ring has something for it: the
 * response header, a retry field or a comment, a gap, the id of its place; or a
 * whole answer instead of a stream. Knows nothing of the program.
 */
#ifndef GREETING_H
#define GREETING_H

#include "../response.h"
#include "events.h"
#include "setup.h"
#include "viewers.h"

#define GREETING_RETRY_MS 3000 /* what browsers take by themselves */

/* All of it is the channel's; frame may be used between the calls. */
struct greeting {
	const struct channel_setup *setup;
	const struct response *response;
	const struct events *events;
	struct viewers *viewers;
	struct frame *frame;
	int64_t starts_ns; /* when greeting_send_starts is due, or UTIL_NEVER */
};

/* The operator's, else the last one of the program, else -1. */
int64_t greeting_retry_ms(const struct greeting *greeting);

/*
 * Sends a viewer its header, and a retry field or a comment, unless it had
 * these elsewhere; then what the ring has. The viewer may be removed.
 */
void greeting_send(struct greeting *greeting, struct viewer *viewer);

/* Likewise to all that wait for their header. */
void greeting_send_all(struct greeting *greeting);

/*
 * Sends those that had no event yet the id of their place: if one is cut off
 * before the next event, it misses nothing.
 */
void greeting_send_starts(struct greeting *greeting);

/* All have had an event. */
void greeting_forget_starts(struct greeting *greeting);

/*
 * Sends a response with status, and with 200 a retry field of the viewer's own;
 * with 0 the program's response. The viewer is closed.
 */
void greeting_answer(
    struct greeting *greeting, struct viewer *viewer, int status);

/* Likewise to all that wait for their header. */
void greeting_answer_all(struct greeting *greeting, int status);

#endif
