/*
 * sse-redis: a Redis stream, one event an entry, so that any number of web
 * servers show the same. It joins modules: redis keeps a connection up,
 * history knows what to ask on it, entry makes events of what comes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/redis/entry.h"
#include "lib/redis/history.h"
#include "lib/redis/redis.h"
#include "lib/stream.h"
#include "lib/util.h"

#define URL_DEFAULT "redis://127.0.0.1:6379"
#define URL_VARIABLE "SSE_REDIS_URL"

/* Without an answer for so long the viewer gets its header, and waits. */
#define WAIT_NS (2 * UTIL_SECOND_NS)

/* The connection is lost now and then; twice in a row is worth a line. */
#define LOST_WARN 2

struct source {
	struct stream stream;
	struct url url;
	struct redis redis;
	struct history history;
	struct entry_space space;
	const char *key;
	uint64_t back;
	bool open;         /* the header is sent */
	int64_t open_ns;   /* when it is sent in any case */
	int64_t wait_ns;   /* -w: so long after the start */
	int watched;       /* the descriptor that the loop watches, or -1 */
	unsigned int lost; /* times, without an answer in between */
	bool warned_type;
};

static const struct option options[] = {
    {"url", required_argument, NULL, 'u'},
    {"count", required_argument, NULL, 'n'},
    {"wait", required_argument, NULL, 'w'},
    STREAM_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const struct program program = {
    .usage = "[-u URL] [-n COUNT] [-w SECONDS] [-e NAME] [-r MS] [-k SECONDS] "
	     "[-A NAME] "
	     "[-m SECONDS] [-O ORIGIN] [-H FIELD] STREAM",
    .help =
	"Makes an event of each entry of a Redis stream.\n"
	"  -u, --url URL            the server (" URL_DEFAULT "):\n"
	"                           redis://[user:password@]host[:port][/db]\n"
	"                           rediss:// is TLS; unix:/path is a socket\n"
	"                           redis+sentinel://host[,host]/NAME[/db]\n"
	"  -n, --count COUNT        a new viewer gets COUNT older entries (0)\n"
	"  -w, --wait SECONDS       for the server, before the header (2; 0: "
	"none)\n"
	"The environment's " URL_VARIABLE " is better for a URL with a "
	"password.\n",
    .letters = STREAM_LETTERS "u:n:w:",
    .options = options,
    .methods = CGI_GET | CGI_HEAD,
};

static void
parse_options(struct source *source, int argc, char *argv[])
{
	struct stream *stream = &source->stream;
	const char *url = getenv(URL_VARIABLE), *wrong;
	int option;

	while ((option = stream_option(stream, argc, argv)) != -1) {
		switch (option) {
		case 'u': url = optarg; break;
		case 'n':
			source->back =
			    stream_number(stream, 'n', 0, HISTORY_BACK_MAX);
			break;
		case 'w':
			source->wait_ns = stream_seconds(stream, 'w', true);
			break;
		}
	}
	if (optind + 1 != argc || *argv[optind] == '\0')
		stream_refuse(stream, 500, STREAM_USAGE,
		    "one STREAM is expected; usage: %s %s", stream->name,
		    program.usage);
	source->key = argv[optind];
	wrong = url_parse(&source->url, url != NULL ? url : URL_DEFAULT);
	if (wrong != NULL)
		stream_refuse(
		    stream, 500, STREAM_USAGE, "the server's URL: %s", wrong);
	source->url.sentinel_user = getenv("SSE_REDIS_SENTINEL_USER");
	source->url.sentinel_password = getenv("SSE_REDIS_SENTINEL_PASSWORD");
}

/*
 * It is over: for good, or the client may come back. Returns -1; before the
 * header it exits.
 */
static int
fail(struct source *source, const char *why, bool for_good)
{
	redis_free(&source->redis);
	if (!source->open && for_good)
		stream_refuse(&source->stream, 500, STREAM_FAILURE, "%s", why);
	if (!source->open)
		stream_send_back(&source->stream, STREAM_FAILURE, "%s", why);
	stream_warn(&source->stream, "%s", why);
	source->stream.failed = 1;
	return -1;
}

static void
open_stream(struct source *source)
{
	if (!source->open)
		(void)stream_open(&source->stream); /* HEAD was dealt with */
	source->open = true;
}

/* Entries may be missing; who comes back with its id is not told again. */
static int
send_gap(struct source *source)
{
	char id[ENTRY_ID_MAX];
	struct event gap = {
	    .id = {id, entry_id_text(id, source->history.place)},
	    .event = {"gap", 3},
	    .data = {source->history.gap, strlen(source->history.gap)},
	};

	frame_event(&source->stream.frame, &gap);
	return history_sent(&source->history, source->history.place);
}

/* Nothing to send at once: who is cut off now comes back with a place. */
static void
send_start(struct source *source)
{
	char id[ENTRY_ID_MAX];

	stream_send_start(&source->stream,
	    (struct bytes){id, entry_id_text(id, source->history.place)});
	source->history.fresh = false;
}

static int
send_entry(struct source *source, const struct reply *reply)
{
	const char *type = source->stream.event;
	struct bytes fallback = {type, type != NULL ? strlen(type) : 0};
	struct entry_id id;
	struct event event;

	if (entry_event(reply, fallback, &source->space, &id, &event) == -1 ||
	    history_sent(&source->history, id) == -1)
		return -1;
	if (!source->warned_type && !frame_field_ok(event.event)) {
		stream_warn(&source->stream, "an entry's event type holds CR, "
					     "LF or NUL: it is left out");
		source->warned_type = true;
	}
	frame_event(&source->stream.frame, &event);
	return 0;
}

/* What one READ has brought. */
static int
send_entries(struct source *source)
{
	const struct reply *entries = source->history.entries;

	open_stream(source);
	if (source->history.gap != NULL && send_gap(source) == -1)
		return -1;
	if (source->history.fresh && entries == NULL)
		send_start(source);
	for (size_t i = 0; entries != NULL && i < entries->n; i++)
		if (send_entry(source, entries->elements[i]) == -1)
			return -1;
	/* what it says makes sense: the next loss is a first one again */
	source->lost = 0;
	redis_settle(&source->redis);
	if (entries == NULL)
		redis_check(&source->redis);
	return 0;
}

/* Asks all that can be asked before the next reply. */
static void
ask(struct source *source)
{
	struct bytes words[HISTORY_WORDS];
	int64_t block_ms;
	size_t n;

	while ((n = history_command(&source->history, words, &block_ms)) > 0)
		redis_ask(&source->redis, words, n, block_ms);
}

static void
take_reply(struct source *source)
{
	switch (history_reply(&source->history, source->redis.reply)) {
	case HISTORY_ENTRIES:
		if (send_entries(source) == -1)
			break;
		/* FALLTHROUGH */
	case HISTORY_ASK: ask(source); /* FALLTHROUGH */
	case HISTORY_EXPECT: return;
	case HISTORY_KEEP: redis_keep(&source->redis); return;
	default: errno = EPROTO; break;
	}
	redis_drop(&source->redis,
	    errno == EPROTO ? "an answer that is none to what was asked"
			    : strerror(errno));
}

/* The connection is lost. Returns 0, or -1 where another is no better. */
static int
lose(struct source *source)
{
	if (source->redis.too_large) {
		redis_settle(&source->redis);
		return history_shrink(&source->history) ? 0 : -1;
	}
	if (++source->lost == LOST_WARN)
		stream_warn(
		    &source->stream, "%s; trying again", source->redis.why);
	return 0;
}

/* Redis has something to do. Returns 0 to wait again, -1 to end. */
static int
step(struct source *source)
{
	for (;;) {
		switch (redis_step(&source->redis)) {
		case REDIS_WAIT: return 0;
		case REDIS_READY:
			history_begin(&source->history);
			ask(source);
			break;
		case REDIS_REPLY: take_reply(source); break;
		case REDIS_LOST:
			if (lose(source) == -1)
				return fail(
				    source, "an entry is too large", false);
			break;
		case REDIS_REFUSED:
			return fail(source, source->redis.why, false);
		case REDIS_FAILED: return fail(source, source->redis.why, true);
		}
	}
}

/* Tells the loop what redis waits for. Returns 0, or -1 with errno. */
static int
watch(struct source *source)
{
	struct loop *loop = &source->stream.loop;
	const struct redis *redis = &source->redis;

	if (source->watched != -1 && source->watched != redis->fd)
		(void)loop_watch(loop, source->watched, 0); /* cannot fail */
	source->watched = redis->fd;
	loop->tick_ns = redis->due_ns;
	if (!source->open &&
	    (loop->tick_ns == LOOP_NEVER || loop->tick_ns > source->open_ns))
		loop->tick_ns = source->open_ns;
	return redis->fd == -1 ? 0 : loop_watch(loop, redis->fd, redis->events);
}

/* One turn of the loop. Returns 0 to go on, -1 where it is over. */
static int
turn(struct source *source)
{
	if (watch(source) == -1)
		return fail(source, strerror(errno), false);
	switch (stream_wait(&source->stream)) {
	case LOOP_TICK:
		if (util_now_ns() >= source->open_ns)
			open_stream(source);
		return step(source);
	case LOOP_INPUT: return step(source);
	default: return -1; /* the viewer has left, or time is up */
	}
}

int
main(int argc, char *argv[])
{
	static struct source source = {
	    .watched = -1,
	    .wait_ns = WAIT_NS,
	};
	struct stream *stream = &source.stream;
	struct tls_files files;

	/* Options. */
	argc = stream_init(stream, &program, argc, argv);
	parse_options(&source, argc, argv);

	/* Request: who comes back goes on after what it has had. */
	stream_request(stream);
	history_init(&source.history, source.key, stream->request.last_event_id,
	    source.back);

	/* Header: at once for HEAD, else when the server has answered. */
	if (stream->request.method == CGI_HEAD) {
		(void)stream_open(stream);
		return stream_close(stream);
	}
	files.ca = getenv("SSE_REDIS_CACERT");
	files.cert = getenv("SSE_REDIS_CERT");
	files.key = getenv("SSE_REDIS_KEY");
	entry_init(&source.space);
	redis_init(&source.redis, &source.url, &files);
	source.open_ns = util_now_ns() + source.wait_ns;

	/* Loop. */
	if (step(&source) == 0)
		while (turn(&source) == 0)
			;

	/* Clean-up. */
	redis_free(&source.redis);
	entry_free(&source.space);
	return stream_close(stream);
}
