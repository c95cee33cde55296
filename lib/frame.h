/*
 * frame: the encoder of the event stream format (WHATWG HTML, section 9.2.5).
 * It turns fields into frames, each ended by an empty line, in a buffer of
 * its own; a full or flushed buffer goes to the caller's sink. It does no
 * I/O, and no byte of a value can end a line, a field or a frame early. The
 * format is UTF-8: of id, type and data, each part that is none becomes U+FFFD
 * (as the decoder of WHATWG Encoding does it).
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/*
 * One flush is one write, of up to half of what loop_write lets a pipe hold:
 * the reader takes one while the next is made (measured: bench/README.md).
 */
#define FRAME_BUFFER 65536

/*
 * What the kernel copies to or from begins there: some processors copy at a
 * sixth of their rate if the target's address is a little above the
 * source's, modulo a page (likewise).
 */
#define FRAME_ALIGNMENT 64

/*
 * Takes n bytes, all of them, before it returns. Returns 0, or -1 with errno:
 * the frame keeps that errno and drops all that follows. May block.
 */
typedef int frame_sink(void *to, const char *bytes, size_t n);

struct frame {
	frame_sink *sink;
	void *to;    /* handed to sink */
	int error;   /* errno of the sink's failure, 0 while all is well */
	size_t used; /* bytes that wait in buffer */
	alignas(FRAME_ALIGNMENT) char buffer[FRAME_BUFFER];
};

/* Fields with n == 0 are left out, except data, which is always written. */
struct event {
	struct bytes id;
	struct bytes type; /* the event field */
	struct bytes data; /* each line, ended by LF, CR or CRLF, is a field */
};

/* Does not touch the buffer. */
void frame_init(struct frame *frame, frame_sink *sink, void *to);

/* Bytes as they are: a response header. */
void frame_raw(struct frame *frame, const char *bytes, size_t n);

/* Likewise a string. */
void frame_text(struct frame *frame, const char *text);

/* As UTF-8: U+FFFD in the place of each part that is none. */
void frame_utf8(struct frame *frame, struct bytes text);

/* The reconnection time in milliseconds. */
void frame_retry(struct frame *frame, uint64_t ms);

/* An empty comment: a sign of life that no page sees. */
void frame_comment(struct frame *frame);

/* A sign of life: an event that pages see, if it has a type; else a comment. */
void frame_keepalive(struct frame *frame, const struct event *event);

/*
 * One event: id, event, data. An id or an event type that frame_field_ok
 * refuses is left out; a caller that reports it asks before.
 */
void frame_event(struct frame *frame, const struct event *event);

/*
 * The same for data that is one line, and an id and a type that frame_field_ok
 * accepts: nobody looks for a line end again.
 */
void frame_line(struct frame *frame, const struct event *event);

/* The id and the type of an event alone: data and an empty line follow. */
void frame_fields(struct frame *frame, const struct event *event);

/*
 * An event of that type (none if type.n is 0) for each line of n bytes
 * that ends with LF, holds no CR and is line_max bytes long at the most.
 * Stops before the first line that is otherwise, no UTF-8, or too long for the
 * buffer.
 * Returns how many bytes it took: whole lines. The fast way of filters.
 */
size_t frame_lines(struct frame *frame, struct bytes type, const char *at,
    size_t n, size_t line_max);

/*
 * Whether value can be that of a field: no CR, no LF, which would end the
 * line, and no NUL, with which the format ignores an id.
 */
int frame_field_ok(struct bytes value);

/* Hands what waits to the sink. Returns 0, or -1 with errno, then always. */
int frame_flush(struct frame *frame);

#endif
