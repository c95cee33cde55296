/*
 * sse-cat: reads an event stream in the shell, from stdin or from a command
 * that it runs again and again. It joins modules: decode says what the stream
 * means, printer prints it, child runs the command, place keeps the last id.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cat/place.h"
#include "lib/cat/printer.h"
#include "lib/child.h"
#include "lib/decode.h"
#include "lib/proc.h"
#include "lib/program.h"
#include "lib/util.h"

/*
 * The events of one read are one write, below FRAME_BUFFER: data is shorter
 * than its frame, JSON longer.
 */
#define READ_MAX 28672
#define READ_MAX_JSON 16384

#define EVENT_MAX_LIMIT (1 << 30)
#define DRAIN_READS 64        /* as much as the largest pipe holds */
#define RETRY_DEFAULT_MS 3000 /* as browsers wait, some longer */
#define PAUSE_MIN_MS 100      /* between two runs of the command */
#define PAUSE_MAX_MS 60000    /* after runs that brought nothing */

struct cat {
	struct stream stream;
	struct decoder decoder;
	struct printer printer;
	struct place place;
	const char *file; /* -f, or NULL */
	size_t event_max;
	bool ended; /* the event "end" came */
	bool warned_left_out;
	bool warned_replaced;
	int status; /* to exit with, if all else goes well */

	char *const *command; /* NULL: stdin is the source */
	struct child child;
	bool lively;      /* this run has brought a frame */
	int64_t retry_ms; /* of the last retry field, or RETRY_DEFAULT_MS */
	int64_t pause_ms; /* the last pause; 0: none yet */
};

static const struct program program = {
    .about = "Prints the data of each event of the stream on stdin, or of "
	     "COMMAND's.",
    .operands = "[--] [COMMAND [ARG ...]]",
    .options =
	{
	    {'e', "event", "NAME", "only events of this type (all)"},
	    {'j', "json", NULL,
		"a line of JSON an event: event, id, data, retry"},
	    {'c', "columns", "LIST",
		"these fields, TAB-separated:\n"
		"id, event, data; data last"},
	    {'0', "null", NULL, "NUL after each event in place of LF"},
	    {'f', "file", "FILE", "keeps the last event id over restarts"},
	    {'b', "max-event", "BYTES", "the longest event (16777216)"},
	},
    .notes = "COMMAND is run again, with LAST_EVENT_ID, until the event end.",
    .without = "erkAmHO",
    .methods = CGI_GET,
    .shell_only = true,
};

static void
parse_option(struct cat *cat, int option)
{
	struct stream *stream = &cat->stream;

	switch (option) {
	case 'j': cat->printer.json = true; break;
	case 'c':
		if (columns_parse(&cat->printer.columns, optarg) == -1)
			program_refuse(stream, PROGRAM_USAGE,
			    "-c '%.100s': not a list of id, event, data, with "
			    "data last",
			    optarg);
		break;
	case '0': cat->printer.null = true; break;
	case 'f': cat->file = optarg; break;
	case 'b':
		cat->event_max =
		    program_number(stream, 'b', 1, EVENT_MAX_LIMIT);
		break;
	}
}

/*
 * If sse-cat itself is in cgi-bin, a request's query can be its arguments: they
 * must not run commands or write files. Words after an operand belong to the
 * operator's command.
 */
static void
refuse_request(struct cat *cat, int argc, char *argv[])
{
	int own = cgi_own_args(argc, argv);

	if ((cat->command != NULL || cat->file != NULL) && own < argc &&
	    optind >= own)
		program_refuse(&cat->stream, PROGRAM_USAGE,
		    "a request's query may give no COMMAND and no -f");
}

static void
parse_options(struct cat *cat, int argc, char *argv[])
{
	struct printer *printer = &cat->printer;
	struct stream *stream = &cat->stream;
	int option;

	cat->event_max = DECODE_MAX_DEFAULT;
	cat->retry_ms = RETRY_DEFAULT_MS;
	cat->child.out = cat->child.err = cat->child.exit = -1;
	while ((option = program_option(stream, argc, argv)) != -1)
		parse_option(cat, option);
	printer->type = stream->event;
	if (printer->json && (printer->columns.n > 0 || printer->null))
		program_refuse(stream, PROGRAM_USAGE,
		    "-j: a JSON object is a line, without -c and -0");
	if (optind < argc)
		cat->command = argv + optind;
	refuse_request(cat, argc, argv);
}

/* Warns of each kind of loss once. */
static void
warn_of_losses(struct cat *cat)
{
	const struct printer *printer = &cat->printer;

	if (printer->left_out && !cat->warned_left_out)
		program_warn(&cat->stream,
		    "an id or event type holds TAB or NUL: it is left out");
	if (printer->replaced && !cat->warned_replaced)
		program_warn(&cat->stream,
		    printer->null ? "data hold NUL: it becomes U+FFFD"
				  : "data of several lines become one: -0 "
				    "keeps them");
	cat->warned_left_out = printer->left_out;
	cat->warned_replaced = printer->replaced;
}

