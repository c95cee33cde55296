/*
 * program: stores the common options in the stream, and answers and exits if
 * the program cannot go on. options has the names of options; stream sends the
 * response.
 */
#include "program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nph.h"
#include "proc.h"
#include "util.h"

#define COME_BACK_MIN_MS 5000 /* the retry of program_come_back */
#define COME_BACK_MAX_MS 15000

static void
warn_list(const struct stream *stream, const char *format, va_list list)
{
	const char *error = strerror(errno);
	char line[1024], text[896];
	bool add = format[strlen(format) - 1] == ':';

	(void)vsnprintf(text, sizeof(text), format, list);
	/* a line that is too long is cut off, but gets its line end */
	(void)snprintf(line, sizeof(line) - 1, "%.64s: %s%s%s", stream->name,
	    text, add ? " " : "", add ? error : "");
	util_no_controls(line);
	(void)strcat(line, "\n");
	/* if stderr does not work, the line is lost */
	if (write(STDERR_FILENO, line, strlen(line)) == -1)
		return;
}

void
program_warn(const struct stream *stream, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warn_list(stream, format, list);
	va_end(list);
}

static bool
is_asked(const struct stream *stream)
{
	return stream->request.served || stream->request.nph;
}

/* Answers a web server with a status, and exits. */
static _Noreturn void
answer(struct stream *stream, int status, int exit_status)
{
	int ended = EXIT_SUCCESS;

	if (is_asked(stream)) {
		stream_respond(stream, status);
		if (stream_finish(stream) == -1)
			ended = program_end(stream); /* says why */
	}
	exit(exit_status != EXIT_SUCCESS ? exit_status : ended);
}

void
program_refuse(struct stream *stream, int exit_status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warn_list(stream, format, list);
	va_end(list);
	answer(stream, 500, exit_status);
}

static int64_t
come_back_ms(void)
{
	return util_random(COME_BACK_MIN_MS, COME_BACK_MAX_MS);
}

void
program_come_back(struct frame *frame)
{
	frame_retry(frame, (uint64_t)come_back_ms());
}

void
program_send_back(
    struct stream *stream, int exit_status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warn_list(stream, format, list);
	va_end(list);
	stream->retry_ms = come_back_ms();
	(void)stream_open(stream);   /* for HEAD, only the header */
	(void)stream_finish(stream); /* it exits on failure, too */
	exit(exit_status);
}

void
program_fail(struct stream *stream, int exit_status, const char *what)
{
	/* ENOSPC: no pseudo-terminal; ETXTBSY: the file is being replaced */
	if (is_asked(stream) &&
	    (util_scarce(errno) || errno == ENOSPC || errno == ETXTBSY))
		program_send_back(stream, exit_status, "%s:", what);
	program_refuse(stream, exit_status, "%s:", what);
}

void
program_break(struct stream *stream, const char *what)
{
	bool scarce = util_scarce(errno);

	program_warn(stream, "%s:", what);
	stream->failed = true;
	if (scarce) /* stream_close says if it was not written */
		program_come_back(&stream->frame);
}

int
program_no_content(struct stream *stream)
{
	stream_respond(stream, 204);
	return program_end(stream);
}

int
program_end(struct stream *stream)
{
	if (stream->loop_error != 0) {
		errno = stream->loop_error;
		program_warn(stream, "poll:");
		stream->failed = true;
	}
	if (stream_close(stream) == 0)
		return stream->failed ? PROGRAM_FAILURE : EXIT_SUCCESS;
	if (errno == EPIPE || errno == ECONNRESET || errno == EINTR)
		return EXIT_SUCCESS; /* the client left, or a signal came */
	program_warn(stream, "write to stdout:");
	return PROGRAM_FAILURE;
}

/*
 * argc without arguments from the query. Only the program's own options and
 * operands can be such: after an operand, arguments are a command's.
 */
static int
own_args(const struct program *program, int argc, char *argv[])
{
	int own = cgi_own_args(argc, argv);

	if (own == argc)
		return argc;
	while (options_next(program, own, argv) != -1)
		;
	if (optind >= own)
		argc = own;
	optind = 0; /* getopt starts again */
	return argc;
}

int
program_init(struct stream *stream, const struct program *program, int argc,
    char *argv[])
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	if (proc_open_standard() == -1)
		exit(PROGRAM_FAILURE);
	proc_reset_signals();
	opterr = 0;
	stream->program = program;
	stream->methods = program->methods;
	stream->name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "sse";
	stream->retry_ms = -1;
	stream->keepalive_ns = 15 * UTIL_SECOND_NS;
	stream->keepalive = (struct event){.data = BYTES("15")};
	frame_init(&stream->frame, loop_write, &stream->loop);
	stream->request = (struct cgi_request){.method = CGI_GET, .origin = ""};
	if (!program->shell_only && getenv("REQUEST_METHOD") != NULL)
		proc_close_inherited(program->inherits);
	if ((!program->shell_only &&
		cgi_request(&stream->request, stream->name) == -1) ||
	    loop_init(&stream->loop) == -1)
		program_fail(stream, PROGRAM_FAILURE, "start");
	return program->shell_only ? argc : own_args(program, argc, argv);
}

