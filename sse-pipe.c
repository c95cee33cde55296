/*
 * sse-pipe: one event per record of stdin, or of the output of a command that
 * it runs until the viewer leaves. child runs the command, input makes events.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/columns.h"
#include "lib/pipe/input.h"
#include "lib/pipe/terminal.h"
#include "lib/proc.h"
#include "lib/program.h"
#include "lib/util.h"

#define EVENT_MAX_DEFAULT (1 << 20)
#define EVENT_MAX_LIMIT (1 << 30)
#define WINDOW_MAX 65535    /* columns or rows of a terminal */
#define RESTART_MIN_MS 5000 /* retry of -R without -r: up to three times it */

struct pipe {
	struct stream stream;
	struct child child;
	int stdin_fd;
	char *const *command; /* NULL: stdin is the source */
	int flags;            /* of child_start */
	size_t event_max;
	const char *end_type;
	enum record_end record_end;
	bool json;
	bool cast; /* -T */
	bool restart;
	char needs_command; /* a given option that needs a command, or 0 */
	struct input out;
	struct input err;
	struct terminal terminal; /* with cast */
	int64_t drain_ns;         /* after its exit: when to end its output */
	bool warned_long;
	bool warned_field;
};

static const struct program program = {
    .about = "Makes an event of each line of stdin, or of COMMAND's output.",
    .operands = "[--] [COMMAND [ARG ...]]",
    .options =
	{
	    {'0', "null", NULL, "a record ends with NUL"},
	    {'p', "paragraphs", NULL, "a record ends with an empty line"},
	    {'C', "chunks", NULL, "the output of each read is an event"},
	    {'c', "columns", "LIST",
		"TAB-separated columns are these fields:\n"
		"id, event, data; data last"},
	    {'j', "json", NULL, "data is one JSON string"},
	    {'t', "pty", NULL, "run COMMAND on a pseudo-terminal"},
	    {'T', "terminal", NULL,
		"the same for whole screens: data are asciicast v2"},
	    {'w', "window", "COLSxROWS", "size of the terminal (80x24)"},
	    {'b', "max-event", "BYTES",
		"longer records come in pieces (1048576)"},
	    {'x', "end", "NAME",
		"type of the last event (end; '': there is none)"},
	    {'R', "restart", NULL, "a COMMAND that fails is started again"},
	    {'E', "stderr", "NAME", "COMMAND's stderr lines are events too"},
	    {'M', "method", "LIST", "allowed methods (GET,HEAD,POST)"},
	},
    .methods = CGI_GET | CGI_HEAD | CGI_POST,
    .inherits = true,
};

/* -M: names of methods, separated by commas. */
static void
parse_methods(struct pipe *pipe, const char *list)
{
	static const char *const names[] = {"GET", "HEAD", "POST"};
	size_t n, i;

	pipe->stream.methods = 0;
	for (const char *name = list;; name += n + 1) {
		n = strcspn(name, ",");
		for (i = 0; i < 3; i++)
			if (strncmp(name, names[i], n) == 0 &&
			    names[i][n] == '\0')
				break;
		if (i == 3)
			break;
		pipe->stream.methods |= 1U << i; /* as in enum cgi_method */
		if (name[n] == '\0')
			return;
	}
	program_refuse(&pipe->stream, PROGRAM_USAGE,
	    "-M '%.100s': not a list of GET, HEAD, POST", list);
}

/* -w COLSxROWS */
static void
parse_window(struct pipe *pipe, const char *size)
{
	char cols[8] = "";
	const char *x = strchr(size, 'x');
	uint64_t columns, rows;

	if (x != NULL && (size_t)(x - size) < sizeof(cols))
		memcpy(cols, size, (size_t)(x - size));
	if (x == NULL || util_number(cols, 1, WINDOW_MAX, &columns) == -1 ||
	    util_number(x + 1, 1, WINDOW_MAX, &rows) == -1)
		program_refuse(&pipe->stream, PROGRAM_USAGE,
		    "-w '%.100s': not COLSxROWS, each from 1 to %d", size,
		    WINDOW_MAX);
	pipe->child.cols = (unsigned short)columns;
	pipe->child.rows = (unsigned short)rows;
}

