/*
 * producer: runs a program, parses its response header and decodes its events.
 * The caller decides when its output is read.
 */
#include "producer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "proc.h"
#include "util.h"

extern char **environ;

#define EXIT_NS (100 * POLLER_MS) /* time to exit after its output ended */
#define GRACE_NS                                                      \
	(CHILD_GRACE_MS * POLLER_MS) /* time to end output after exit \
				      */
#define LINE_MAX_ERR 1000            /* bytes of a line of its stderr */

void
producer_init(struct producer *producer, const struct logger *log, int poller,
    size_t event_max)
{
	size_t read_max = event_max / 8;

	producer->patient = producer->started = producer->scarce = false;
	producer->reads = producer->streams = producer->answers = false;
	producer->over = producer->more = false;
	producer->input.n = 0;
	producer->err.buffer = NULL;
	producer->log = log;
	producer->poller = poller;
	producer->child.out = producer->child.err = producer->child.exit = -1;
	producer->exited_ns = producer->silent_ns = UTIL_NEVER;
	response_init(&producer->response);
	decode_init(&producer->decoder, event_max);
	producer->read_max =
	    read_max < PRODUCER_READ ? read_max : PRODUCER_READ;
}

/* Watches the child's descriptors. Returns 0, or -1 with errno. */
static int
watch_child(struct producer *producer)
{
	const struct child *child = &producer->child;

	if (poller_set_nonblocking(child->out) == -1 ||
	    producer_read(producer, true) == -1 ||
	    poller_watch(producer->poller, child->exit, POLLER_EXIT, EPOLLIN) ==
		-1)
		return -1;
	if (child->err == -1)
		return 0;
	if (poller_set_nonblocking(child->err) == -1)
		return -1;
	return poller_watch(
	    producer->poller, child->err, POLLER_ERRORS, EPOLLIN);
}

int
producer_start(struct producer *producer, char *const command[],
    char **environment, const char *after, bool keep_stderr)
{
	struct child *child = &producer->child;

	producer->name = command[0];
	if (!keep_stderr &&
	    record_init(&producer->err, RECORD_LINE, LINE_MAX_ERR) == -1)
		return -1;
	environ = environment;
	if (after != NULL && setenv("HTTP_LAST_EVENT_ID", after, 1) == -1)
		return -1;
	if (child_start(child, command,
		CHILD_NULL | (keep_stderr ? 0 : CHILD_STDERR)) == -1) {
		producer->scarce = util_scarce(errno);
		logger_line(
		    producer->log, "%s: %s", producer->name, strerror(errno));
	} else if (watch_child(producer) == -1) {
		producer->scarce = true;
		logger_line(
		    producer->log, "%s: %s", producer->name, strerror(errno));
		proc_close(&child->err); /* reading it might block */
		producer_stop(producer);
	} else {
		producer->started = true;
	}
	return 0;
}

int
producer_read(struct producer *producer, bool reads)
{
	if (reads == producer->reads || producer->child.out == -1)
		return 0;
	producer->reads = reads;
	if (!reads) {
		poller_forget(producer->poller, producer->child.out);
		return 0;
	}
	if (producer->exited_ns < UTIL_NEVER)
		producer->exited_ns = util_now_ns();
	return poller_watch(
	    producer->poller, producer->child.out, POLLER_OUTPUT, EPOLLIN);
}

static void
read_output(struct producer *producer)
{
	ssize_t n =
	    read(producer->child.out, producer->buffer, producer->read_max);

	producer->more |= n == (ssize_t)producer->read_max;
	if (n > 0)
		producer->input = (struct bytes){producer->buffer, (size_t)n};
	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return;
	(void)producer_read(producer, false); /* does not fail so */
	proc_close(&producer->child.out);
	/* it may exit only a moment after its output has ended */
	producer->silent_ns = util_now_ns();
	producer->over = child_reap(&producer->child);
}

static void
log_lines(struct producer *producer)
{
	struct record record;

	while (record_next(&producer->err, &record))
		logger_line(producer->log, "%s: %.*s", producer->name,
		    (int)record.bytes.n, record.bytes.at);
}

