/*
 * sse-counter: counts up, an event each second, for as long as somebody
 * looks. The smallest complete program of sse-cgi and its tutorial; the
 * modules that it joins are explained in their headers, in lib/.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stream.h"
#include "lib/util.h"

#define COUNT_MAX UINT64_MAX

static const struct option options[] = {
    {"count", required_argument, NULL, 'n'},
    {"interval", required_argument, NULL, 'i'},
    {"verbose", no_argument, NULL, 'v'},
    STREAM_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const struct program program = {
    .usage =
	"[-v] [-n COUNT] [-i SECONDS] [-r MS] [-e NAME] [-k SECONDS] [-A NAME] "
	"[-m SECONDS] [-O ORIGIN] [-H FIELD]",
    .help = "Counts up as an event stream, on stdout or as a CGI program.\n"
	    "  -n, --count COUNT        end after COUNT (no end)\n"
	    "  -i, --interval SECONDS   between two events, 0.001 or more (1)\n"
	    "  -v, --verbose            log each event to stderr\n",
    .letters = STREAM_LETTERS "n:i:v",
    .options = options,
    .methods = CGI_GET | CGI_HEAD,
};

/* The number that the viewer had last: 0 where it says none, or no number. */
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
	struct event event = {.id = {digits, util_digits(digits, number)}};

	event.data = event.id;
	if (stream->event != NULL)
		event.event =
		    (struct bytes){stream->event, strlen(stream->event)};
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

	/* Options: the common ones are stream's. */
	argc = stream_init(&stream, &program, argc, argv);
	stream.retry_ms = 10000;
	while ((option = stream_option(&stream, argc, argv)) != -1) {
		switch (option) {
		case 'n':
			count = stream_number(&stream, 'n', 0, COUNT_MAX);
			break;
		case 'i':
			interval_ns = stream_seconds(&stream, 'i', false);
			break;
		case 'v': verbose = true; break;
		}
	}
	if (optind < argc)
		stream_refuse(&stream, 500, STREAM_USAGE,
		    "'%s': no argument is expected", argv[optind]);

	/* Request: who comes back goes on where the stream broke off. */
	stream_request(&stream);
	number = last_number(stream.request.last_event_id);
	if (number >= count && number > 0)
		return stream_no_content(&stream);

	/* Header, and the reconnection time. */
	if (!stream_open(&stream) || number >= count)
		return stream_close(&stream);

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
		default: return stream_close(&stream); /* the viewer has left */
		}
	}
	return stream_close(&stream);
}