static void
parse_option(struct pipe *pipe, int option)
{
	struct stream *stream = &pipe->stream;

	switch (option) {
	case '0': pipe->record_end = RECORD_NUL; break;
	case 'p': pipe->record_end = RECORD_PARAGRAPH; break;
	case 'C': pipe->record_end = RECORD_CHUNK; break;
	case 'c':
		if (columns_parse(&pipe->out.columns, optarg) == -1)
			program_refuse(stream, PROGRAM_USAGE,
			    "-c '%.100s': not a list of id, event, data, with "
			    "data last",
			    optarg);
		break;
	case 'j': pipe->json = true; break;
	case 'T':
		pipe->cast = true;
		pipe->record_end = RECORD_CHUNK;
		pipe->flags |= CHILD_TERMINAL;
		/* fall through */
	case 't': pipe->flags |= CHILD_PTY; break;
	case 'w': parse_window(pipe, optarg); break;
	case 'b':
		pipe->event_max =
		    program_number(stream, 'b', 1, EVENT_MAX_LIMIT);
		break;
	case 'x': pipe->end_type = program_event_type(stream, 'x'); break;
	case 'R': pipe->restart = true; break;
	case 'E':
		pipe->err.type = bytes_of(program_event_type(stream, 'E'));
		pipe->flags |= CHILD_STDERR;
		break;
	case 'M': parse_methods(pipe, optarg); break;
	}
	if (strchr("tTwRE", option) != NULL)
		pipe->needs_command = (char)option;
}

static void
parse_options(struct pipe *pipe, int argc, char *argv[])
{
	struct stream *stream = &pipe->stream;
	bool chunks = false, ends = false, sized = false;
	int option, shaped = 0;

	pipe->child.out = pipe->child.err = pipe->child.exit = -1;
	pipe->stdin_fd = STDIN_FILENO;
	pipe->event_max = EVENT_MAX_DEFAULT;
	pipe->end_type = "end";
	pipe->child.cols = 80;
	pipe->child.rows = 24;
	pipe->drain_ns = UTIL_NEVER;
	while ((option = program_option(stream, argc, argv)) != -1) {
		chunks |= option == 'C';
		ends |= strchr("0pc", option) != NULL;
		sized |= option == 'w';
		if (strchr("0pcCjtE", option) != NULL)
			shaped = option;
		parse_option(pipe, option);
	}
	if (pipe->cast && shaped != 0)
		program_refuse(stream, PROGRAM_USAGE,
		    "-T: it cannot be used with -%c", shaped);
	if (chunks && ends)
		program_refuse(stream, PROGRAM_USAGE,
		    "-C: a chunk is no record of -0, -p or -c");
	if (sized && !(pipe->flags & CHILD_PTY))
		program_refuse(stream, PROGRAM_USAGE,
		    "-w: without -t there is no terminal");
	if (optind < argc)
		pipe->command = argv + optind;
	else if (pipe->needs_command != 0)
		program_refuse(stream, PROGRAM_USAGE,
		    "-%c: a COMMAND is missing", pipe->needs_command);
}

/* Disables pagers: one on the pseudo-terminal would wait for keys. */
static int
set_pagers(void)
{
	static const char *const names[] = {
	    "GIT_PAGER", "MANPAGER", "SYSTEMD_PAGER"};
	const char *pager;

	if (setenv("PAGER", "cat", 0) == -1)
		return -1;
	pager = getenv("PAGER"); /* the script may have set its own */
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (pager == NULL || setenv(names[i], pager, 0) == -1)
			return -1;
	return 0;
}

/* Starts the command; on failure, answers and exits. */
static void
start_command(struct pipe *pipe)
{
	struct stream *stream = &pipe->stream;
	const char *id = stream->request.last_event_id;

	/* a request's Proxy field sets HTTP_PROXY, which programs trust */
	if (unsetenv("HTTP_PROXY") == -1 || proc_set_path() == -1 ||
	    (*id != '\0' && setenv("HTTP_LAST_EVENT_ID", id, 1) == -1) ||
	    (pipe->flags & CHILD_PTY && set_pagers() == -1))
		program_fail(stream, PROGRAM_FAILURE, "start");
	if (child_start(&pipe->child, pipe->command, pipe->flags) == -1)
		program_fail(stream, pipe->child.status, pipe->command[0]);
}

/*
 * Takes one step of an input; prints each warning once. An input that has ended
 * is no longer watched.
 */
