/*
 * sse-pipe: one event a record, from stdin or from a command that it runs
 * for as long as the viewer looks. It joins modules: child runs the command,
 * record splits its output, frame encodes it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/record.h"
#include "lib/stream.h"
#include "lib/util.h"

#define EVENT_MAX_DEFAULT (1 << 20)
#define EVENT_MAX_LIMIT (1 << 30)
#define COLUMNS_MAX 3
#define DRAIN_READS 32 /* more than the largest pipe holds */

enum column { COLUMN_ID, COLUMN_EVENT, COLUMN_DATA };

/* What is read: stdin, or a command's stdout or stderr. */
struct source {
	int *fd; /* -1 once it has ended */
	struct splitter splitter;
	struct bytes type; /* event type, unless a column gives it */
	size_t columns;    /* how many; 0: a record is all data */
	enum column column[COLUMNS_MAX];
	/* of a record that comes in pieces, from its first to its last */
	char *held; /* a copy of its columns, or NULL */
	struct bytes held_id;
	struct bytes held_type;
};

struct pipe {
	struct stream stream;
	struct child child;
	int stdin_fd;
	char *const *command; /* NULL: stdin is the source */
	int flags;            /* of child_start */
	size_t event_max;
	const char *end_type;
	const char *stderr_type;
	enum record_end record_end;
	struct source out;
	struct source err;
	bool warned_long;
	bool warned_field;
};

static const struct option options[] = {
    {"null", no_argument, NULL, '0'},
    {"paragraphs", no_argument, NULL, 'p'},
    {"columns", required_argument, NULL, 'c'},
    {"pty", no_argument, NULL, 't'},
    {"max-event", required_argument, NULL, 'b'},
    {"end", required_argument, NULL, 'x'},
    {"stderr", required_argument, NULL, 'E'},
    STREAM_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const struct program program = {
    .usage =
	"[-0 | -p] [-c LIST] [-t] [-b BYTES] [-x NAME] [-E NAME] "
	"[-e NAME] [-r MS] [-k SECONDS] [-A NAME] [-m SECONDS] [-O ORIGIN] [-H "
	"FIELD] [--] "
	"[COMMAND [ARG ...]]",
    .help =
	"Makes an event of each line of stdin, or of COMMAND's output.\n"
	"  -0, --null               a record ends with NUL\n"
	"  -p, --paragraphs         a record ends with an empty line\n"
	"  -c, --columns LIST       TAB-separated columns are these fields:\n"
	"                           id, event, data; data last\n"
	"  -t, --pty                run COMMAND on a pseudo-terminal\n"
	"  -b, --max-event BYTES    longer records come in pieces (1048576)\n"
	"  -x, --end NAME           type of the last event (end)\n"
	"  -E, --stderr NAME        COMMAND's stderr lines are events too\n",
    .letters = STREAM_LETTERS "0pc:tb:x:E:",
    .options = options,
    .methods = CGI_GET | CGI_HEAD | CGI_POST,
};

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){text, text == NULL ? 0 : strlen(text)};
}

/* -c: names out of id, event and data, each once at most, data last. */
static void
parse_columns(struct pipe *pipe, const char *list)
{
	static const char *const names[] = {"id", "event", "data"};
	struct source *source = &pipe->out;
	unsigned int seen = 0;
	size_t n, i;

	source->columns = 0;
	for (const char *name = list;; name += n + 1) {
		n = strcspn(name, ",");
		for (i = 0; i < COLUMNS_MAX; i++)
			if (strncmp(name, names[i], n) == 0 &&
			    names[i][n] == '\0')
				break;
		if (i == COLUMNS_MAX || seen & 1U << i ||
		    seen & 1U << COLUMN_DATA)
			break;
		seen |= 1U << i;
		source->column[source->columns++] = (enum column)i;
		if (name[n] == '\0' && i == COLUMN_DATA)
			return;
		if (name[n] == '\0')
			break;
	}
	stream_refuse(&pipe->stream, 500, STREAM_USAGE,
	    "-c '%.100s': not a list of id, event, data, with data last", list);
}