static void
read_errors(struct producer *producer)
{
	size_t room;
	char *to = record_room(&producer->err, &room);
	ssize_t n = to == NULL ? 0 : read(producer->child.err, to, room);

	if (n > 0) {
		record_filled(&producer->err, (size_t)n);
		log_lines(producer);
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	record_ended(&producer->err);
	log_lines(producer);
	poller_forget(producer->poller, producer->child.err);
	proc_close(&producer->child.err);
}

static void
take_exit(struct producer *producer)
{
	if (!child_reap(&producer->child))
		return;
	producer->more = true; /* the end of its output */
	poller_forget(producer->poller, producer->child.exit);
	if (producer->silent_ns < UTIL_NEVER)
		producer->over = true;
	else
		producer->exited_ns = util_now_ns();
}

void
producer_ready(struct producer *producer, enum poller_kind kind, int fd)
{
	const struct child *child = &producer->child;

	/* fd may have been closed since the event was reported */
	if (kind == POLLER_OUTPUT && fd == child->out && producer->reads)
		read_output(producer);
	else if (kind == POLLER_ERRORS && fd == child->err)
		read_errors(producer);
	else if (kind == POLLER_EXIT && fd == child->exit)
		take_exit(producer);
}

static enum producer_result
fail(struct producer *producer, const char *why)
{
	producer->why = why;
	return PRODUCER_FAILED;
}

/* Here, PRODUCER_EVENT means that the header is complete: a stream begins. */
static enum producer_result
take_header(struct producer *producer)
{
	struct response *response = &producer->response;

	switch (response_take(response, &producer->input)) {
	case 0: return PRODUCER_IDLE;
	case 1: break;
	default:
		return fail(
		    producer, "its response header is none, or too long");
	}
	producer->answers = response->status != 200;
	if (producer->answers)
		return PRODUCER_END;
	if (!response->stream)
		return fail(
		    producer, "its Content-Type is not text/event-stream");
	producer->streams = true;
	return PRODUCER_EVENT;
}

static enum producer_result
decode(struct producer *producer)
{
	struct decoder *decoder = &producer->decoder;
	enum decode_result result;

	do {
		result = decode_next(decoder, &producer->input);
	} while (result == DECODE_EMPTY && !decoder->has_id);
	producer->event = decoder->event;
	producer->has_id = decoder->has_id;
	producer->has_data = result == DECODE_EVENT;
	producer->retry = result == DECODE_RETRY;
	switch (result) {
	case DECODE_MORE: return PRODUCER_IDLE;
	case DECODE_LONG: return PRODUCER_GAP;
	case DECODE_FAILED: return fail(producer, strerror(errno));
	case DECODE_RETRY:
		producer->retry_ms = decoder->retry_ms > INT32_MAX
					 ? INT32_MAX
					 : (int64_t)decoder->retry_ms;
		break;
	default: break;
	}
	return PRODUCER_EVENT;
}

enum producer_result
producer_next(struct producer *producer)
{
	enum producer_result result = PRODUCER_EVENT;

	if (!producer->streams && producer->input.n > 0)
		result = take_header(producer);
	if (producer->streams)
		result = decode(producer);
	else if (result == PRODUCER_EVENT)
		result = PRODUCER_IDLE;
	if (result != PRODUCER_IDLE)
		return result;
	producer->status = producer->child.status;
	return producer->over || !producer->started ||
		       producer_due(producer) <= util_now_ns()
		   ? PRODUCER_END
		   : PRODUCER_IDLE;
}

int64_t
producer_due(const struct producer *producer)
{
	if (producer->silent_ns < UTIL_NEVER)
		return producer->silent_ns + EXIT_NS;
	if (producer->exited_ns < UTIL_NEVER && producer->reads &&
	    !producer->patient)
		return producer->exited_ns + GRACE_NS;
	return UTIL_NEVER;
}

void
producer_end(struct producer *producer)
{
	struct child *child = &producer->child;

	(void)producer_read(producer, false); /* does not fail so */
	if (child->err != -1)
		read_errors(producer);
	poller_forget(producer->poller, child->err);
	if (child->exit != -1)
		poller_forget(producer->poller, child->exit);
	child_end(child);
	producer->status = child->status;
	producer->exited_ns = producer->silent_ns = UTIL_NEVER;
}

void
producer_stop(struct producer *producer)
{
	producer_end(producer);
	child_stop(&producer->child);
}

void
producer_free(struct producer *producer)
{
	decode_free(&producer->decoder);
	record_free(&producer->err);
}
