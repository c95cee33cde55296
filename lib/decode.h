/*
 * decode: the decoder of the event stream format, exactly as the standard
 * says (WHATWG HTML, sections 9.2.5 and 9.2.6). Bytes are pushed in, in
 * chunks of any size; events come out, and where their frames end. It does
 * no I/O, and holds no more than one event, whose size is bounded; comments
 * and unknown fields pass without being held.
 */
#ifndef DECODE_H
#define DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define DECODE_MAX_DEFAULT ((size_t)16 << 20)
#define DECODE_NAME_MAX 6 /* "event" and "retry", and a byte to be longer */

/*
 * A frame is what stands from the end of the frame before, or the start, to
 * an empty line, with that line.
 */
enum decode_result {
	DECODE_MORE,   /* the input is used up; what it began is held */
	DECODE_EVENT,  /* a frame has ended: it is decoder.event */
	DECODE_EMPTY,  /* a frame has ended that is no event: without data */
	DECODE_RETRY,  /* a retry field, decoder.retry_ms; its frame goes on */
	DECODE_LONG,   /* an event is longer than max: its frame is skipped */
	DECODE_FAILED, /* errno ENOMEM; for good */
};

/* Bytes of the decoder's own that grow. */
struct decode_text {
	char *at;
	size_t n;
	size_t size;
};

struct decoder {
	/*
	 * With DECODE_EVENT, until the next call. event.type is empty for the
	 * default type, "message"; event.id is the last event id, also where
	 * an earlier frame gave it. Bytes are as they came, valid UTF-8 or not.
	 * With DECODE_EMPTY event.id is the last event id, too.
	 */
	struct event event;
	bool has_id;       /* with both: this frame has an id field */
	uint64_t retry_ms; /* of the last retry field; at most UINT64_MAX */

	/* the rest is the decoder's own */
	size_t max;
	size_t held; /* bytes of the texts together */
	struct decode_text data;
	struct decode_text type;
	struct decode_text id;     /* that of the last whole id field */
	struct decode_text new_id; /* of a line that has not ended */
	uint64_t new_retry_ms;
	bool has_data;
	bool ignored; /* this line's value is not what its field needs */
	bool ended;   /* the frame was given */
	bool skips;   /* this frame is too long: its fields are skipped */
	bool skip_lf; /* a CR came last: an LF now belongs to it */
	int state;
	int field;
	size_t name_n;
	char name[DECODE_NAME_MAX];
};

/*
 * An event may have max bytes of data, type and id together, the id before
 * it included. Allocates nothing.
 */
void decode_init(struct decoder *decoder, size_t max);

/*
 * Another stream of the same source, from its first byte: an event that has
 * not ended is dropped, and id, which the decoder copies, is the last event
 * id. Returns 0, or -1 with errno ENOMEM, or EMSGSIZE if id is longer than max.
 */
int decode_begin(struct decoder *decoder, struct bytes id);

/* Frees what the decoder holds; an event that has not ended is dropped. */
void decode_free(struct decoder *decoder);

/*
 * Takes bytes from the front of *input, and moves it past them: all of them
 * with DECODE_MORE, else up to the end of the frame or of the retry field.
 * After DECODE_LONG there is no last event id, and the frame ends as
 * DECODE_EMPTY.
 * To be called until it says DECODE_MORE. Where a chunk ends between the CR
 * and the LF of an empty line, the LF is taken with the next frame, where it
 * does no harm. At the end of the input, what is held is no event.
 */
enum decode_result decode_next(struct decoder *decoder, struct bytes *input);

#endif
