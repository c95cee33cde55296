/*
 * feed: joins redis, which maintains the connection, history, which chooses the
 * commands, and entry, which makes events of the replies.
 */
#include "feed.h"

/* A lost connection now and then is normal; the second in a row is logged. */
#define LOST_WARN 2

void
feed_init(struct feed *feed, const struct url *url,
    const struct tls_files *files, const char *key, const char *type,
    const char *last_event_id, uint64_t back)
{
	*feed = (struct feed){.fd = -1, .type = bytes_of(type)};
	redis_init(&feed->redis, url, files);
	history_init(&feed->history, key, last_event_id, back);
}

void
feed_free(struct feed *feed)
{
	redis_free(&feed->redis);
	history_free(&feed->history);
}

/* Sends all commands that can be sent before the next reply. */
static void
ask(struct feed *feed)
{
	char *command = NULL;
	int n;

	while ((n = history_command(&feed->history, &command)) != 0)
		redis_ask(&feed->redis, command, n);
}

static void
count_loss(struct feed *feed)
{
	if (++feed->lost == LOST_WARN)
		feed->why = feed->redis.why;
}

/* Makes a start or a gap, whose id is the client's place. */
static void
make_event(struct feed *feed, const char *type, const char *data)
{
	feed->entry = (struct entry){
	    .event = {
		.id = {feed->id, entry_id_text(feed->id, feed->history.place)},
		.type = bytes_of(type),
		.data = bytes_of(data),
	    }};
}

/* Does what history returned. Returns EVENT, GAP, or IDLE: nothing to send. */
static enum feed_result
follow(struct feed *feed, enum history_do what)
{
	switch (what) {
	case HISTORY_GAP:
		make_event(feed, "gap", feed->history.gap);
		return FEED_GAP;
	case HISTORY_START: make_event(feed, "start", ""); return FEED_EVENT;
	case HISTORY_ENTRY:
		if (entry_read(&feed->entry, feed->history.entry, feed->type) ==
		    0)
			return FEED_EVENT;
		break;
	case HISTORY_DONE:
		feed->answered = true;
		/* all replies were valid: losses are counted anew */
		feed->lost = 0;
		redis_settle(&feed->redis);
		if (feed->history.idle)
			redis_check(&feed->redis);
		/* FALLTHROUGH */
	case HISTORY_ASK: ask(feed); return FEED_IDLE;
	case HISTORY_BROKEN: break;
	}
	redis_drop(&feed->redis, "unexpected reply");
	count_loss(feed);
	return FEED_IDLE;
}

/* Handles a result of redis_step. Returns IDLE to call that again. */
static enum feed_result
step(struct feed *feed, enum redis_event event)
{
	struct redis *redis = &feed->redis;

	switch (event) {
	case REDIS_REPLY:
		return follow(
		    feed, history_reply(&feed->history, redis->reply));
	case REDIS_READY:
		history_begin(&feed->history);
		ask(feed);
		return FEED_IDLE;
	case REDIS_LOST: count_loss(feed); return FEED_IDLE;
	case REDIS_TOO_LARGE:
		redis_settle(redis);
		if (history_shrink(&feed->history))
			return FEED_IDLE;
		feed->why = "an entry is too large";
		return FEED_END;
	case REDIS_REFUSED: feed->why = redis->why; return FEED_END;
	default: feed->why = redis->why; return FEED_FAILED;
	}
}

enum feed_result
feed_next(struct feed *feed)
{
	enum feed_result result = FEED_IDLE;
	enum redis_event event;

	feed->why = NULL;
	if (feed->sent)
		result = follow(feed, history_next(&feed->history));
	while (result == FEED_IDLE) {
		event = redis_step(&feed->redis);
		if (event == REDIS_WAIT)
			break;
		result = step(feed, event);
	}
	feed->sent = result == FEED_EVENT || result == FEED_GAP;
	feed->fd = feed->redis.conn.fd;
	feed->events = feed->redis.conn.events;
	feed->due_ns = feed->redis.due_ns;
	return result;
}
