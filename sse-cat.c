/*
 * sse-cat: reads an event stream in the shell: the data of each event, or a
 * JSON object a line. What the format means is decode's; sse-cat prints.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/decode.h"
#include "lib/json.h"
#include "lib/program.h"

/*
 * What one read brings is one write, below FRAME_BUFFER: data is shorter than
 * its frame, JSON longer.
 */
#define READ_MAX 28672
#define READ_MAX_JSON 16384

#define EVENT_MAX_LIMIT (1 << 30)

struct cat {
	struct stream stream;
	struct decoder decoder;
	bool json;
	bool retried; /* a retry field came that was not printed yet */
};

static const struct program program = {
    .about = "Prints the data of each event of the stream on stdin.",
    .options =
	{
	    {'e', "event", "NAME", "only events of this type (all)"},
	    {'j', "json", NULL,
		"a line of JSON an event: event, id, data, retry"},
	    {'b', "max-event", "BYTES", "the longest event (16777216)"},
	},
    .without = "erkAmHO",
    .methods = CGI_GET,
    .shell_only = true,
};

static void
parse_options(struct cat *cat, int argc, char *argv[])
{
	struct stream *stream = &cat->stream;
	size_t max = DECODE_MAX_DEFAULT;
	int option;

	while ((option = program_option(stream, argc, argv)) != -1) {
		switch (option) {
		case 'j': cat->json = true; break;
		case 'b':
			max = program_number(stream, 'b', 1, EVENT_MAX_LIMIT);
			break;
		}
	}
	if (optind < argc)
		program_refuse(stream, PROGRAM_USAGE,
		    "'%s': no argument is expected", argv[optind]);
	decode_init(&cat->decoder, max);
}

/* "message" is what the standard calls the type of an event without one. */
static struct bytes
type_of(struct bytes type)
{
	return type.n > 0 ? type : bytes_of("message");
}

/* A place to come back to, without data; or the end, with an exit status. */
static bool
is_mark(const struct cat *cat)
{
	const struct event *event = &cat->decoder.event;

	if (!cat->decoder.has_id)
		return false;
	if (bytes_equal(event->id, bytes_of("end")))
		return bytes_equal(event->type, bytes_of("end")) ||
		       bytes_equal(event->data, bytes_of("0"));
	return bytes_equal(event->type, bytes_of("start")) &&
	       event->data.n == 0;
}

/* Marks are no data: they show with -j, or by their type alone. */
static bool
is_wanted(const struct cat *cat)
{
	const struct event *event = &cat->decoder.event;

	if (cat->stream.event != NULL)
		return bytes_equal(
		    type_of(event->type), type_of(bytes_of(cat->stream.event)));
	return cat->json || !is_mark(cat);
}

static void
print_json(struct cat *cat)
{
	const struct event *event = &cat->decoder.event;
	struct frame *frame = &cat->stream.frame;

	frame_text(frame, "{\"event\":");
	json_string(frame, type_of(event->type));
	frame_text(frame, ",\"id\":");
	json_string(frame, event->id);
	frame_text(frame, ",\"data\":");
	json_string(frame, event->data);
	if (cat->retried) {
		frame_text(frame, ",\"retry\":");
		json_number(frame, cat->decoder.retry_ms);
	}
	cat->retried = false;
	frame_text(frame, "}\n");
}

static void
print_event(struct cat *cat)
{
	const struct event *event = &cat->decoder.event;
	struct frame *frame = &cat->stream.frame;

	if (!is_wanted(cat))
		return;
	if (cat->json) {
		print_json(cat);
		return;
	}
	frame_raw(frame, event->data.at, event->data.n);
	frame_text(frame, "\n");
}

/* Returns 0, or -1 once it was said what is wrong. */
static int
print_events(struct cat *cat, struct bytes input)
{
	for (;;) {
		switch (decode_next(&cat->decoder, &input)) {
		case DECODE_MORE: return 0;
		case DECODE_EVENT: print_event(cat); break;
		case DECODE_EMPTY: break;
		case DECODE_RETRY: cat->retried = true; break;
		case DECODE_LONG:
			program_warn(&cat->stream,
			    "an event is longer than %zu bytes (-b)",
			    cat->decoder.max);
			return -1;
		case DECODE_FAILED:
			program_warn(&cat->stream, "decode:");
			return -1;
		}
	}
}

/* One read and its events. Returns 1 to go on, 0 at the end, -1 on failure. */
static int
read_stdin(struct cat *cat)
{
	static char buffer[READ_MAX];
	ssize_t n = read(
	    STDIN_FILENO, buffer, cat->json ? READ_MAX_JSON : sizeof(buffer));

	if (n == 0)
		return 0;
	if (n == -1) {
		if (errno == EINTR || errno == EAGAIN)
			return 1;
		program_warn(&cat->stream, "read:");
		return -1;
	}
	if (print_events(cat, (struct bytes){buffer, (size_t)n}) == -1)
		return -1;
	return 1;
}

int
main(int argc, char *argv[])
{
	static struct cat cat;
	struct stream *stream = &cat.stream;
	int more = 1;

	/* Options. */
	argc = program_init(stream, &program, argc, argv);
	parse_options(&cat, argc, argv);
	if (loop_watch(&stream->loop, STDIN_FILENO, POLLIN) == -1)
		program_fail(stream, PROGRAM_FAILURE, "start");

	/* Loop: what one read brought is printed before the next. */
	while (more == 1 && stream_wait(stream) == LOOP_INPUT)
		more = read_stdin(&cat);

	/* Clean-up. */
	decode_free(&cat.decoder);
	if (more == -1)
		stream->failed = true;
	return program_end(stream);
}
