/*
 * input: reads one descriptor, stdin or a command's stdout or stderr, and
 * encodes its records as events in a frame. It does not wait or print; flags
 * tell the program which warning is due.
 */
#ifndef PIPE_INPUT_H
#define PIPE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "../columns.h"
#include "../record.h"
#include "terminal.h"

#define INPUT_TORN_MS 200 /* so long a torn character waits for its rest */

struct input {
	/* set by the caller before input_open */
	int *fd;           /* -1: there is none, or it has ended */
	struct bytes type; /* event type, unless a column gives it */
	struct columns columns;
	bool json;                   /* data is one JSON string */
	bool pty;                    /* fd is the master of a pseudo-terminal */
	const struct terminal *cast; /* data are asciicast, or NULL */
	uint64_t left; /* bytes that it has at the most; UINT64_MAX: all */

	/* what happened, to be said by the caller */
	bool was_long;  /* a record came in pieces */
	bool was_wrong; /* a column could not be an id or a type */

	/* the rest is its own */
	struct frame *frame;
	struct splitter splitter;
	int64_t torn_ns; /* see input_due */
};

/* Records are of that kind, max bytes at the most. 0, or -1 with ENOMEM. */
int input_open(struct input *input, struct frame *frame,
    enum record_end record_end, size_t max);

/*
 * One read, which blocks if nothing is there, and the events of what it
 * brought. Where it is the last, closes the descriptor and makes it -1.
 * Returns 0, or -1 with errno.
 */
int input_read(struct input *input);

/* When input_late is due, on the clock of util_now_ns; or UTIL_NEVER. */
int64_t input_due(const struct input *input);

/* A torn character has waited for long enough. Returns as input_read does. */
int input_late(struct input *input);

/*
 * Nothing will be written any more: takes what is there, a full pipe's worth
 * of it at least, and ends. Returns as input_read does.
 */
int input_drain(struct input *input);

#endif