/* What has ended stays ended: the server's answer would be 204. */
static bool
has_ended(const struct cat *cat)
{
	return strcmp(cat->place.id, "end") == 0;
}

/* The exit status in the data of an event "end"; 0 if it is none. */
static int
end_status(struct bytes data)
{
	char digits[4] = "";
	uint64_t status = 0;

	if (data.n >= sizeof(digits))
		return 0;
	if (data.n > 0)
		memcpy(digits, data.at, data.n);
	(void)util_number(digits, 0, 255, &status); /* or it stays 0 */
	return (int)status;
}

/* Handles a complete frame. Returns 0, or -1 after a warning. */
static int
take_frame(struct cat *cat, enum decode_result result)
{
	const struct decoder *decoder = &cat->decoder;
	const struct event *event = &decoder->event;

	cat->lively = true;
	if ((cat->command != NULL || cat->file != NULL) &&
	    place_set(&cat->place, event->id) == -1) {
		program_warn(&cat->stream, "an id is longer than %d bytes",
		    PLACE_ID_MAX);
		return -1;
	}
	printer_frame(&cat->printer, decoder, result, &cat->stream.frame);
	if (result != DECODE_EVENT || !decoder->has_id ||
	    !bytes_equal(event->id, bytes_of("end")))
		return 0;
	cat->ended = bytes_equal(event->type, bytes_of("end"));
	if (cat->command != NULL)
		cat->status = end_status(event->data);
	return 0;
}

/* Handles the events of input. Returns 0, or -1 after a warning. */
static int
take_events(struct cat *cat, struct bytes input)
{
	const int64_t most = PROGRAM_RETRY_MAX;
	struct decoder *decoder = &cat->decoder;

	for (;;) {
		enum decode_result result = decode_next(decoder, &input);

		switch (result) {
		case DECODE_MORE: return 0;
		case DECODE_EVENT:
		case DECODE_EMPTY:
			if (take_frame(cat, result) == -1)
				return -1;
			if (cat->ended && cat->command != NULL)
				return 0;
			break;
		case DECODE_RETRY:
			printer_retry(&cat->printer);
			cat->retry_ms = decoder->retry_ms < (uint64_t)most
					    ? (int64_t)decoder->retry_ms
					    : most;
			break;
		case DECODE_LONG:
			program_warn(&cat->stream,
			    "an event is longer than %zu bytes (-b)",
			    decoder->max);
			return -1;
		case DECODE_FAILED:
			program_warn(&cat->stream, "decode:");
			return -1;
		}
	}
}

/* Waits for the disk, if what is printed goes there; a pipe cannot. */
static int
sync_output(void)
{
	if (fdatasync(STDOUT_FILENO) == 0)
		return 0;
	return errno == EINVAL || errno == EROFS ? 0 : -1;
}

/*
 * Prints the events before it saves their id: an event may come twice, but is
 * never lost. Returns 0, or -1 after a warning.
 */
static int
print_and_save(struct cat *cat)
{
	struct place *place = &cat->place;

	if (!place_is_behind(place))
		return 0; /* stream_wait prints */
	if (place_prepare(place) == 0) {
		if (frame_flush(&cat->stream.frame) == -1)
			return 0; /* stream_wait sees it */
		if (sync_output() == 0 && place_commit(place) == 0)
			return 0;
	}
	program_warn(&cat->stream, "-f %.200s:", cat->file);
	return -1;
}

/*
 * One read and its events. Returns 1 to continue, 0 at the end, -1 on failure.
 */
static int
read_events(struct cat *cat, int fd)
{
	static char buffer[READ_MAX];
	ssize_t n = read(
	    fd, buffer, cat->printer.json ? READ_MAX_JSON : sizeof(buffer));
	int taken;

	if (n == 0)
		return 0;
	if (n == -1) {
		if (errno == EINTR || errno == EAGAIN)
			return 1;
		program_warn(&cat->stream, "read:");
		return -1;
	}
	taken = take_events(cat, (struct bytes){buffer, (size_t)n});
	warn_of_losses(cat);
	if (print_and_save(cat) == -1 || taken == -1)
		return -1;
	return cat->ended && cat->command != NULL ? 0 : 1;
}

/* Reads the command's output; after EOF the command may still run. */
static int
read_command(struct cat *cat)
{
	int more = read_events(cat, cat->child.out);

	if (more == 0 && !cat->ended) {
		/* cannot fail */
		(void)loop_watch(&cat->stream.loop, cat->child.out, 0);
		proc_close(&cat->child.out);
		return 1;
	}
	return more;
}

