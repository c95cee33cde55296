/*
 * greeting: writes what a viewer gets before the events of the ring: the
 * response header, a retry field or a comment, a gap, the id of its place; or a
 * complete response instead of a stream.
 */
#ifndef GREETING_H
#define GREETING_H

#include "relay.h"

#define GREETING_RETRY_MS 3000 /* the default of browsers */

/* The retry of the operator, else the last one of the program, else -1. */
int64_t greeting_retry_ms(const struct relay *relay);

/*
 * Sends a viewer its header, and a retry field or a comment, unless another
 * channel has sent them; then the events of the ring. The viewer may be
 * removed.
 */
void greeting_send(struct relay *relay, struct viewer *viewer);

/* Likewise to all that wait for their header. */
void greeting_send_all(struct relay *relay);

/*
 * Sends viewers without an event the id of their place (a "start"): if the
 * connection is lost before the next event, they miss nothing.
 */
void greeting_send_starts(struct relay *relay);

/* Once all viewers were sent an event: none needs a start any more. */
void greeting_forget_starts(struct relay *relay);

/*
 * Sends a complete response with status, with 200 also a retry field as from
 * program_come_back; or, if status is 0, the program's response. Closes the
 * viewer.
 */
void greeting_answer(struct relay *relay, struct viewer *viewer, int status);

/* Likewise to all that wait for their header. */
void greeting_answer_all(struct relay *relay, int status);

#endif