static int
step(struct pipe *pipe, struct input *input, int (*take)(struct input *))
{
	int fd = *input->fd, taken;

	if (fd == -1)
		return 0;
	taken = take(input);
	if (*input->fd == -1)
		(void)loop_watch(&pipe->stream.loop, fd, 0); /* cannot fail */
	if (input->was_long && !pipe->warned_long) {
		program_warn(&pipe->stream,
		    "a record is longer than %zu bytes (-b): it is sent in "
		    "pieces",
		    pipe->event_max);
		pipe->warned_long = true;
	}
	if (input->was_wrong && !pipe->warned_field) {
		program_warn(&pipe->stream,
		    "an id or event column holds NUL: it is left out");
		pipe->warned_field = true;
	}
	return taken;
}

static int
open_input(
    struct pipe *pipe, struct input *input, int *fd, enum record_end record_end)
{
	input->fd = fd;
	input->json = pipe->json;
	if (*fd == -1)
		return 0;
	if (input_open(input, &pipe->stream.frame, record_end,
		pipe->event_max) == -1 ||
	    loop_watch(&pipe->stream.loop, *fd, POLLIN) == -1)
		return -1;
	return input->left == 0 ? step(pipe, input, input_read) : 0;
}

/*
 * How many bytes of stdin to read: a posted body has the length that its
 * request says, as some servers, and clients of nph- programs, never end it.
 */
static uint64_t
stdin_length(const struct pipe *pipe)
{
	const char *length = getenv("CONTENT_LENGTH");
	uint64_t n = UINT64_MAX;

	if (pipe->command == NULL && length != NULL &&
	    pipe->stream.request.method == CGI_POST)
		/* if that is no number, n stays: no limit */
		(void)util_number(length, 0, UINT64_MAX - 1, &n);
	return n;
}

/* -T: sends the header of the asciicast. */
static void
send_header(struct pipe *pipe)
{
	terminal_header(&pipe->terminal, &pipe->stream.frame, pipe->out.type);
}

static int
open_terminal(struct pipe *pipe)
{
	if (!pipe->cast)
		return 0;
	if (terminal_open(&pipe->terminal, &pipe->child) == -1)
		return -1;
	send_header(pipe);
	return loop_watch(&pipe->stream.loop, pipe->terminal.signals, POLLIN);
}

static int
open_inputs(struct pipe *pipe)
{
	int *out = pipe->command != NULL ? &pipe->child.out : &pipe->stdin_fd;

	pipe->out.type = bytes_of(pipe->stream.event);
	pipe->out.pty = pipe->child.pty;
	pipe->out.cast = pipe->cast ? &pipe->terminal : NULL;
	pipe->out.left = stdin_length(pipe);
	pipe->err.left = UINT64_MAX;
	if (open_terminal(pipe) == -1 ||
	    open_input(pipe, &pipe->out, out, pipe->record_end) == -1 ||
	    (pipe->command != NULL &&
		loop_watch(&pipe->stream.loop, pipe->child.exit, POLLIN) == -1))
		return -1;
	return open_input(pipe, &pipe->err, &pipe->child.err,
	    pipe->record_end == RECORD_CHUNK ? RECORD_CHUNK : RECORD_LINE);
}

static bool
busy(const struct pipe *pipe)
{
	return *pipe->out.fd != -1 || *pipe->err.fd != -1 ||
	       (pipe->command != NULL && !pipe->child.exited);
}

/*
 * A deadline has come: sends torn characters, restores the terminal's size, or
 * ends output that other processes hold open after the command's exit.
 */
static int
take_tick(struct pipe *pipe)
{
	struct input *inputs[] = {&pipe->out, &pipe->err};
	int64_t now_ns = util_now_ns();
	bool drain = pipe->drain_ns <= now_ns;

	for (size_t i = 0; i < 2; i++) {
		if (input_due(inputs[i]) <= now_ns &&
		    step(pipe, inputs[i], input_late) == -1)
			return -1;
		if (drain && step(pipe, inputs[i], input_drain) == -1)
			return -1;
	}
	if (drain)
		pipe->drain_ns = UTIL_NEVER;
	if (pipe->cast && terminal_due(&pipe->terminal) <= now_ns)
		terminal_restore(&pipe->terminal);
	return 0;
}

