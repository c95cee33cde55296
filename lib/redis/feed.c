/*
 * feed: joins redis, which keeps a connection up, history, which knows what
 * to ask on it, and entry, which makes an event of what comes.
 */
#include "feed.h"

#include <errno.h>
#include <string.h>

/* A loss now and then is normal; the second one in a row is logged. */
#define LOST_WARN 2

void
feed_init(struct feed *feed, const struct url *url,
    const struct tls_files *files, const char *key, const char *type,
    const char *last_event_id, uint64_t back)
{
	*feed = (struct feed){
	    .fd = -1,
	    .type = {type, type != NULL ? strlen(type) : 0},
	};
	redis_init(&feed->redis, url, files);
	history_init(&feed->history, key, last_event_id, back);
	entry_init(&feed->space);
}

void
feed_free(struct feed *feed)
{
	redis_free(&feed->redis);
	entry_free(&feed->space);
}

/* Asks all that can be asked before the next reply. */
static void
ask(struct feed *feed)
{
	struct history_command command;

	while ((command = history_command(&feed->history)).words[0] != NULL)
		redis_ask(&feed->redis, command.words, command.block_ms);
}

static void
count_loss(struct feed *feed)
{
	if (++feed->lost == LOST_WARN)
		feed->why = feed->redis.why;
}

/* Makes an event that is no entry's: it gives the client its place. */
static void
make_event(struct feed *feed, const char *type, const char *data)
{
	feed->event = (struct event){
	    .id = {feed->id, entry_id_text(feed->id, feed->history.place)},
	    .type = {type, strlen(type)},
	    .data = {data, strlen(data)},
	};
}

/* Does what history says. Returns EVENT, GAP, or IDLE: nothing to send. */
static enum feed_result
follow(struct feed *feed, enum history_do what)
{
	errno = EPROTO;
	switch (what) {
	case HISTORY_GAP:
		make_event(feed, "gap", feed->history.gap);
		return FEED_GAP;
	case HISTORY_START: make_event(feed, "start", ""); return FEED_EVENT;
	case HISTORY_ENTRY:
		if (entry_event(feed->history.entry, feed->type, &feed->space,
			&feed->event) == 0)
			return FEED_EVENT;
		break;
	case HISTORY_KEEP: redis_keep(&feed->redis); return FEED_IDLE;
	case HISTORY_DONE:
		feed->answered = true;
		/* all made sense: the next loss is a first one again */
		feed->lost = 0;
		redis_settle(&feed->redis);
		if (feed->history.idle)
			redis_check(&feed->redis);
		/* FALLTHROUGH */
	case HISTORY_ASK: ask(feed); return FEED_IDLE;
	case HISTORY_BROKEN: break;
	}
	redis_drop(&feed->redis,
	    errno == EPROTO ? "unexpected reply" : strerror(errno));
	count_loss(feed);
	return FEED_IDLE;
}

/* Deals with what redis_step has returned. Returns IDLE to step again. */
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
	feed->fd = feed->redis.fd;
	feed->events = feed->redis.events;
	feed->due_ns = feed->redis.due_ns;
	return result;
}
