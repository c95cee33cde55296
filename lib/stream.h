/*
 * stream: the response of a program: its header, the reconnection time,
 * events and keepalives, its end. It writes to stdout alone, and never exits:
 * what is wrong is for program to report.
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
#define STREAM_DRAIN_MAX 16777216 /* bytes of a body that nobody reads */
#define STREAM_DRAIN_MS 5000

struct program;

struct stream {
	/* set by program_init and by the options; the strings belong to argv */
	const struct program *program;
	const char *name;       /* argv[0] without its directory */
	unsigned int methods;   /* those of enum cgi_method that are answered */
	const char *event;      /* -e, or NULL */
	int64_t retry_ms;       /* -r, or -1 */
	int64_t keepalive_ns;   /* -k, 0 for never */
	struct event keepalive; /* -A, or a comment if it has no type */
	int64_t limit_ns;       /* -m, 0 for never */
	const char *header[STREAM_HEADERS_MAX];
	size_t headers;
	struct origins origins; /* -O */

	struct cgi_request request;
	struct loop loop;
	struct frame frame;
	bool failed;    /* something else than the client ended the stream */
	int loop_error; /* errno, if the loop has failed */
};

/* Encodes the response header for a status, with -H and -O. */
void stream_respond(struct stream *stream, int status);

/*
 * Sends the header, and at once the retry field or a comment. Returns false
 * if that is all: the method is HEAD. Sets the loop's keepalive and limit.
 */
bool stream_open(struct stream *stream);

/*
 * An event of type "start", without data, that gives a client which has had
 * no event yet the id of its place: if it is cut off now, it misses nothing.
 */
void stream_send_start(struct stream *stream, struct bytes id);

/*
 * The last event of a stream that is complete. A client that has had it comes
 * back with its id: stream_had_end. It gets 204, by program_no_content.
 */
void stream_send_end(
    struct stream *stream, const char *type, struct bytes data);
bool stream_had_end(const struct stream *stream);

/*
 * Sends what is encoded, then loop_wait; keepalives are sent here. LOOP_GONE
 * also stands for a write that failed: stream_close knows why.
 */
enum loop_reason stream_wait(struct stream *stream);

/*
 * Sends what is encoded and takes what the client still sends,
 * STREAM_DRAIN_MAX bytes and STREAM_DRAIN_MS at the most: closing a socket
 * with input left resets it, and the response may be lost. Returns 0, or -1
 * with errno of the write that failed.
 */
int stream_finish(struct stream *stream);

/*
 * The end of a stream: as stream_finish, but input is only taken by an nph-
 * program that no signal has asked to end.
 */
int stream_close(struct stream *stream);

#endif
