/*
 * frame: the encoder of the event stream format (WHATWG HTML, section 9.2.5).
 * It turns fields into frames, each ended by an empty line, in a buffer of
 * its own; a full or flushed buffer goes to the caller's sink. It does no
 * I/O, and no byte of a value can end a line, a field or a frame early. The
 * format is UTF-8: in id, type and data, each invalid part becomes U+FFFD (as
 * in the UTF-8 decoder of WHATWG Encoding).
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/*
 * Each flush is one write, of at most half of the pipe that loop_write makes:
 * the reader reads one half while the next is encoded (see bench/README.md).
 */
#define FRAME_BUFFER 65536

/*
 * Alignment of buffers that the kernel copies to or from: some processors copy
 * at a sixth of their rate if the target's address is a little above the
 * source's, modulo the page size (see bench/README.md).
 */
#define FRAME_ALIGNMENT 64

/*
 * Takes all n bytes before it returns; may block. Returns 0, or -1 with errno:
 * the frame keeps that errno, and drops all bytes after that.
 */
typedef int frame_sink(void *to, const char *bytes, size_t n);

struct frame {
	frame_sink *sink;
	void *to;    /* handed to sink */
	int error;   /* errno of the sink's failure, 0 while all is well */
	size_t used; /* bytes in buffer, not yet flushed */
	alignas(FRAME_ALIGNMENT) char buffer[FRAME_BUFFER];
};

/* Fields with n == 0 are left out, except data, which is always written. */
struct event {
	struct bytes id;
	struct bytes type; /* the event field */
	struct bytes data; /* each line, ended by LF, CR or CRLF, is a field */
};

/* Leaves the bytes of the buffer uninitialized. */
void frame_init(struct frame *frame, frame_sink *sink, void *to);

/* Copies bytes without encoding them, such as a response header. */
void frame_raw(struct frame *frame, const char *bytes, size_t n);

/* Likewise a string. */
void frame_text(struct frame *frame, const char *text);

/* Copies text, with U+FFFD in place of each part that is not UTF-8. */
void frame_utf8(struct frame *frame, struct bytes text);

/* A retry field: the reconnection time in milliseconds. */
void frame_retry(struct frame *frame, uint64_t ms);

/* An empty comment: a keepalive that no page sees. */
void frame_comment(struct frame *frame);

/* A keepalive: event, which pages see, if it has a type; else a comment. */
void frame_keepalive(struct frame *frame, const struct event *event);

/*
 * One event: id, event, data. An id or an event type that frame_field_ok
 * refuses is left out; a caller that wants to report that checks it before.
 */
void frame_event(struct frame *frame, const struct event *event);

/*
 * The same if data is one line and frame_field_ok accepts id and type: they are
 * not searched for line ends.
 */
void frame_line(struct frame *frame, const struct event *event);

/* Only id and type of an event: the caller adds data and an empty line. */
void frame_fields(struct frame *frame, const struct event *event);

/*
 * The fast path of filters: an event of that type (no type if type.n is 0) for
 * each line of the n bytes. Stops before the first line that does not end with
 * LF, has a CR, is not UTF-8, or is longer than line_max bytes or the buffer.
 * Returns how many bytes of whole lines it encoded.
 */
size_t frame_lines(struct frame *frame, struct bytes type, const char *at,
    size_t n, size_t line_max);

/*
 * Whether value can be an id or an event type: it has no CR and no LF, which
 * would end the line, and no NUL, because of which an id would be ignored.
 */
int frame_field_ok(struct bytes value);

/* Gives the buffer to the sink. Returns 0, or -1 with errno, then always. */
int frame_flush(struct frame *frame);

#endif
