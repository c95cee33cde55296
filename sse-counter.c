/*
 * sse-counter: counts up, one event per second, until the viewer leaves. It is
 * the smallest complete program of sse-cgi, and its tutorial; the headers in
 * lib/ explain the modules that it uses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/program.h"
#include "lib/util.h"

#define COUNT_MAX UINT64_MAX

static const struct program program = {
    .about = "Counts up as an event stream, on stdout or as a CGI program.",
    .options =
	{
	    {'n', "count", "COUNT", "end after COUNT (no end)"},
	    {'i', "interval", "SECONDS",
		"between two events, 0.001 or more (1)"},
	    {'v', "verbose", NULL, "log each event to stderr"},
	},
    .methods = CGI_GET | CGI_HEAD,
};

/* The last number that the viewer had; 0 if it has had none. */
static uint64_t
last_number(const char *last_event_id)
{
	uint64_t number = 0;

	if (util_number(last_event_id, 0, COUNT_MAX, &number) == -1 &&
	    errno == ERANGE)
		number = COUNT_MAX;
	return number;
}

/* One event: the number is its id and its data. */
static void
send_number(struct stream *stream, uint64_t number)
{
	char digits[UTIL_DIGITS_MAX];
	struct event event = {
	    .id = {digits, util_digits(digits, number)},
	    .type = bytes_of(stream->event),
	};

	event.data = event.id;
	frame_event(&stream->frame, &event);
}

int
main(int argc, char *argv[])
{
	static struct stream stream; /* 64 KiB of it are the frame's buffer */
	uint64_t number, count = COUNT_MAX;
	int64_t interval_ns = UTIL_SECOND_NS;
	bool verbose = false;
	int option;

	/* Options: the common ones are stored in stream. */
	argc = program_init(&stream, &program, argc, argv);
	stream.retry_ms = 10000;
	while ((option = program_option(&stream, argc, argv)) != -1) {
		switch (option) {
		case 'n':
			count = program_number(&stream, 'n', 0, COUNT_MAX);
			break;
		case 'i':
			interval_ns = program_seconds(&stream, 'i', false);
			break;
		case 'v': verbose = true; break;
		}
	}
	if (optind < argc)
		program_refuse(&stream, PROGRAM_USAGE,
		    "'%s': no argument is expected", argv[optind]);

	/* Request: a viewer that reconnects goes on after its last number. */
	program_request(&stream);
	number = last_number(stream.request.last_event_id);
	if (number >= count && number > 0)
		return program_no_content(&stream);

	/* Header, and the reconnection time. */
	if (!stream_open(&stream) || number >= count)
		return program_end(&stream);

	/* Loop: the deadlines are absolute, so the count does not drift. */
	stream.loop.tick_ns = util_now_ns() + interval_ns;
	while (number < count) {
		switch (stream_wait(&stream)) {
		case LOOP_TICK:
			stream.loop.tick_ns += interval_ns;
			send_number(&stream, ++number);
			if (verbose)
				fprintf(
				    stderr, "Emit %ju\n", (uintmax_t)number);
			break;
		default: return program_end(&stream); /* the viewer has left */
		}
	}
	return program_end(&stream);
}
