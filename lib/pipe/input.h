/*
 * input: reads one descriptor, stdin or a command's stdout or stderr, and
 * encodes its records as events in a frame. It does not poll or print; flags
 * tell the program which warning to print.
 */
#ifndef PIPE_INPUT_H
#define PIPE_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "../columns.h"
#include "../record.h"
#include "terminal.h"

#define INPUT_TORN_MS 200 /* a torn character waits this long for its rest */

struct input {
	/* set by the caller before input_open */
	int *fd;           /* -1: there is none, or it has ended */
	struct bytes type; /* event type, unless a column gives it */
	struct columns columns;
	bool json;                   /* data is one JSON string */
	bool pty;                    /* fd is the master of a pseudo-terminal */
	const struct terminal *cast; /* encode as asciicast; or NULL */
	uint64_t left; /* bytes still to read at most; UINT64_MAX: no limit */

	/* set here, for the caller to warn of */
	bool was_long;  /* a record came in pieces */
	bool was_wrong; /* a column could not be an id or a type */

	/* the rest is private */
	struct frame *frame;
	struct splitter splitter;
	int64_t torn_ns; /* see input_due */
};

/*
 * Splits at record_end; longer records than max come in pieces. Returns 0, or
 * -1 with errno ENOMEM.
 */
int input_open(struct input *input, struct frame *frame,
    enum record_end record_end, size_t max);

/*
 * Reads once, which blocks if no input is there, and encodes the events. At the
 * end of input, closes *fd and sets it to -1. Returns 0, or -1 with errno.
 */
int input_read(struct input *input);

/* When input_late is due, on the clock of util_now_ns; or UTIL_NEVER. */
int64_t input_due(const struct input *input);

/* Encodes a torn character as it is. Returns as input_read does. */
int input_late(struct input *input);

/*
 * To be called when the writer has ended: reads what is there, at least the
 * capacity of a pipe, and ends the input. Returns as input_read does.
 */
int input_drain(struct input *input);

#endif
