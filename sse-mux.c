/*
 * sse-mux: joins several streams on one connection; each id holds the place in
 * all of them. source runs a program and returns its events, composite makes
 * the id.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/mux/composite.h"
#include "lib/mux/source.h"
#include "lib/poller.h"
#include "lib/proc.h"
#include "lib/program.h"
#include "lib/util.h"

#define EVENT_MAX_DEFAULT (1 << 20)
#define EVENT_MAX_LIMIT (1 << 30)
#define TEXT_MAX 256  /* of a type with a number, or of a gap's data */
#define POLLED_MAX 64 /* events of a turn: each source has two descriptors */

struct mux {
	struct stream stream;
	struct composite composite;
	struct logger log;
	struct source source[COMPOSITE_PARTS];
	size_t sources;
	size_t left; /* sources that have not ended */
	size_t event_max;
	int64_t gather_ns;   /* -g */
	int64_t gathered_ns; /* until then the sources are not read, or NEVER */
	int64_t busy_ns;     /* until then one of them has much to send */
	int poller;
	bool numbered; /* -e */
	bool sent;     /* an event, since gather was called */
};

static const struct program program = {
    .about = "Joins the event streams of CGI programs, and resumes each.",
    .operands = "[--] 'PROGRAM [ARG ...]' ...",
    .options =
	{
	    {'e', "enumerate", NULL,
		"types begin with the program's number: 2.message"},
	    {'b', "max-event", "BYTES", "longer events are left out (1048576)"},
	    {'g', "gather", "SECONDS",
		"join the events of this time (0: at once)"},
	},
    .without = "e", /* event types are the programs' own */
    .own_event = true,
    .methods = CGI_GET | CGI_HEAD,
    .inherits = true,
};

/* Logs why a program could not be started. */
static void
log_line(void *stream, const char *text)
{
	program_warn(stream, "%s", text);
}

static void
parse_options(struct mux *mux, int argc, char *argv[])
{
	struct stream *stream = &mux->stream;
	int option;

	while ((option = program_option(stream, argc, argv)) != -1) {
		switch (option) {
		case 'e': mux->numbered = true; break;
		case 'b':
			mux->event_max = (size_t)program_number(
			    stream, 'b', 1, EVENT_MAX_LIMIT);
			break;
		case 'g':
			mux->gather_ns = program_seconds(stream, 'g', true);
			break;
		}
	}
	/* further words may be the query's: never a command */
	argc = cgi_own_args(argc, argv);
	if (optind >= argc || argc - optind > COMPOSITE_PARTS)
		program_refuse(stream, PROGRAM_USAGE,
		    "%d command lines: 1 to %d are expected",
		    optind < argc ? argc - optind : 0, COMPOSITE_PARTS);
	mux->sources = (size_t)(argc - optind);
}

/* Removes lastEventId from a query: each program gets its own id. */
static void
strip_query(char *query)
{
	static const char key[] = "lastEventId=";
	char *to = query;
	size_t n;

	for (const char *at = query; *at != '\0'; at += n) {
		n = strcspn(at, "&");
		n += at[n] == '&';
		if (strncmp(at, key, sizeof(key) - 1) == 0)
			continue;
		memmove(to, at, n);
		to += n;
	}
	*to = '\0';
}

/* Makes the environment that of a plain GET. */
static int
plain_request(void)
{
	char *query = getenv("QUERY_STRING");

	if (query != NULL)
		strip_query(query);
	/* a request can set HTTP_PROXY, and programs trust it */
	if (unsetenv("HTTP_PROXY") == -1 || unsetenv("CONTENT_LENGTH") == -1 ||
	    unsetenv("CONTENT_TYPE") == -1)
		return -1;
	return setenv("REQUEST_METHOD", "GET", 1) == -1 ? -1 : proc_set_path();
}

static void
send_event(struct mux *mux, struct event event)
{
	mux->sent = true;
	event.id.n = 0;
	if (mux->composite.placed)
		event.id = composite_text(&mux->composite);
	frame_event(&mux->stream.frame, &event);
}

static bool
is(struct bytes text, const char *word)
{
	return bytes_equal(text, bytes_of(word));
}

/*
 * Sends an event of a source. The source's number is put before a gap's data,
 * and before the type end, so that no page takes it for the end of all; with -e
 * before each type but start, whose id is the place in all sources.
 */
static void
pass_event(struct mux *mux, size_t number, struct event event)
{
	char type[TEXT_MAX], data[TEXT_MAX];

	if (is(event.type, "gap")) {
		(void)snprintf(data, sizeof(data), "%zu %.*s", number,
		    (int)event.data.n, event.data.at); /* or cut off */
		event.data = bytes_of(data);
	}
	if (is(event.type, "end") ||
	    (mux->numbered && !is(event.type, "start"))) {
		if (event.type.n == 0)
			event.type = bytes_of("message");
		(void)snprintf(type, sizeof(type), "%zu.%.*s", number,
		    (int)event.type.n, event.type.at); /* or cut off */
		event.type = bytes_of(type);
	}
	send_event(mux, event);
}

static void
pass_gap(struct mux *mux, const struct source *source)
{
	struct event event = {.type = BYTES("gap")};

	if (!source->again)
		program_warn(&mux->stream, "source %zu: %s", source->number,
		    source->why);
	event.data = bytes_of(source->why);
	pass_event(mux, source->number, event);
}

