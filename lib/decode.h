/*
 * decode: the decoder of the event stream format, exactly as the standard
 * says (WHATWG HTML, sections 9.2.5 and 9.2.6). Bytes are pushed in, in
 * chunks of any size; events and the ends of frames come out. It does no I/O,
 * and holds at most one event, whose size is bounded; comments and unknown
 * fields are not held.
 */
#ifndef DECODE_H
#define DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define DECODE_MAX_DEFAULT ((size_t)16 << 20)
#define DECODE_NAME_MAX 6 /* one byte more than "event" and "retry" */

/*
 * A frame begins at the end of the frame before, or at the start of the stream,
 * and ends after the next empty line.
 */
enum decode_result {
	DECODE_MORE,   /* the input is used up; an incomplete event is held */
	DECODE_EVENT,  /* a frame has ended: its event is decoder.event */
	DECODE_EMPTY,  /* a frame without data has ended: it is no event */
	DECODE_RETRY,  /* a retry field, decoder.retry_ms; its frame goes on */
	DECODE_LONG,   /* an event is longer than max: its frame is skipped */
	DECODE_FAILED, /* errno ENOMEM; so is each call after it */
};

/* A buffer of the decoder that grows. */
struct decode_text {
	char *at;
	size_t n;
	size_t size;
};

struct decoder {
	/*
	 * Set with DECODE_EVENT, valid until the next call. event.type is empty
	 * for the default type, "message"; event.id is the last event id, even
	 * if an earlier frame set it. Bytes are not checked to be UTF-8. With
	 * DECODE_EMPTY event.id is the last event id, too.
	 */
	struct event event;
	bool has_id;       /* with both results: this frame has an id field */
	uint64_t retry_ms; /* of the last retry field; at most UINT64_MAX */

	/* the rest is the decoder's own */
	size_t max;
	size_t held; /* bytes of the texts together */
	struct decode_text data;
	struct decode_text type;
	struct decode_text id;     /* of the last complete id field */
	struct decode_text new_id; /* of an id field whose line goes on */
	uint64_t new_retry_ms;
	bool has_data;
	bool ignored; /* this line's value is not valid for its field */
	bool ended;   /* the end of the frame was returned */
	bool skips;   /* this frame is too long: its fields are skipped */
	bool skip_lf; /* a CR came last: an LF now belongs to it */
	int state;
	int field;
	size_t name_n;
	char name[DECODE_NAME_MAX];
};

/*
 * max limits the bytes of an event's data, type and id together, with those of
 * the last event id before it. Allocates nothing.
 */
void decode_init(struct decoder *decoder, size_t max);

/*
 * Begins another stream of the same source, from its first byte: drops an
 * incomplete event, and makes a copy of id the last event id. Returns 0, or -1
 * with errno ENOMEM, or EMSGSIZE if id is longer than max.
 */
int decode_begin(struct decoder *decoder, struct bytes id);

/* Frees the decoder's memory; an incomplete event is dropped. */
void decode_free(struct decoder *decoder);

/*
 * Removes bytes from the front of *input: all of them with DECODE_MORE, else
 * up to the end of the frame or of the retry field. After DECODE_LONG there is
 * no last event id, and the frame ends as DECODE_EMPTY. To be called until it
 * returns DECODE_MORE. If a chunk ends between the CR and the LF of an empty
 * line, the LF is skipped at the start of the next frame. When the stream ends,
 * an incomplete event is dropped, as the standard says.
 */
enum decode_result decode_next(struct decoder *decoder, struct bytes *input);

#endif
