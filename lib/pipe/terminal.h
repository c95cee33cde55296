/*
 * terminal: what a command writes to its pseudo-terminal, as asciicast v2: a
 * header event with the size, then an event for each piece of output, which a
 * player draws. At SIGWINCH, which sse-share sends when a viewer has come, the
 * header is sent again and the command is made to draw all anew.
 */
#ifndef PIPE_TERMINAL_H
#define PIPE_TERMINAL_H

#include <stdint.h>

#include "../child.h"
#include "../frame.h"

struct terminal {
	int signals; /* a descriptor that is readable at SIGWINCH */

	/* the rest is its own */
	const struct child *child;
	int64_t began_ns;
	int64_t restore_ns; /* see terminal_due */
};

/*
 * child runs with CHILD_TERMINAL, and stays the caller's. Catches SIGWINCH.
 * Returns 0, or -1 with errno.
 */
int terminal_open(struct terminal *terminal, const struct child *child);

/* The header: who gets it begins with an empty screen. */
void terminal_header(
    const struct terminal *terminal, struct frame *frame, struct bytes type);

/* Output, as the data of an event: one JSON array. */
void terminal_data(
    const struct terminal *terminal, struct frame *frame, struct bytes output);

/*
 * terminal->signals is readable: the command gets another size, upon which it
 * draws all anew, and its own again at terminal_due. Does not block.
 */
void terminal_redraw(struct terminal *terminal);

/* When terminal_restore is due, on the clock of util_now_ns; or UTIL_NEVER. */
int64_t terminal_due(const struct terminal *terminal);
void terminal_restore(struct terminal *terminal);

#endif
