/*
 * stream: see stream.h.
 */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "help.h"
#include "util.h"

static void
warn_list(const struct stream *stream, const char *format, va_list list)
{
	char line[1024];
	int start = snprintf(line, sizeof(line), "%.64s: ", stream->name);
	size_t n;

	(void)vsnprintf(
	    line + start, sizeof(line) - (size_t)start - 1, format, list);
	n = strlen(line);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	/* there is nowhere left to say that stderr does not work */
	if (write(STDERR_FILENO, line, n) == -1)
		return;
}

void
stream_warn(const struct stream *stream, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warn_list(stream, format, list);
	va_end(list);
}

static void
respond(struct stream *stream, int status)
{
	const char *extra[STREAM_HEADERS_MAX + ORIGIN_FIELDS];
	struct cgi_response response = {
	    .status = status,
	    .methods = stream->program->methods,
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

/*
 * Takes what the client still sends, as far as it comes: where stdin and
 * stdout are one socket, closing it with input left would reset it, and the
 * answer could be lost on the way. Bounded in size and time.
 */
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

	/* some servers never end the input, but say how long it is */
	if (!stream->request.nph &&
	    (length == NULL ||
		util_number(length, 0, STREAM_DRAIN_MAX, &left) == -1))
		return;
	if (shutdown(STDOUT_FILENO, SHUT_WR) == -1)
		return; /* no socket */
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

void
stream_refuse(
    struct stream *stream, int status, int exit_status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warn_list(stream, format, list);
	va_end(list);
	if (stream->request.served || stream->request.nph) {
		respond(stream, status);
		if (frame_flush(&stream->frame) == 0)
			drain(stream); /* it is over either way */
	}
	exit(exit_status);
}

int64_t
stream_spread_ms(int64_t min_ms, int64_t max_ms)
{
	uint64_t seed = (uint64_t)util_now_ns() / 1000 + (uint64_t)getpid();

	return min_ms + (int64_t)(seed % (uint64_t)(max_ms - min_ms + 1));
}

void
stream_send_back(
    struct stream *stream, int exit_status, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	warn_list(stream, format, list);
	va_end(list);
	stream->retry_ms =
	    stream_spread_ms(STREAM_BACK_MIN_MS, STREAM_BACK_MAX_MS);
	(void)stream_open(stream); /* after a HEAD that is all */
	if (frame_flush(&stream->frame) == 0)
		drain(stream); /* it is over either way */
	exit(exit_status);
}

void
stream_fail(struct stream *stream, int exit_status, const char *what)
{
	bool asked = stream->request.served || stream->request.nph;

	/* ENOSPC: no pseudo-terminal; ETXTBSY: a file that is being replaced */
	if (asked &&
	    (util_scarce(errno) || errno == ENOSPC || errno == ETXTBSY))
		stream_send_back(
		    stream, exit_status, "%s: %s", what, strerror(errno));
	stream_refuse(
	    stream, 500, exit_status, "%s: %s", what, strerror(errno));
}

void
stream_send_start(struct stream *stream, struct bytes id)
{
	struct event start = {.id = id, .event = {"start", 5}};

	frame_event(&stream->frame, &start);
}

int
stream_set_path(void)
{
	static const char others[] = "/usr/local/bin:/usr/bin:/bin";
	char path[PATH_MAX + sizeof(others)];
	ssize_t n;

	if (getenv("PATH") != NULL)
		return 0;
	n = readlink("/proc/self/exe", path, PATH_MAX);
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n <= 0) /* /proc may be missing; then it is one of the others */
		return setenv("PATH", others, 1);
	path[n == 1 ? 1 : n - 1] = ':';
	memcpy(path + (n == 1 ? 2 : n), others, sizeof(others));
	return setenv("PATH", path, 1);
}

/*
 * Descriptors 0 to 2 are open, so that none of ours takes their place. A
 * stdout that was closed becomes a pipe that nobody reads: no viewer.
 */
static int
open_standard(void)
{
	int ends[2];

	if (fcntl(STDIN_FILENO, F_GETFD) == -1 &&
	    open("/dev/null", O_RDONLY) != STDIN_FILENO)
		return -1;
	if (fcntl(STDOUT_FILENO, F_GETFD) == -1) {
		if (pipe(ends) == -1 || dup2(ends[1], STDOUT_FILENO) == -1)
			return -1;
		(void)close(ends[1]);
	}
	if (fcntl(STDERR_FILENO, F_GETFD) == -1 &&
	    open("/dev/null", O_WRONLY) != STDERR_FILENO)
		return -1;
	return 0;
}

/*
 * Servers start programs with signals ignored, blocked, or an alarm set.
 * Those that end a program are the loop's, and a command gets all of them
 * back (child): these few are what is left that matters to ourselves.
 */
static void
reset_signals(void)
{
	static const int reset[] = {
	    SIGCHLD, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP};
	sigset_t none;

	(void)alarm(0);
	for (size_t i = 0; i < sizeof(reset) / sizeof(*reset); i++)
		(void)signal(reset[i], SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail, nor can the rest */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * A query's words can only stand where options and operands of our own do:
 * after an operand the arguments are a command's, and the operator's.
 */
static int
own_args(const struct program *program, int argc, char *argv[])
{
	int own = cgi_own_args(argc, argv);

	opterr = 0;
	if (own == argc)
		return argc;
	while (getopt_long(
		   own, argv, program->letters, program->options, NULL) != -1)
		;
	if (optind >= own)
		argc = own;
	optind = 0; /* start again */
	return argc;
}

int
stream_init(struct stream *stream, const struct program *program, int argc,
    char *argv[])
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;

	if (open_standard() == -1)
		exit(STREAM_FAILURE);
	reset_signals();
	stream->program = program;
	stream->name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "sse";
	stream->event = NULL;
	stream->retry_ms = -1;
	stream->beat_ns = 15 * UTIL_SECOND_NS;
	stream->beat = (struct event){.data = {"15", 2}};
	stream->limit_ns = 0;
	stream->headers = stream->origins.n = 0;
	stream->failed = 0;
	frame_init(&stream->frame, loop_write, &stream->loop);
	stream->request = (struct cgi_request){.method = CGI_GET, .origin = ""};
	if (!program->shell_only && getenv("REQUEST_METHOD") != NULL)
		loop_close_inherited(program->inherits);
	if ((!program->shell_only &&
		cgi_request(&stream->request, stream->name) == -1) ||
	    loop_init(&stream->loop) == -1)
		stream_fail(stream, STREAM_FAILURE, "start");
	return program->shell_only ? argc : own_args(program, argc, argv);
}

/* To stdout; the exit status is 1 where it could not be written. */
static _Noreturn void
print_help(struct stream *stream)
{
	const struct program *program = stream->program;

	help_write(&stream->frame, stream->name, program->usage, program->help,
	    !program->shell_only);
	exit(stream_close(stream));
}

static _Noreturn void
print_version(struct stream *stream)
{
	help_write_version(&stream->frame, stream->name);
	exit(stream_close(stream));
}

uint64_t
stream_number(struct stream *stream, int letter, uint64_t min, uint64_t max)
{
	uint64_t number;

	if (util_number(optarg, min, max, &number) == -1)
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-%c '%.100s': not a whole number from %ju to %ju", letter,
		    optarg, (uintmax_t)min, (uintmax_t)max);
	return number;
}

int64_t
stream_seconds(struct stream *stream, int letter, bool zero_ok)
{
	int64_t ns;

	if (util_seconds(optarg, 0, STREAM_SECONDS_MAX * UTIL_SECOND_NS, &ns) ==
		-1 ||
	    (ns < STREAM_INTERVAL_MIN_NS && !(ns == 0 && zero_ok)))
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-%c '%.100s': not seconds from 0.001 to %jd%s", letter,
		    optarg, (intmax_t)STREAM_SECONDS_MAX,
		    zero_ok ? ", or 0" : "");
	return ns;
}

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){text, strlen(text)};
}