static void
parse_options(struct pipe *pipe, int argc, char *argv[])
{
	struct stream *stream = &pipe->stream;
	int option;

	pipe->child.out = pipe->child.err = -1;
	pipe->stdin_fd = STDIN_FILENO;
	pipe->event_max = EVENT_MAX_DEFAULT;
	pipe->end_type = "end";
	while ((option = stream_option(stream, argc, argv)) != -1) {
		switch (option) {
		case '0': pipe->record_end = RECORD_NUL; break;
		case 'p': pipe->record_end = RECORD_PARAGRAPH; break;
		case 'c': parse_columns(pipe, optarg); break;
		case 't': pipe->flags |= CHILD_PTY; break;
		case 'b':
			pipe->event_max =
			    stream_number(stream, 'b', 1, EVENT_MAX_LIMIT);
			break;
		case 'x':
			pipe->end_type = stream_event_type(stream, 'x');
			break;
		case 'E':
			pipe->stderr_type = stream_event_type(stream, 'E');
			pipe->flags |= CHILD_STDERR;
			break;
		}
	}
	if (optind < argc)
		pipe->command = argv + optind;
	else if (pipe->flags != 0)
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-%c: a COMMAND is missing",
		    pipe->flags & CHILD_PTY ? 't' : 'E');
}

/* With a column for it, ids are the source's own, and none marks an end. */
static bool
has_id_column(const struct source *source)
{
	for (size_t i = 0; i < source->columns; i++)
		if (source->column[i] == COLUMN_ID)
			return true;
	return false;
}

/* Fields from the columns of data; without enough TABs it is all data. */
static bool
split_columns(const struct source *source, struct event *event)
{
	struct bytes field[COLUMNS_MAX], rest = event->data;
	const char *tab;

	for (size_t i = 0; i + 1 < source->columns; i++) {
		tab = rest.n > 0 ? memchr(rest.at, '\t', rest.n) : NULL;
		if (tab == NULL)
			return false;
		field[i] = (struct bytes){rest.at, (size_t)(tab - rest.at)};
		rest.n -= field[i].n + 1;
		rest.at = tab + 1;
	}
	for (size_t i = 0; i + 1 < source->columns; i++) {
		if (source->column[i] == COLUMN_ID)
			event->id = field[i];
		else if (field[i].n > 0)
			event->event = field[i];
	}
	event->data = rest;
	return true;
}

/* The record's fields are needed until its last piece: keeps a copy. */
static int
hold(struct source *source, const struct event *event, const char *record)
{
	size_t n = (size_t)(event->data.at - record);

	source->held_id = (struct bytes){NULL, 0};
	source->held_type = event->event;
	if (n == 0)
		return 0;
	source->held = malloc(n);
	if (source->held == NULL)
		return -1;
	memcpy(source->held, record, n);
	source->held_id = event->id;
	if (event->id.n > 0)
		source->held_id.at = source->held + (event->id.at - record);
	if (event->event.n > 0 && event->event.at != source->type.at)
		source->held_type.at =
		    source->held + (event->event.at - record);
	return 0;
}

/*
 * A record in pieces: each is an event of its type, and the last one has the
 * id, so that a viewer that comes back with it has had the whole.
 */
static int
fit_piece(struct pipe *pipe, struct source *source, struct event *event,
    const struct record *record)
{
	if (!pipe->warned_long)
		stream_warn(&pipe->stream,
		    "a record is longer than %zu bytes "
		    "(-b): it is sent in pieces",
		    pipe->event_max);
	pipe->warned_long = true;
	if (record->first && hold(source, event, record->bytes.at) == -1)
		return -1;
	event->event = source->held_type;
	event->id = record->last ? source->held_id : (struct bytes){NULL, 0};
	return 0;
}

static int
send_record(
    struct pipe *pipe, struct source *source, const struct record *record)
{
	struct event event = {.event = source->type, .data = record->bytes};

