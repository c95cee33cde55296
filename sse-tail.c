/*
 * sse-tail: one event per record of a growing file, with an id from which a
 * viewer that reconnects goes on. follow reads the records, notify tells when
 * to check for more, until whether the log is complete; frame encodes events.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/columns.h"
#include "lib/program.h"
#include "lib/tail/follow.h"
#include "lib/tail/notify.h"
#include "lib/tail/until.h"
#include "lib/util.h"

#define BACK_DEFAULT 10
#define EVENT_MAX_DEFAULT 60000 /* many clients hold 64 KiB a line */
#define EVENT_MAX_LIMIT (1 << 30)

struct tail {
	struct stream stream;
	struct follow follow;
	struct notify notify;
	struct until until;
	struct columns columns;
	struct cursor_text id; /* of the last event */
	const char *path;
	const char *failed; /* the path that could not be read */
	uint64_t back;      /* how many records before the end to start */
	size_t event_max;
	int64_t look_ns; /* longest time between two checks */
	enum record_end mode;
	bool stat_only;
	bool placed; /* the viewer has an id */
	bool warned;
};

static const struct program program = {
    .about = "Makes an event of each line of FILE, as it grows and is rotated.",
    .operands = "[--] FILE",
    .options =
	{
	    {'n', "lines", "LINES",
		"the last LINES records first, or all (10)"},
	    {'0', "null", NULL, "a record ends with NUL"},
	    {'p', "paragraphs", NULL, "a record ends with an empty line"},
	    {'c', "columns", "LIST",
		"TAB-separated columns are these fields:\n"
		"event, data; data last"},
	    {'u', "until", "FILE",
		"end when this file is there: its first line\n"
		"is the data of the last event"},
	    {'s', "stat", NULL, "do not use inotify, only the checks of -i"},
	    {'i', "interval", "SECONDS",
		"between two checks, 0.001 or more (1)"},
	    {'b', "max-event", "BYTES",
		"longer records come in pieces (60000)"},
	},
    .methods = CGI_GET | CGI_HEAD,
};

static void
parse_option(struct tail *tail, int option)
{
	struct stream *stream = &tail->stream;

	switch (option) {
	case 'n':
		tail->back =
		    strcmp(optarg, "all") == 0
			? FOLLOW_ALL
			: program_number(stream, 'n', 0, FOLLOW_ALL - 1);
		break;
	case '0': tail->mode = RECORD_NUL; break;
	case 'p': tail->mode = RECORD_PARAGRAPH; break;
	case 'c':
		if (columns_parse(&tail->columns, optarg) == -1 ||
		    columns_have(&tail->columns, COLUMN_ID))
			program_refuse(stream, PROGRAM_USAGE,
			    "-c '%.100s': not a list of event and data, with "
			    "data last; ids are sse-tail's own",
			    optarg);
		break;
	case 'u': tail->until.path = optarg; break;
	case 's': tail->stat_only = true; break;
	case 'i': tail->look_ns = program_seconds(stream, 'i', false); break;
	case 'b':
		tail->event_max =
		    (size_t)program_number(stream, 'b', 1, EVENT_MAX_LIMIT);
		break;
	}
}

static void
parse_options(struct tail *tail, int argc, char *argv[])
{
	struct stream *stream = &tail->stream;
	int option;

	tail->back = BACK_DEFAULT;
	tail->event_max = EVENT_MAX_DEFAULT;
	tail->look_ns = UTIL_SECOND_NS;
	while ((option = program_option(stream, argc, argv)) != -1)
		parse_option(tail, option);
	if (optind == argc)
		program_refuse(
		    stream, PROGRAM_USAGE, "the FILE to follow is missing");
	/* further arguments may be the query's words, but the path not */
	if (cgi_own_args(argc, argv) > optind + 1)
		program_refuse(stream, PROGRAM_USAGE,
		    "'%.100s': one FILE is enough", argv[optind + 1]);
	tail->path = tail->failed = argv[optind];
}

/* Whether error is one that waiting cannot help. */
static bool
is_final(int error)
{
	return error == EISDIR || error == ENOTSUP || error == ENAMETOOLONG;
}

/* The file at path cannot be read, now or ever: answers for errno, and exits.
 */
static _Noreturn void
refuse(struct tail *tail, const char *path)
{
	const char *why =
	    errno == ENOTSUP ? "Not a regular file" : strerror(errno);

	if (is_final(errno))
		program_refuse(
		    &tail->stream, PROGRAM_FAILURE, "%s: %s", path, why);
	program_send_back(&tail->stream, PROGRAM_FAILURE, "%s: %s", path, why);
}

/* Finds the place to start at; exits if the file cannot be followed now. */
static void
start(struct tail *tail)
{
	const char *id = tail->stream.request.last_event_id;
	struct cursor cursor, *known = NULL;

	if (cursor_parse(&cursor, id) == 0)
		known = &cursor; /* else the viewer is new */
	tail->placed = known != NULL;
	if (until_look(&tail->until) == -1)
		refuse(tail, tail->until.path);
	if (follow_init(&tail->follow, tail->path, tail->mode, tail->event_max,
		tail->back, known) == -1)
		refuse(tail, tail->path);
}