/* The command has exited: its output may go on for a while. */
static void
exited(struct pipe *pipe)
{
	if (!child_reap(&pipe->child))
		return;
	/* cannot fail */
	(void)loop_watch(&pipe->stream.loop, pipe->child.exit, 0);
	pipe->drain_ns = util_now_ns() + CHILD_GRACE_MS * INT64_C(1000000);
}

/*
 * One turn of the loop. Returns 1 to go on, 0 if the client has left (or time
 * is up), -1 with errno on failure.
 */
static int
turn(struct pipe *pipe)
{
	struct loop *loop = &pipe->stream.loop;
	struct input *input;

	loop->tick_ns = pipe->drain_ns;
	if (input_due(&pipe->out) < loop->tick_ns)
		loop->tick_ns = input_due(&pipe->out);
	if (input_due(&pipe->err) < loop->tick_ns)
		loop->tick_ns = input_due(&pipe->err);
	if (pipe->cast && terminal_due(&pipe->terminal) < loop->tick_ns)
		loop->tick_ns = terminal_due(&pipe->terminal);
	switch (stream_wait(&pipe->stream)) {
	case LOOP_INPUT:
		if (loop->fd == pipe->child.exit) {
			exited(pipe);
			return 1;
		}
		if (pipe->cast && loop->fd == pipe->terminal.signals) {
			terminal_redraw(&pipe->terminal);
			send_header(pipe);
			return 1;
		}
		input = loop->fd == *pipe->out.fd ? &pipe->out : &pipe->err;
		return step(pipe, input, input_read) == -1 ? -1 : 1;
	case LOOP_TICK: return take_tick(pipe) == -1 ? -1 : 1;
	default: return 0;
	}
}

/* Whether to send an end event: not if the source has an id column, or -x ''.
 */
static bool
has_end(const struct pipe *pipe)
{
	return *pipe->end_type != '\0' &&
	       !columns_have(&pipe->out.columns, COLUMN_ID);
}

/* -R: sends a random retry, so that clients do not all reconnect at once. */
static void
send_restart(struct pipe *pipe)
{
	struct stream *stream = &pipe->stream;
	int64_t min_ms =
	    stream->retry_ms > 0 ? stream->retry_ms : RESTART_MIN_MS;
	int64_t ms = util_random(min_ms, 3 * min_ms);

	frame_retry(&stream->frame,
	    (uint64_t)(ms < PROGRAM_RETRY_MAX ? ms : PROGRAM_RETRY_MAX));
}

/* The source has ended by itself. Returns its exit status. */
static int
finish(struct pipe *pipe)
{
	struct stream *stream = &pipe->stream;
	int status = pipe->command != NULL ? pipe->child.status : EXIT_SUCCESS;
	char digits[UTIL_DIGITS_MAX];
	size_t n = util_digits(digits, (uint64_t)status);

	if (status != EXIT_SUCCESS && pipe->restart)
		send_restart(pipe);
	else if (has_end(pipe))
		stream_send_end(
		    stream, pipe->end_type, (struct bytes){digits, n});
	(void)frame_flush(&stream->frame); /* stream_close tells if it failed */
	if (status != EXIT_SUCCESS)
		program_warn(stream, "%s ended with status %d",
		    pipe->command[0], status);
	return status;
}

int
main(int argc, char *argv[])
{
	static struct pipe pipe;
	struct stream *stream = &pipe.stream;
	int more = 1, status, closed;

	/* Options. */
	argc = program_init(stream, &program, argc, argv);
	parse_options(&pipe, argc, argv);

	/* Request: a viewer that has had the end gets 204. */
	program_request(stream);
	if (stream_had_end(stream) && has_end(&pipe))
		return program_no_content(stream);

	/* Header, once the command runs. */
	if (pipe.command != NULL && stream->request.method != CGI_HEAD)
		start_command(&pipe);
	if (!stream_open(stream))
		return program_end(stream);
	if (open_inputs(&pipe) == -1)
		more = -1;

	/* Loop. */
	while (more == 1 && busy(&pipe))
		more = turn(&pipe);

	/* Clean-up: the command and its descendants are ended. */
	if (more == -1)
		program_break(stream, "read");
	status = more == 1 ? finish(&pipe) : EXIT_SUCCESS;
	if (pipe.command != NULL)
		child_stop(&pipe.child);
	closed = program_end(stream);
	return status != EXIT_SUCCESS ? status : closed;
}
