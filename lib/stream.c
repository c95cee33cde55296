/*
 * stream: writes the response: the header, keepalives when they are due, and
 * an end of the connection that loses no bytes. cgi and frame encode, loop
 * waits and writes.
 */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

int
stream_status(const struct stream *stream)
{
	const struct cgi_request *request = &stream->request;
	const struct origins *origins = &stream->origins;

	if (origins->n > 0 && *request->origin != '\0' &&
	    origin_find(origins, request->origin) == 0)
		return 403;
	if (origins->n > 0 && request->method == CGI_OPTIONS)
		return 204;
	return request->served && !(stream->methods & request->method) ? 405
								       : 200;
}

void
stream_respond(struct stream *stream, int status)
{
	const char *extra[STREAM_HEADERS_MAX + ORIGIN_FIELDS];
	struct cgi_response response = {
	    .status = status,
	    .methods = stream->methods,
	    .extra = extra,
	};

	if (stream->origins.n > 0)
		response.methods |= CGI_OPTIONS;
	memcpy(extra, stream->header, sizeof(stream->header));
	response.extras = origin_fields(&stream->origins,
	    origin_find(&stream->origins, stream->request.origin), extra,
	    stream->headers);
	cgi_respond(&stream->frame, &stream->request, &response);
}

bool
stream_open(struct stream *stream)
{
	stream_respond(stream, 200);
	if (stream->request.method == CGI_HEAD)
		return false;
	if (stream->retry_ms >= 0)
		frame_retry(&stream->frame, (uint64_t)stream->retry_ms);
	else
		frame_comment(&stream->frame);
	stream->loop.keepalive_ns = stream->keepalive_ns;
	if (stream->limit_ns > 0)
		loop_limit(&stream->loop, stream->limit_ns);
	(void)frame_flush(&stream->frame); /* a failure stays in the frame */
	return true;
}

void
stream_send_start(struct stream *stream, struct bytes id)
{
	struct event start = {.id = id, .type = BYTES("start")};

	frame_event(&stream->frame, &start);
}

void
stream_send_end(struct stream *stream, const char *type, struct bytes data)
{
	struct event end = {
	    .id = BYTES("end"),
	    .type = bytes_of(type),
	    .data = data,
	};

	frame_event(&stream->frame, &end);
}

bool
stream_had_end(const struct stream *stream)
{
	return strcmp(stream->request.last_event_id, "end") == 0;
}

enum loop_reason
stream_wait(struct stream *stream)
{
	enum loop_reason reason;

	for (;;) {
		if (frame_flush(&stream->frame) == -1)
			return LOOP_GONE;
		reason = loop_wait(&stream->loop);
		if (reason == LOOP_FAILED)
			stream->loop_error = errno;
		if (reason != LOOP_KEEPALIVE)
			return reason;
		frame_keepalive(&stream->frame, &stream->keepalive);
	}
}

/* Reads and drops what the client still sends: see stream_finish. */
static void
drain(const struct stream *stream)
{
	int64_t until_ns = util_now_ns() + STREAM_DRAIN_MS * INT64_C(1000000);
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	const char *length = getenv("CONTENT_LENGTH");
	uint64_t left = STREAM_DRAIN_MAX;
	char bytes[4096];
	ssize_t n = 1;
	int64_t wait_ns;

	/* on some servers stdin never ends: only the length tells */
	if (!stream->request.nph &&
	    (length == NULL ||
		util_number(length, 0, STREAM_DRAIN_MAX, &left) == -1))
		return;
	if (shutdown(STDOUT_FILENO, SHUT_WR) == -1)
		return; /* stdin is no socket */
	while (n > 0 && left > 0) {
		wait_ns = until_ns - util_now_ns();
		if (wait_ns <= 0 ||
		    poll(&input, 1, (int)(wait_ns / 1000000) + 1) < 1)
			return;
		n = read(STDIN_FILENO, bytes,
		    left < sizeof(bytes) ? (size_t)left : sizeof(bytes));
		left -= n > 0 ? (uint64_t)n : 0;
	}
}

int
stream_finish(struct stream *stream)
{
	if (frame_flush(&stream->frame) == -1)
		return -1;
	drain(stream);
	return 0;
}

int
stream_close(struct stream *stream)
{
	if (stream->request.nph && stream->loop.signal == 0)
		return stream_finish(stream);
	return frame_flush(&stream->frame);
}