/* Encodes a record that may have several lines or columns, with an id. */
static int
send_fields(
    struct tail *tail, const struct follow_record *found, struct bytes id)
{
	struct event event = {.type = bytes_of(tail->stream.event)};

	if (columns_event(&tail->columns, &found->record, &event) == -1)
		return -1;
	if (found->old)
		return 0;
	event.id = id;
	if (!frame_field_ok(event.type) && !tail->warned) {
		program_warn(
		    &tail->stream, "an event column holds NUL: it is left out");
		tail->warned = true;
	}
	frame_event(&tail->stream.frame, &event);
	return 0;
}

/* Sends the records that were read. Returns 0, or -1 with errno. */
static int
send_records(struct tail *tail)
{
	bool plain = tail->mode == RECORD_LINE && tail->columns.n <= 1;
	struct event event = {.type = bytes_of(tail->stream.event)};
	struct follow_record found;

	while (follow_record(&tail->follow, &found)) {
		event.id.n = cursor_text(&tail->id, &found.cursor);
		event.id.at = tail->id.at;
		event.data = found.record.bytes;
		tail->placed = true;
		if (!plain && send_fields(tail, &found, event.id) == -1)
			return -1;
		if (plain && !found.old)
			frame_line(&tail->stream.frame, &event);
	}
	return 0;
}

/*
 * The gap event has no id: a viewer that leaves before the next record keeps
 * the place before the gap.
 */
static void
send_gap(struct tail *tail)
{
	struct event event = {
	    .type = BYTES("gap"),
	    .data = bytes_of(tail->follow.gap),
	};

	frame_event(&tail->stream.frame, &event);
}

/* Gives a viewer an id before the first record, in case it is cut off now. */
static void
send_start(struct tail *tail)
{
	struct cursor cursor;
	struct bytes id = {.at = tail->id.at};

	tail->placed = true;
	if (!follow_place(&tail->follow, &cursor))
		return;
	id.n = cursor_text(&tail->id, &cursor);
	stream_send_start(&tail->stream, id);
}

/* The log is complete: sends the last, incomplete record. 0, or -1 with errno.
 */
static int
finish(struct tail *tail)
{
	follow_end(&tail->follow);
	if (send_records(tail) == -1)
		return -1;
	if (tail->follow.gap != NULL)
		send_gap(tail);
	stream_send_end(&tail->stream, "end", tail->until.line);
	return 0;
}

/* Takes one step of follow. Returns 1 to go on, 0 at the end, -1 with errno. */
static int
step(struct tail *tail)
{
	struct follow *follow = &tail->follow;
	int64_t *tick_ns = &tail->stream.loop.tick_ns;

	*tick_ns = 0; /* at once */
	switch (follow_read(follow)) {
	case FOLLOW_RECORDS: return send_records(tail) == -1 ? -1 : 1;
	case FOLLOW_GAP: send_gap(tail); return 1;
	case FOLLOW_FAILED: return -1;
	case FOLLOW_IDLE: break;
	}
	if (tail->until.there && !follow->doubt)
		return finish(tail);
	if (until_look(&tail->until) == -1 && is_final(errno)) {
		tail->failed = tail->until.path;
		return -1;
	}
	if (tail->until.there && !follow->doubt)
		return 1; /* read what was written before until appeared */
	if (!tail->placed)
		send_start(tail);
	/* also if inotify reports nothing: on some file systems it does not */
	if (!notify_files(
		&tail->notify, follow->fd, follow->next, follow->opened))
		*tick_ns =
		    util_now_ns() + (follow->doubt || tail->until.doubt
					    ? FOLLOW_AGAIN_MS * INT64_C(1000000)
					    : tail->look_ns);
	return 1;
}

/*
 * One turn of the loop. Returns 1 to go on, 0 at the end or if the client has
 * left (or time is up), -1 with errno on failure.
 */
static int
turn(struct tail *tail)
{
	switch (stream_wait(&tail->stream)) {
	case LOOP_INPUT:
		if (!notify_read(&tail->notify))
			return 1;
		break;
	case LOOP_TICK: break;
	default: return 0;
	}
	return step(tail);
}

int
main(int argc, char *argv[])
{
	static struct tail tail;
	struct stream *stream = &tail.stream;
	int more = 1, status;

	/* Options. */
	argc = program_init(stream, &program, argc, argv);
	parse_options(&tail, argc, argv);

	/* Request: a viewer that has had the end gets 204. */
	program_request(stream);
	if (tail.until.path != NULL && stream_had_end(stream))
		return program_no_content(stream);
	start(&tail);

	/* Header. */
	if (!stream_open(stream))
		return program_end(stream);

	/* Loop: the first check is now. */
	notify_init(&tail.notify, tail.path, tail.until.path, tail.stat_only);
	if (tail.notify.fd != -1 &&
	    loop_watch(&stream->loop, tail.notify.fd, POLLIN) == -1)
		more = -1;
	stream->loop.tick_ns = 0;
	while (more == 1)
		more = turn(&tail);

	/* Clean-up. */
	if (more == -1)
		program_break(stream, tail.failed);
	status = program_end(stream);
	follow_free(&tail.follow);
	notify_free(&tail.notify);
	columns_free(&tail.columns);
	return status;
}
