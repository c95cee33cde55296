/*
 * sse-redis: sends the entries of a Redis stream as events, so that any number
 * of web servers can serve the same events. feed reads them, stream sends them.
 */
#include <stdlib.h>

#include "lib/program.h"
#include "lib/redis/feed.h"
#include "lib/util.h"

#define URL_DEFAULT "redis://127.0.0.1:6379"
#define URL_VARIABLE "SSE_REDIS_URL"

/* The header is sent this long after the start, even without an answer. */
#define WAIT_NS (2 * UTIL_SECOND_NS)

struct redis_events {
	struct stream stream;
	struct feed feed;
	struct url url;
	struct tls_files files;
	const char *key;
	uint64_t back;
	int64_t wait_ns;
	int64_t open_ns; /* when the header is sent at the latest */
	int watched;     /* the descriptor that the loop watches, or -1 */
	bool open;       /* the header is sent */
	bool warned_type;
};

static const struct program program = {
    .about = "Makes an event of each entry of a Redis stream.",
    .operands = "STREAM",
    .options =
	{
	    {'u', "url", "URL",
		"the server (" URL_DEFAULT "):\n"
		"redis://[user:password@]host[:port][/db]\n"
		"rediss:// is TLS; unix:/path is a socket\n"
		"redis+sentinel://host[,host]/NAME[/db]"},
	    {'n', "count", "COUNT",
		"a new client gets COUNT older entries (0)"},
	    {'w', "wait", "SECONDS",
		"for the server, before the header (2; 0: none)"},
	},
    .notes = "The environment's " URL_VARIABLE " is better for a URL with a "
	     "password.",
    .methods = CGI_GET | CGI_HEAD,
};

static void
parse_options(struct redis_events *events, int argc, char *argv[])
{
	struct stream *stream = &events->stream;
	const char *url = getenv(URL_VARIABLE), *wrong;
	int option;

	while ((option = program_option(stream, argc, argv)) != -1) {
		switch (option) {
		case 'u': url = optarg; break;
		case 'n':
			events->back =
			    program_number(stream, 'n', 0, HISTORY_BACK_MAX);
			break;
		case 'w':
			events->wait_ns = program_seconds(stream, 'w', true);
			break;
		}
	}
	if (optind + 1 != argc || *argv[optind] == '\0')
		program_refuse(stream, PROGRAM_USAGE, "one STREAM is expected");
	events->key = argv[optind];
	wrong = url_parse(&events->url, url != NULL ? url : URL_DEFAULT);
	if (wrong != NULL)
		program_refuse(
		    stream, PROGRAM_USAGE, "the server's URL: %s", wrong);
	events->url.sentinel_user = getenv("SSE_REDIS_SENTINEL_USER");
	events->url.sentinel_password = getenv("SSE_REDIS_SENTINEL_PASSWORD");
	events->files.ca = getenv("SSE_REDIS_CACERT");
	events->files.cert = getenv("SSE_REDIS_CERT");
	events->files.key = getenv("SSE_REDIS_KEY");
}

static void
open_stream(struct redis_events *events)
{
	if (!events->open)
		(void)stream_open(&events->stream); /* false only for HEAD */
	events->open = true;
}

static void
send_event(struct redis_events *events)
{
	const struct entry *entry = &events->feed.entry;

	open_stream(events);
	if (!events->warned_type && !frame_field_ok(entry->event.type)) {
		program_warn(&events->stream, "an entry's event type holds CR, "
					      "LF or NUL: it is left out");
		events->warned_type = true;
	}
	entry_put(entry, &events->stream.frame);
}

/* Tells the loop what the feed waits for. */
static void
await_feed(struct redis_events *events)
{
	struct loop *loop = &events->stream.loop;
	const struct feed *feed = &events->feed;

	if (feed->why != NULL)
		program_warn(&events->stream, "%s; trying again", feed->why);
	if (feed->answered)
		open_stream(events);
	/* neither can fail: at most one descriptor is watched */
	if (events->watched != -1 && events->watched != feed->fd)
		(void)loop_watch(loop, events->watched, 0);
	if (feed->fd != -1)
		(void)loop_watch(loop, feed->fd, feed->events);
	events->watched = feed->fd;
	loop->tick_ns = feed->due_ns;
	if (!events->open && events->open_ns < feed->due_ns)
		loop->tick_ns = events->open_ns;
}

/* Reports why the feed ended. Exits if the header is not sent yet. */
static void
fail(struct redis_events *events, bool for_good)
{
	struct stream *stream = &events->stream;
	const char *why = events->feed.why;

	if (!events->open && for_good)
		program_refuse(stream, PROGRAM_FAILURE, "%s", why);
	if (!events->open)
		program_send_back(stream, PROGRAM_FAILURE, "%s", why);
	program_warn(stream, "%s", why);
	stream->failed = true;
}

/* Sends all events that are available. Returns false if the feed has ended. */
static bool
send_events(struct redis_events *events)
{
	for (;;) {
		switch (feed_next(&events->feed)) {
		case FEED_EVENT:
		case FEED_GAP: send_event(events); break;
		case FEED_IDLE: await_feed(events); return true;
		case FEED_END: fail(events, false); return false;
		case FEED_FAILED: fail(events, true); return false;
		}
	}
}

/* Returns false if the client has left, or the time is up. */
static bool
wait_for_more(struct redis_events *events)
{
	switch (stream_wait(&events->stream)) {
	case LOOP_TICK:
		if (util_now_ns() >= events->open_ns)
			open_stream(events);
		return true;
	case LOOP_INPUT: return true;
	default: return false;
	}
}

int
main(int argc, char *argv[])
{
	static struct redis_events events; /* zero: takes no room in the file */
	struct stream *stream = &events.stream;

	/* Options. */
	events.wait_ns = WAIT_NS;
	events.watched = -1;
	argc = program_init(stream, &program, argc, argv);
	parse_options(&events, argc, argv);

	/* Request. */
	program_request(stream);

	/* Header: at once for HEAD, else when the server has answered. */
	if (stream->request.method == CGI_HEAD) {
		(void)stream_open(stream);
		return program_end(stream);
	}
	events.open_ns = util_now_ns() + events.wait_ns;

	/* Loop: a client that comes back gets what follows its last event. */
	feed_init(&events.feed, &events.url, &events.files, events.key,
	    stream->event, stream->request.last_event_id, events.back);
	while (send_events(&events) && wait_for_more(&events))
		;

	/* Clean-up. */
	feed_free(&events.feed);
	return program_end(stream);
}