	if (record->first && source->columns > 1)
		(void)split_columns(source, &event); /* else it is all data */
	if (!(record->first && record->last) &&
	    fit_piece(pipe, source, &event, record) == -1)
		return -1;
	if (!pipe->warned_field &&
	    !(frame_field_ok(event.id) && frame_field_ok(event.event))) {
		stream_warn(&pipe->stream, "an id or event column holds CR, LF "
					   "or NUL: it is left out");
		pipe->warned_field = true;
	}
	frame_event(&pipe->stream.frame, &event);
	if (record->last) {
		free(source->held);
		source->held = NULL;
	}
	return 0;
}

/* Lines that are nothing but data, which is most of them: the fast way. */
static void
send_lines(struct pipe *pipe, struct source *source)
{
	struct splitter *splitter = &source->splitter;
	struct bytes rest;

	if (splitter->mode != RECORD_LINE || source->columns > 1)
		return;
	rest = record_rest(splitter);
	if (rest.n > 0)
		record_took(
		    splitter, frame_lines(&pipe->stream.frame, source->type,
				  rest.at, rest.n, splitter->max));
}

/* The next record that needs to be looked at closely. */
static bool
next_record(struct pipe *pipe, struct source *source, struct record *record)
{
	send_lines(pipe, source);
	return record_next(&source->splitter, record);
}

static int
send_records(struct pipe *pipe, struct source *source)
{
	struct record record;

	while (next_record(pipe, source, &record))
		if (send_record(pipe, source, &record) == -1)
			return -1;
	return 0;
}

/* The source has ended: its last record counts without an end mark. */
static int
end_source(struct pipe *pipe, struct source *source)
{
	int fd = *source->fd;

	if (fd == -1)
		return 0;
	(void)loop_watch(&pipe->stream.loop, fd, 0); /* cannot fail */
	child_close(source->fd);
	record_ended(&source->splitter);
	return send_records(pipe, source);
}

/* One read and its records; they are sent before the next one. */
static int
read_source(struct pipe *pipe, struct source *source)
{
	size_t room;
	char *to = record_room(&source->splitter, &room);
	ssize_t n;

	if (to == NULL)
		return -1;
	n = read(*source->fd, to, room);
	if (n > 0) {
		record_filled(&source->splitter, (size_t)n);
		return send_records(pipe, source);
	}
	/* EIO is how the master of a pseudo-terminal learns of its end */
	if (n == 0 || (errno == EIO && pipe->child.pty))
		return end_source(pipe, source);
	return errno == EINTR || errno == EAGAIN ? 0 : -1;
}

static int
open_source(struct pipe *pipe, struct source *source, int *fd,
    enum record_end record_end, const char *type)
{
	source->fd = fd;
	source->type = bytes_of(type);
	if (*fd == -1)
		return 0;
	if (record_init(&source->splitter, record_end, pipe->event_max) == -1)
		return -1;
	return loop_watch(&pipe->stream.loop, *fd, POLLIN);
}

/*
 * The command has ended and others keep its output open: what they wrote is
 * sent, a full pipe's worth of it at least, and then it is enough.
 */
static int
drain_source(struct pipe *pipe, struct source *source)
{
	struct pollfd input = {.events = POLLIN};

	for (int i = 0; i < DRAIN_READS && *source->fd != -1; i++) {
		input.fd = *source->fd;
		if (poll(&input, 1, 0) != 1)
			break;
		if (read_source(pipe, source) == -1)
			return -1;
	}
	return end_source(pipe, source);
}

/* Starts the command, or answers that it cannot be, and exits. */
static void
start_command(struct pipe *pipe)
{
	struct stream *stream = &pipe->stream;
	const char *id = stream->request.last_event_id;

	/* a request can set this variable, and programs trust it */
	if (unsetenv("HTTP_PROXY") == -1 || stream_set_path() == -1 ||
	    (*id != '\0' && setenv("HTTP_LAST_EVENT_ID", id, 1) == -1) ||
	    loop_catch(SIGCHLD) == -1)
		stream_refuse(
		    stream, 500, STREAM_FAILURE, "%s", strerror(errno));
	if (child_start(&pipe->child, pipe->command, pipe->flags) == -1)
		stream_refuse(stream, 500, pipe->child.status, "%s: %s",
		    pipe->command[0], strerror(errno));
}

