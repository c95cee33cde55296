/*
 * stream: the response of a program: its header, the reconnection time,
 * events, keepalives and its end. It writes to stdout only, and never exits;
 * program reports errors.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "cgi.h"
#include "frame.h"
#include "loop.h"
#include "origin.h"

#define STREAM_HEADERS_MAX 32
#define STREAM_DRAIN_MAX 16777216 /* bytes of a body that is not used */
#define STREAM_DRAIN_MS 5000

struct program;

struct stream {
	/* set by program_init and by the options; the strings belong to argv */
	const struct program *program;
	const char *name;       /* argv[0] without its directory */
	unsigned int methods;   /* an OR of enum cgi_method: those answered */
	const char *event;      /* -e, or NULL */
	int64_t retry_ms;       /* -r, or -1 */
	int64_t keepalive_ns;   /* -k, 0 for never */
	struct event keepalive; /* -A; without a type: a comment */
	int64_t limit_ns;       /* -m, 0 for never */
	const char *header[STREAM_HEADERS_MAX];
	size_t headers;
	struct origins origins; /* -O */

	struct cgi_request request;
	struct loop loop;
	struct frame frame;
	bool failed;    /* the stream ended because of a failure */
	int loop_error; /* errno, if the loop has failed */
};

/*
 * The status for the request: 200, or 204 for a preflight; 403 if -O does not
 * name its origin, 405 if its method is not answered.
 */
int stream_status(const struct stream *stream);

/* Encodes the response header for status, with the fields of -H and -O. */
void stream_respond(struct stream *stream, int status);

/*
 * Sends the header, and with it the retry field or a comment. Returns false if
 * the method is HEAD: nothing more is to be sent. Sets the loop's keepalive and
 * limit.
 */
bool stream_open(struct stream *stream);

/*
 * Encodes an event of type "start", without data, that gives an id to a client
 * which has had no event yet: if it is cut off now, it can go on from there.
 */
void stream_send_start(struct stream *stream, struct bytes id);

/*
 * Encodes the last event of a complete stream. A client that comes back with
 * its id (stream_had_end) is answered with 204 (program_no_content).
 */
void stream_send_end(
    struct stream *stream, const char *type, struct bytes data);
bool stream_had_end(const struct stream *stream);

/*
 * Sends what is encoded, then waits with loop_wait; sends keepalives itself.
 * Returns LOOP_GONE also if a write failed: stream_close then says why.
 */
enum loop_reason stream_wait(struct stream *stream);

/*
 * Sends what is encoded, then reads and drops what the client still sends, at
 * most STREAM_DRAIN_MAX bytes and for STREAM_DRAIN_MS: closing a socket with
 * unread input resets it, and the response may be lost. Returns 0, or -1 with
 * errno of the write that failed.
 */
int stream_finish(struct stream *stream);

/*
 * Ends a stream: as stream_finish, but reads input only in an nph- program that
 * no signal has asked to end.
 */
int stream_close(struct stream *stream);

#endif
