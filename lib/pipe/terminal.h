/*
 * terminal: encodes a command's output on its pseudo-terminal as asciicast v2:
 * a header event with the size, then an event for each piece of output, which a
 * player draws. At SIGWINCH, which sse-share sends for a new viewer, the header
 * is sent again and the command is made to redraw its screen.
 */
#ifndef PIPE_TERMINAL_H
#define PIPE_TERMINAL_H

#include <stdint.h>

#include "../child.h"
#include "../frame.h"

struct terminal {
	int signals; /* a descriptor that is readable at SIGWINCH */

	/* the rest is private */
	const struct child *child;
	int64_t began_ns;
	int64_t restore_ns; /* see terminal_due */
};

/*
 * child runs with CHILD_TERMINAL; the caller owns it. Blocks SIGWINCH, and
 * reads it from a descriptor. Returns 0, or -1 with errno.
 */
int terminal_open(struct terminal *terminal, const struct child *child);

/* Encodes the header, with which a player clears the screen. */
void terminal_header(
    const struct terminal *terminal, struct frame *frame, struct bytes type);

/* Encodes output as the data of an event: one JSON array. */
void terminal_data(
    const struct terminal *terminal, struct frame *frame, struct bytes output);

/*
 * To be called when terminal->signals is readable: changes the terminal's size,
 * so that the command redraws; terminal_restore, at terminal_due, sets it back.
 * Does not block.
 */
void terminal_redraw(struct terminal *terminal);

/* When terminal_restore is due, on the clock of util_now_ns; or UTIL_NEVER. */
int64_t terminal_due(const struct terminal *terminal);
void terminal_restore(struct terminal *terminal);

#endif