static int
open_sources(struct pipe *pipe)
{
	int *out = pipe->command != NULL ? &pipe->child.out : &pipe->stdin_fd;

	if (open_source(pipe, &pipe->out, out, pipe->record_end,
		pipe->stream.event) == -1)
		return -1;
	return open_source(
	    pipe, &pipe->err, &pipe->child.err, RECORD_LINE, pipe->stderr_type);
}

static bool
busy(const struct pipe *pipe)
{
	return *pipe->out.fd != -1 || *pipe->err.fd != -1 ||
	       (pipe->command != NULL && !pipe->child.exited);
}

/*
 * One turn of the loop. Returns 1 to go on, 0 where the viewer has left (or
 * time is up), -1 with errno on failure.
 */
static int
turn(struct pipe *pipe)
{
	struct loop *loop = &pipe->stream.loop;

	switch (stream_wait(&pipe->stream)) {
	case LOOP_INPUT:
		if (read_source(pipe,
			loop->fd == *pipe->out.fd ? &pipe->out : &pipe->err) ==
		    -1)
			return -1;
		return 1;
	case LOOP_SIGNAL:
		if (loop->signal != SIGCHLD)
			return 0;
		/* what the command left running may still write, for a while */
		if (child_reap(&pipe->child) && loop->tick_ns == LOOP_NEVER)
			loop->tick_ns =
			    util_now_ns() + CHILD_GRACE_MS * INT64_C(1000000);
		return 1;
	case LOOP_TICK:
		loop->tick_ns = LOOP_NEVER;
		if (drain_source(pipe, &pipe->out) == -1 ||
		    drain_source(pipe, &pipe->err) == -1)
			return -1;
		return 1;
	default: return 0;
	}
}

/* A viewer that has had this event does not get the stream again: 204. */
static void
send_end(struct pipe *pipe)
{
	struct event end = {
	    .id = {"end", 3},
	    .event = bytes_of(pipe->end_type),
	    .data = {"0", 1},
	};

	frame_event(&pipe->stream.frame, &end);
}

/* The source has ended by itself. Returns the exit status. */
static int
finish(struct pipe *pipe)
{
	int status = pipe->command != NULL ? pipe->child.status : EXIT_SUCCESS;
	int closed;

	if (status == EXIT_SUCCESS && !has_id_column(&pipe->out))
		send_end(pipe);
	closed = stream_close(&pipe->stream);
	if (status == EXIT_SUCCESS)
		return closed;
	stream_warn(
	    &pipe->stream, "%s ended with status %d", pipe->command[0], status);
	return status;
}

int
main(int argc, char *argv[])
{
	static struct pipe pipe; /* zero: its buffer is not in the file */
	struct stream *stream = &pipe.stream;
	int more = 1, status;

	/* Options. */
	argc = stream_init(stream, &program, argc, argv);
	parse_options(&pipe, argc, argv);

	/* Request: a stream that was finished stays so. */
	stream_request(stream);
	if (strcmp(stream->request.last_event_id, "end") == 0 &&
	    !has_id_column(&pipe.out))
		return stream_no_content(stream);

	/* Header, once the command runs. */
	if (pipe.command != NULL && stream->request.method != CGI_HEAD)
		start_command(&pipe);
	if (!stream_open(stream))
		return stream_close(stream);
	if (open_sources(&pipe) == -1)
		more = -1;

	/* Loop. */
	while (more == 1 && busy(&pipe))
		more = turn(&pipe);

	/* Clean-up: nothing survives its viewer. */
	if (more == -1) {
		stream_warn(stream, "read: %s", strerror(errno));
		stream->failed = 1;
	}
	status = more == 1 ? finish(&pipe) : stream_close(stream);
	if (pipe.command != NULL)
		child_stop(&pipe.child);
	return status;
}
