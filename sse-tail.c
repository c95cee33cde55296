/*
 * sse-tail: one event a line of a growing file, with an id from which a
 * viewer that comes back goes on. It joins modules: follow knows which lines
 * come next, watch when, frame encodes them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/program.h"
#include "lib/tail/follow.h"
#include "lib/tail/notify.h"
#include "lib/util.h"

#define LINES_DEFAULT 10
#define EVENT_MAX_DEFAULT 60000 /* many clients hold 64 KiB a line */
#define EVENT_MAX_LIMIT (1 << 30)

struct tail {
	struct stream stream;
	struct follow follow;
	struct notify notify;
	struct cursor_text id; /* of the last event */
	bool placed;           /* the viewer has an id */
	const char *path;
	uint64_t lines; /* back from the end */
	size_t event_max;
	bool stat_only;
	int64_t look_ns; /* between two looks at the most */
};

static const struct program program = {
    .about = "Makes an event of each line of FILE, as it grows and is rotated.",
    .operands = "[--] FILE",
    .options =
	{
	    {'n', "lines", "LINES", "begin so many lines back, or all (10)"},
	    {'s', "stat", NULL, "only look at times, do not use inotify"},
	    {'i', "interval", "SECONDS",
		"between two looks, 0.001 or more (1)"},
	    {'b', "max-event", "BYTES", "longer lines come in pieces (60000)"},
	},
    .methods = CGI_GET | CGI_HEAD,
};

static void
parse_options(struct tail *tail, int argc, char *argv[])
{
	struct stream *stream = &tail->stream;
	int option;

	while ((option = program_option(stream, argc, argv)) != -1) {
		switch (option) {
		case 'n':
			tail->lines = strcmp(optarg, "all") == 0
					  ? FOLLOW_ALL
					  : program_number(
						stream, 'n', 0, FOLLOW_ALL - 1);
			break;
		case 's': tail->stat_only = true; break;
		case 'i':
			tail->look_ns = program_seconds(stream, 'i', false);
			break;
		case 'b':
			tail->event_max = (size_t)program_number(
			    stream, 'b', 1, EVENT_MAX_LIMIT);
			break;
		}
	}
	if (optind == argc)
		program_refuse(
		    stream, PROGRAM_USAGE, "the FILE to follow is missing");
	/* what follows may be the query's words, never the path */
	if (cgi_own_args(argc, argv) > optind + 1)
		program_refuse(stream, PROGRAM_USAGE,
		    "'%.100s': one FILE is enough", argv[optind + 1]);
	tail->path = argv[optind];
}

/* Whether waiting cannot mend what is at the path. */
static bool
is_final(int error)
{
	return error == EISDIR || error == ENOTSUP || error == ENAMETOOLONG;
}

/* Finds where to begin; exits if the file cannot be followed now. */
static void
start(struct tail *tail)
{
	const char *id = tail->stream.request.last_event_id;
	struct cursor cursor, *known = NULL;

	const char *why;

	if (cursor_parse(&cursor, id) == 0)
		known = &cursor; /* else it is a new viewer */
	tail->placed = known != NULL;
	if (follow_init(&tail->follow, tail->path, tail->event_max, tail->lines,
		known) == 0)
		return;
	why = errno == ENOTSUP ? "Not a regular file" : strerror(errno);
	if (is_final(errno))
		program_refuse(
		    &tail->stream, PROGRAM_FAILURE, "%s: %s", tail->path, why);
	program_send_back(
	    &tail->stream, PROGRAM_FAILURE, "%s: %s", tail->path, why);
}

static void
send_lines(struct tail *tail)
{
	struct cursor_text *id = &tail->id;
	struct event event = {.type = bytes_of(tail->stream.event)};
	struct follow_line line;

	while (follow_line(&tail->follow, &line)) {
		event.id.n = cursor_text(id, &line.cursor);
		event.id.at = id->at;
		event.data = line.bytes;
		frame_event(&tail->stream.frame, &event);
		tail->placed = true;
	}
}

/*
 * It has no id: who leaves before the next line has still had nothing of
 * what comes after the gap.
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

/* Nothing was sent yet: who is cut off now comes back with an id. */
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

/* One step of the follower. Returns 0, or -1 with errno. */
static int
step(struct tail *tail)
{
	struct follow *follow = &tail->follow;
	int64_t *tick_ns = &tail->stream.loop.tick_ns;

	*tick_ns = 0; /* at once */
	switch (follow_read(follow)) {
	case FOLLOW_LINES: send_lines(tail); return 0;
	case FOLLOW_GAP: send_gap(tail); return 0;
	case FOLLOW_FAILED: return -1;
	case FOLLOW_IDLE: break;
	}
	if (!tail->placed)
		send_start(tail);
	/* whatever inotify tells: some file systems do not tell it */
	if (!notify_files(
		&tail->notify, follow->fd, follow->next, follow->opened))
		*tick_ns = util_now_ns() +
			   (follow->doubt ? FOLLOW_AGAIN_MS * INT64_C(1000000)
					  : tail->look_ns);
	return 0;
}

/*
 * One turn of the loop. Returns 1 to go on, 0 if the client has left (or time
 * is up), -1 with errno on failure.
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
	return step(tail) == -1 ? -1 : 1;
}

int
main(int argc, char *argv[])
{
	static struct tail tail; /* zero: its buffer is not in the file */
	struct stream *stream = &tail.stream;
	int more = 1, status;

	/* Options. */
	tail.lines = LINES_DEFAULT;
	tail.event_max = EVENT_MAX_DEFAULT;
	tail.look_ns = UTIL_SECOND_NS;
	argc = program_init(stream, &program, argc, argv);
	parse_options(&tail, argc, argv);

	/* Request: the file is there, or may come. */
	program_request(stream);
	start(&tail);

	/* Header. */
	if (!stream_open(stream))
		return program_end(stream);

	/* Loop: the first look is now. */
	notify_init(&tail.notify, tail.path, tail.stat_only);
	if (tail.notify.fd != -1 &&
	    loop_watch(&stream->loop, tail.notify.fd, POLLIN) == -1)
		more = -1;
	stream->loop.tick_ns = 0;
	while (more == 1)
		more = turn(&tail);

	/* Clean-up. */
	if (more == -1) {
		program_warn(stream, "%s:", tail.path);
		stream->failed = true;
	}
	status = program_end(stream);
	follow_free(&tail.follow);
	notify_free(&tail.notify);
	return status;
}