/* Sets the time of the next run: see the manual. */
static void
pause_command(struct cat *cat)
{
	int64_t least_ms =
	    cat->retry_ms > PAUSE_MIN_MS ? cat->retry_ms : PAUSE_MIN_MS;
	int64_t most_ms = least_ms > PAUSE_MAX_MS ? least_ms : PAUSE_MAX_MS;

	cat->pause_ms = cat->lively ? least_ms : 2 * cat->pause_ms;
	if (cat->pause_ms < least_ms)
		cat->pause_ms = least_ms;
	if (cat->pause_ms > most_ms)
		cat->pause_ms = most_ms;
	cat->stream.loop.tick_ns =
	    util_now_ns() + cat->pause_ms * INT64_C(1000000);
}

/* Runs the command, if that is possible now. Returns as read_events. */
static int
start_command(struct cat *cat)
{
	struct stream *stream = &cat->stream;
	struct loop *loop = &stream->loop;

	loop->tick_ns = UTIL_NEVER;
	cat->lively = false;
	if (setenv("LAST_EVENT_ID", cat->place.id, 1) == -1) {
		program_warn(stream, "LAST_EVENT_ID:");
		return -1;
	}
	if (child_start(&cat->child, cat->command, 0) == -1) {
		program_warn(stream, "%.200s:", cat->command[0]);
		cat->status = cat->child.status;
		if (!util_scarce(errno))
			return 0;
		pause_command(cat);
		return 1;
	}
	cat->status = EXIT_SUCCESS;
	if (decode_begin(&cat->decoder, bytes_of(cat->place.id)) == -1 ||
	    loop_watch(loop, cat->child.out, POLLIN) == -1 ||
	    loop_watch(loop, cat->child.exit, POLLIN) == -1) {
		program_warn(stream, "start:");
		return -1;
	}
	return 1;
}

/*
 * If the command has exited: reads the rest of the pipe, and ends its
 * descendants. Returns as read_events.
 */
static int
end_command(struct cat *cat)
{
	struct loop *loop = &cat->stream.loop;
	struct child *child = &cat->child;
	struct pollfd ready = {.events = POLLIN};
	int more = 1;

	if (!child_reap(child))
		return 1;
	for (int i = 0; i < DRAIN_READS && more == 1 && child->out != -1; i++) {
		ready.fd = child->out;
		if (poll(&ready, 1, 0) != 1)
			break;
		more = read_command(cat);
	}
	/* cannot fail */
	(void)loop_watch(loop, child->out, 0);
	(void)loop_watch(loop, child->exit, 0);
	child_stop(child);
	if (more != 1 || has_ended(cat))
		return more == -1 ? -1 : 0;
	pause_command(cat);
	if (!cat->lively)
		program_warn(&cat->stream,
		    "%.200s ended with status %d and without an event; it "
		    "runs again in %jd ms",
		    cat->command[0], child->status, (intmax_t)cat->pause_ms);
	return 1;
}

/* One turn of the loop. Returns as read_events. */
static int
turn(struct cat *cat)
{
	struct loop *loop = &cat->stream.loop;

	switch (stream_wait(&cat->stream)) {
	case LOOP_INPUT:
		if (cat->command == NULL)
			return read_events(cat, STDIN_FILENO);
		if (loop->fd == cat->child.exit)
			return end_command(cat);
		return read_command(cat);
	case LOOP_TICK: return start_command(cat);
	default: return 0;
	}
}

/* Begins with stdin or the command. Returns as read_events. */
static int
start(struct cat *cat)
{
	struct stream *stream = &cat->stream;

	if (cat->command == NULL) {
		if (decode_begin(&cat->decoder, bytes_of(cat->place.id)) ==
			-1 ||
		    loop_watch(&stream->loop, STDIN_FILENO, POLLIN) == -1)
			program_fail(stream, PROGRAM_FAILURE, "start");
		return 1;
	}
	if (has_ended(cat))
		return 0;
	/* in a CGI script a request can set this, and programs trust it */
	if ((getenv("REQUEST_METHOD") != NULL &&
		unsetenv("HTTP_PROXY") == -1) ||
	    proc_set_path() == -1)
		program_fail(stream, PROGRAM_FAILURE, "start");
	return start_command(cat);
}

int
main(int argc, char *argv[])
{
	static struct cat cat;
	struct stream *stream = &cat.stream;
	int more, closed;

	/* Options. */
	argc = program_init(stream, &program, argc, argv);
	parse_options(&cat, argc, argv);

	/* The place to resume from, and the source. */
	decode_init(&cat.decoder, cat.event_max);
	place_init(&cat.place);
	if (cat.file != NULL && place_open(&cat.place, cat.file) == -1)
		program_refuse(stream, PROGRAM_FAILURE,
		    errno == EINVAL
			? "-f %.200s: not a regular file that holds one line"
			: "-f %.200s:",
		    cat.file);
	more = start(&cat);

	/* Loop: what one read brought is printed before the next. */
	while (more == 1)
		more = turn(&cat);

	/* Clean-up: nothing of the command survives. */
	child_stop(&cat.child);
	place_close(&cat.place);
	decode_free(&cat.decoder);
	if (more == -1)
		stream->failed = true;
	closed = program_end(stream);
	return closed != EXIT_SUCCESS ? closed : cat.status;
}