const char *
stream_event_type(struct stream *stream, int letter)
{
	if (!frame_field_ok(bytes_of(optarg)))
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-%c '%.100s': an event type is one line", letter, optarg);
	return optarg;
}

/* An option that is unknown, or has no value. */
static _Noreturn void
refuse_option(struct stream *stream, int option, char *const argv[])
{
	const char letter[] = {'-', (char)optopt, '\0'};

	/* an unknown long option has no letter */
	stream_refuse(stream, 500, STREAM_USAGE, "%.100s: %s; usage: %s %s",
	    optopt != 0 ? letter : argv[optind - 1],
	    option == ':' ? "its value is missing" : "no such option",
	    stream->name, stream->program->usage);
}

static void
set_alive(struct stream *stream)
{
	stream->beat.event = bytes_of(stream_event_type(stream, 'A'));
	if (stream->beat.event.n > STREAM_ALIVE_MAX)
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-A: its type is longer than %d bytes", STREAM_ALIVE_MAX);
}

static void
add_header(struct stream *stream)
{
	if (!cgi_field_ok(optarg))
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-H '%.100s': not one header field, Name: value, or one "
		    "that the stream sets",
		    optarg);
	if (stream->headers == STREAM_HEADERS_MAX)
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-H: more than %d header fields", STREAM_HEADERS_MAX);
	stream->header[stream->headers++] = optarg;
}

