/*
 * cut: cuts an event stream into its frames and says what each one is for
 * those that share it. The bytes of a frame stay as they came; the decoder
 * reads along. Does no I/O.
 */
#ifndef CUT_H
#define CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../decode.h"
#include "../frame.h"

enum cut_result {
	CUT_MORE,    /* the input is used up */
	CUT_EVENT,   /* a frame with data */
	CUT_OTHER,   /* one without, but with a retry or an id field */
	CUT_COMMENT, /* one without anything that a viewer would see */
	CUT_LONG,    /* an event of more than max bytes was left out */
	CUT_FAILED,  /* errno ENOMEM */
};

struct cut {
	struct bytes
	    frame;        /* with EVENT, OTHER, COMMENT: until the next call */
	struct bytes id;  /* likewise, its own id; may be empty */
	bool has_id;      /* likewise: it has an id field */
	bool gap;         /* likewise: its type is gap */
	int64_t retry_ms; /* of the last retry field, or -1 */

	/* the rest is the cut's own */
	struct decoder decoder;
	size_t max;
	char *bytes; /* of a frame that came in more than one piece */
	size_t n;
	size_t room;
	bool given;   /* the frame was given */
	bool retry;   /* this frame has a retry field */
	bool long_;   /* this frame is too long, and is left out */
	bool started; /* what could be a byte order mark is behind us */
	char last;    /* byte of the input */
};

/* A frame may have max bytes. */
void cut_init(struct cut *cut, size_t max);

void cut_free(struct cut *cut);

/*
 * Takes bytes from the front of *input, which must stay where they are until
 * the next call. To be called until it says CUT_MORE.
 */
enum cut_result cut_next(struct cut *cut, struct bytes *input);

#endif