/* Passes on what a source has now. */
static void
pass(struct mux *mux, struct source *source)
{
	for (;;) {
		switch (source_next(source)) {
		case SOURCE_EVENT:
			pass_event(mux, source->number, source->event);
			break;
		case SOURCE_GAP: pass_gap(mux, source); break;
		case SOURCE_IDLE: return;
		case SOURCE_END: mux->left--; break;
		}
	}
}

static int64_t
next_due(const struct mux *mux)
{
	int64_t due_ns = UTIL_NEVER;

	for (size_t i = 0; i < mux->sources; i++)
		due_ns = poller_earlier(due_ns, source_due(mux->source + i));
	return due_ns;
}

/*
 * With -g: after an event the sources are not read for that long; but they are
 * if one of them has much to send, or has exited.
 */
static int
gather(struct mux *mux)
{
	int64_t now_ns = util_now_ns();
	bool waits;

	if (mux->gather_ns == 0)
		return 0;
	for (size_t i = 0; i < mux->sources; i++)
		if (source_has_more(mux->source + i))
			mux->busy_ns = now_ns + mux->gather_ns;
	waits = mux->sent && mux->busy_ns <= now_ns;
	mux->sent = false;
	mux->gathered_ns = waits ? now_ns + mux->gather_ns : UTIL_NEVER;
	for (size_t i = 0; i < mux->sources; i++)
		if (source_read(mux->source + i, !waits) == -1)
			return -1;
	return 0;
}

/* Handles what is ready or due. Reads each source once: none delays another. */
static int
take_turn(struct mux *mux)
{
	struct epoll_event polled[POLLED_MAX];
	int n = poller_wait(mux->poller, polled, POLLED_MAX, 0);
	int64_t now_ns;

	if (n == -1)
		return -1;
	for (const struct epoll_event *at = polled; at < polled + n; at++)
		for (size_t i = 0; i < mux->sources; i++)
			if (source_ready(mux->source + i, poller_kind(at),
				poller_fd(at)))
				pass(mux, mux->source + i);
	now_ns = util_now_ns();
	for (size_t i = 0; i < mux->sources; i++)
		if (source_due(mux->source + i) <= now_ns)
			pass(mux, mux->source + i);
	return gather(mux);
}

/* Returns 1 to continue, 0 if the client left or time is up, -1 with errno. */
static int
turn(struct mux *mux)
{
	struct stream *stream = &mux->stream;

	stream->loop.tick_ns = poller_earlier(next_due(mux), mux->gathered_ns);
	switch (stream_wait(stream)) {
	case LOOP_INPUT:
	case LOOP_TICK: return take_turn(mux) == -1 ? -1 : 1;
	default: return 0;
	}
}

/* Takes the places from the request, and sets up the sources. */
static void
open_sources(struct mux *mux, char *commands[])
{
	const char *id = mux->stream.request.last_event_id;
	struct event gap = {.type = BYTES("gap"), .data = BYTES("changed")};

	composite_init(&mux->composite, commands, mux->sources);
	if (*id != '\0' && composite_parse(&mux->composite, id) == -1)
		frame_event(&mux->stream.frame, &gap);
	mux->log = (struct logger){log_line, &mux->stream};
	mux->left = mux->sources;
	for (size_t i = 0; i < mux->sources; i++)
		source_init(mux->source + i, i + 1, commands[i],
		    &mux->composite, &mux->log, mux->poller, mux->event_max);
}

/* All sources have ended: a client that comes back gets 204. */
static void
send_end(struct mux *mux)
{
	struct event end = {
	    .id = BYTES("end"), .type = BYTES("end"), .data = BYTES("0")};

	frame_event(&mux->stream.frame, &end);
	(void)frame_flush(&mux->stream.frame); /* stream_close says if not */
}

int
main(int argc, char *argv[])
{
	static struct mux mux; /* zero: takes no room in the file */
	struct stream *stream = &mux.stream;
	int more = 1;

	/* Options. */
	mux.event_max = EVENT_MAX_DEFAULT;
	mux.gathered_ns = UTIL_NEVER;
	argc = program_init(stream, &program, argc, argv);
	parse_options(&mux, argc, argv);

	/* Request: a finished stream stays finished. */
	program_request(stream);
	if (strcmp(stream->request.last_event_id, "end") == 0)
		return program_no_content(stream);

	/* Header. */
	mux.poller = epoll_create1(EPOLL_CLOEXEC);
	if (mux.poller == -1 ||
	    loop_watch(&stream->loop, mux.poller, POLLIN) == -1)
		program_fail(stream, PROGRAM_FAILURE, "start");
	if (!stream_open(stream))
		return program_end(stream);

	/* Loop: each source begins with its part of the client's id. */
	open_sources(&mux, argv + optind);
	if (plain_request() == -1)
		more = -1;
	while (more == 1 && mux.left > 0)
		more = turn(&mux);

	/* Clean-up: no program survives its viewer; all are ended together. */
	if (more == 1)
		send_end(&mux);
	if (more == -1)
		program_break(stream, "sources");
	for (size_t i = 0; i < mux.sources; i++)
		source_end(mux.source + i);
	for (size_t i = 0; i < mux.sources; i++)
		source_stop(mux.source + i);
	return program_end(stream);
}