static void
add_origin(struct stream *stream)
{
	if (origin_add(&stream->origins, optarg) == -1)
		stream_refuse(stream, 500, STREAM_USAGE, "-O '%.100s': %s",
		    optarg,
		    errno == EINVAL ? "not scheme://host[:port] in lower case, "
				      "null or *"
				    : strerror(errno));
}

int
stream_option(struct stream *stream, int argc, char *argv[])
{
	const struct program *program = stream->program;
	int option;

	while ((option = getopt_long(argc, argv, program->letters,
		    program->options, NULL)) != -1) {
		switch (option) {
		case 'e': stream->event = stream_event_type(stream, 'e'); break;
		case 'r':
			stream->retry_ms = (int64_t)stream_number(
			    stream, 'r', 0, STREAM_RETRY_MAX);
			break;
		case 'k':
			stream->beat_ns = stream_seconds(stream, 'k', true);
			stream->beat.data = bytes_of(optarg);
			break;
		case 'A': set_alive(stream); break;
		case 'm':
			stream->limit_ns = stream_seconds(stream, 'm', true);
			break;
		case 'H': add_header(stream); break;
		case 'O': add_origin(stream); break;
		case 'h': print_help(stream);
		case 'V': print_version(stream);
		case ':':
		case '?': refuse_option(stream, option, argv);
		default: return option;
		}
	}
	return -1;
}

void
stream_request(struct stream *stream)
{
	struct cgi_request *request = &stream->request;
	int status;

	if (request->nph && !request->served) {
		status = cgi_read();
		if (status == 0)
			exit(EXIT_SUCCESS);
		if (status != 200)
			stream_refuse(stream, status, STREAM_FAILURE,
			    "request refused with status %d", status);
		if (cgi_request(request, stream->name) == -1)
			stream_fail(stream, STREAM_FAILURE, "request");
	}
	if (stream->origins.n > 0 && *request->origin != '\0' &&
	    origin_find(&stream->origins, request->origin) == 0)
		stream_refuse(stream, 403, EXIT_SUCCESS,
		    "request refused: -O names no origin '%.100s'",
		    request->origin);
	if (stream->origins.n > 0 && request->method == CGI_OPTIONS)
		exit(stream_no_content(stream));
	if (request->served && !(stream->program->methods & request->method))
		stream_refuse(stream, 405, EXIT_SUCCESS,
		    "request refused: its method is none of those allowed");
}

bool
stream_open(struct stream *stream)
{
	respond(stream, 200);
	if (stream->request.method == CGI_HEAD)
		return false;
	if (stream->retry_ms >= 0)
		frame_retry(&stream->frame, (uint64_t)stream->retry_ms);
	else
		frame_comment(&stream->frame);
	if (stream->beat_ns > 0)
		stream->loop.beat_ns = stream->beat_ns;
	if (stream->limit_ns > 0)
		loop_limit(&stream->loop, stream->limit_ns);
	(void)frame_flush(&stream->frame); /* a failure stays in the frame */
	return true;
}

int
stream_no_content(struct stream *stream)
{
	respond(stream, 204);
	return stream_close(stream);
}

enum loop_reason
stream_wait(struct stream *stream)
{
	enum loop_reason reason;

	for (;;) {
		if (frame_flush(&stream->frame) == -1)
			return LOOP_GONE; /* or worse: stream_close knows */
		reason = loop_wait(&stream->loop);
		if (reason == LOOP_FAILED) {
			stream_warn(stream, "poll: %s", strerror(errno));
			stream->failed = 1;
		}
		if (reason != LOOP_BEAT)
			return reason;
		frame_beat(&stream->frame, &stream->beat);
	}
}

static bool
asked_to_end(const struct stream *stream)
{
	return stream->loop.signal != 0 && stream->loop.signal != SIGCHLD;
}

int
stream_close(struct stream *stream)
{
	if (frame_flush(&stream->frame) == 0) {
		if (stream->request.nph && !asked_to_end(stream))
			drain(stream);
		return stream->failed ? STREAM_FAILURE : EXIT_SUCCESS;
	}
	if (errno == EPIPE || errno == ECONNRESET || errno == EINTR)
		return EXIT_SUCCESS; /* the viewer has left, or we were told */
	stream_warn(stream, "write to stdout: %s", strerror(errno));
	return STREAM_FAILURE;
}