uint64_t
program_number(struct stream *stream, int letter, uint64_t min, uint64_t max)
{
	uint64_t number;

	if (util_number(optarg, min, max, &number) == -1)
		program_refuse(stream, PROGRAM_USAGE,
		    "-%c '%.100s': not a whole number from %ju to %ju", letter,
		    optarg, (uintmax_t)min, (uintmax_t)max);
	return number;
}

int64_t
program_seconds(struct stream *stream, int letter, bool zero_ok)
{
	int64_t ns;

	if (util_seconds(
		optarg, 0, PROGRAM_SECONDS_MAX * UTIL_SECOND_NS, &ns) == -1 ||
	    (ns < PROGRAM_INTERVAL_MIN_NS && !(ns == 0 && zero_ok)))
		program_refuse(stream, PROGRAM_USAGE,
		    "-%c '%.100s': not seconds from 0.001 to %jd%s", letter,
		    optarg, (intmax_t)PROGRAM_SECONDS_MAX,
		    zero_ok ? ", or 0" : "");
	return ns;
}

const char *
program_event_type(struct stream *stream, int letter)
{
	if (!frame_field_ok(bytes_of(optarg)))
		program_refuse(stream, PROGRAM_USAGE,
		    "-%c '%.100s': an event type is one line", letter, optarg);
	return optarg;
}

/* Refuses an option that is unknown, or lacks its value. */
static _Noreturn void
refuse_option(struct stream *stream, int option, char *const argv[])
{
	const char letter[] = {'-', (char)optopt, '\0'};
	char usage[OPTIONS_USAGE_MAX];

	options_usage(stream->program, usage);
	/* an unknown long option has no letter */
	program_refuse(stream, PROGRAM_USAGE, "%.100s: %s; usage: %s %s",
	    optopt != 0 ? letter : argv[optind - 1],
	    option == ':' ? "its value is missing" : "no such option",
	    stream->name, usage);
}

static void
set_alive(struct stream *stream)
{
	stream->keepalive.type = bytes_of(program_event_type(stream, 'A'));
	if (stream->keepalive.type.n > PROGRAM_ALIVE_MAX)
		program_refuse(stream, PROGRAM_USAGE,
		    "-A: its type is longer than %d bytes", PROGRAM_ALIVE_MAX);
}

static void
add_header(struct stream *stream)
{
	if (!cgi_field_ok(optarg))
		program_refuse(stream, PROGRAM_USAGE,
		    "-H '%.100s': not one header field, Name: value, or one "
		    "that the stream sets",
		    optarg);
	if (stream->headers == STREAM_HEADERS_MAX)
		program_refuse(stream, PROGRAM_USAGE,
		    "-H: more than %d header fields", STREAM_HEADERS_MAX);
	stream->header[stream->headers++] = optarg;
}

static void
add_origin(struct stream *stream)
{
	if (origin_add(&stream->origins, optarg) == 0)
		return;
	if (errno != EINVAL)
		program_refuse(stream, PROGRAM_USAGE, "-O '%.100s':", optarg);
	program_refuse(stream, PROGRAM_USAGE,
	    "-O '%.100s': not scheme://host[:port] in lower case, null or *",
	    optarg);
}

int
program_option(struct stream *stream, int argc, char *argv[])
{
	int option;

	while ((option = options_next(stream->program, argc, argv)) != -1) {
		switch (option) {
		case 'e':
			if (stream->program->own_event)
				return option;
			stream->event = program_event_type(stream, 'e');
			break;
		case 'r':
			stream->retry_ms = (int64_t)program_number(
			    stream, 'r', 0, PROGRAM_RETRY_MAX);
			break;
		case 'k':
			stream->keepalive_ns =
			    program_seconds(stream, 'k', true);
			stream->keepalive.data = bytes_of(optarg);
			break;
		case 'A': set_alive(stream); break;
		case 'm':
			stream->limit_ns = program_seconds(stream, 'm', true);
			break;
		case 'H': add_header(stream); break;
		case 'O': add_origin(stream); break;
		case 'h':
			options_help(
			    &stream->frame, stream->name, stream->program);
			exit(program_end(stream));
		case 'V':
			frame_text(&stream->frame, stream->name);
			frame_text(&stream->frame, " " VERSION "\n");
			exit(program_end(stream));
		case ':':
		case '?': refuse_option(stream, option, argv);
		default: return option;
		}
	}
	return -1;
}

/* An nph- program without a web server: reads the request itself. */
static void
read_request(struct stream *stream)
{
	int status = nph_read();

	if (status == 0)
		exit(EXIT_SUCCESS);
	if (status != 200) {
		program_warn(stream, "request refused with status %d", status);
		answer(stream, status, PROGRAM_FAILURE);
	}
	if (cgi_request(&stream->request, stream->name) == -1)
		program_fail(stream, PROGRAM_FAILURE, "request");
}

void
program_request(struct stream *stream)
{
	struct cgi_request *request = &stream->request;

	if (request->nph && !request->served)
		read_request(stream);
	switch (stream_status(stream)) {
	case 204: exit(program_no_content(stream));
	case 403:
		program_warn(stream,
		    "request refused: -O names no origin '%.100s'",
		    request->origin);
		answer(stream, 403, EXIT_SUCCESS);
	case 405:
		program_warn(stream, "request refused: method not allowed");
		answer(stream, 405, EXIT_SUCCESS);
	default: break;
	}
}
