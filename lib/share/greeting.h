/*
 * greeting: what a viewer gets before the ring has something for it: the
 * response header, a retry field or a comment, a gap, the id of its place; or a
 * whole answer instead of a stream.
 */
#ifndef GREETING_H
#define GREETING_H

#include "relay.h"

#define GREETING_RETRY_MS 3000 /* what browsers take by themselves */

/* The retry of the operator, else the last one of the program, else -1. */
int64_t greeting_retry_ms(const struct relay *relay);

/*
 * Sends a viewer its header, and a retry field or a comment, unless it had
 * these elsewhere; then what the ring has. The viewer may be removed.
 */
void greeting_send(struct relay *relay, struct viewer *viewer);

/* Likewise to all that wait for their header. */
void greeting_send_all(struct relay *relay);

/*
 * Sends viewers that had no event yet the id of their place: if one is cut off
 * before the next event, it misses nothing.
 */
void greeting_send_starts(struct relay *relay);

/* There was an event for all: none needs a start any more. */
void greeting_forget_starts(struct relay *relay);

/*
 * Sends a response with status, and with 200 a retry field of the viewer's own;
 * with 0 the program's response. The viewer is closed.
 */
void greeting_answer(struct relay *relay, struct viewer *viewer, int status);

/* Likewise to all that wait for their header. */
void greeting_answer_all(struct relay *relay, int status);

#endif
