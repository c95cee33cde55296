/*
 * relay: puts events into the ring and has them written. What the end of a
 * program or a failure means is the channel's business.
 */
#include "relay.h"

#include <errno.h>
#include <string.h>

#include "../util.h"

#define PAUSE_NS (5000 * POLLER_MS) /* for viewers that all lag */

/* Encodes what the producer has. Returns the size, or 0 with errno. */
static size_t
encode(struct relay *relay)
{
	const struct producer *producer = relay->producer;
	unsigned int flags = producer->has_data ? EVENTS_DATA : 0;

	if (producer->retry)
		return events_encode_retry(relay->events, producer->retry_ms);
	if (producer->has_id)
		flags |= EVENTS_ID;
	/* nobody could go on after a gap, least of all the program (-f) */
	else if (bytes_equal(producer->event.type, (struct bytes)BYTES("gap")))
		flags |= EVENTS_NO_ID;
	return events_encode(relay->events, &producer->event, flags);
}

/* In place of an event that is left out: a loss is never silent. */
static size_t
encode_gap(struct relay *relay)
{
	static const struct event gap = {
	    .type = BYTES("gap"),
	    .data = BYTES("too long"),
	};

	if (!relay->too_long_logged)
		logger_line(&relay->setup->log,
		    "%s: an event is longer than %zu bytes (-b): it is left "
		    "out",
		    relay->setup->command[0], relay->setup->ring_size);
	relay->too_long_logged = true;
	return events_encode(relay->events, &gap, EVENTS_DATA | EVENTS_NO_ID);
}

/* Viewers that would be lapped get one more write first. Returns 0, or -1. */
static int
put(struct relay *relay, enum producer_result result)
{
	size_t n = 0;

	errno = EMSGSIZE; /* PRODUCER_GAP */
	if (result == PRODUCER_EVENT)
		n = encode(relay);
	if (n == 0 && errno == EMSGSIZE)
		n = encode_gap(relay);
	if (n == 0)
		return -1;
	if (ring_tail_for(&relay->events->ring, n) > relay->viewers->pushed)
		viewers_push(relay->viewers);
	return events_put(relay->events);
}

enum producer_result
relay_pass(struct relay *relay)
{
	struct producer *producer = relay->producer;
	enum producer_result result;

	do {
		result = producer_next(producer);
		if (result < PRODUCER_IDLE && put(relay, result) == -1) {
			producer->why = strerror(errno);
			result = PRODUCER_FAILED;
		}
	} while (result < PRODUCER_IDLE);
	if (relay->events->ring.head > relay->viewers->pushed) {
		relay->sent_ns = util_now_ns();
		viewers_push(relay->viewers);
	}
	return result;
}

/* Even the fastest viewer is a quarter of the ring behind. */
static bool
all_lag(const struct relay *relay)
{
	const struct viewers *viewers = relay->viewers;
	const struct ring *ring = &relay->events->ring;

	return viewers->n > 0 && viewers->lagging == viewers->n &&
	       ring->head - viewers_foremost(viewers) > ring->size / 4;
}

int
relay_pace(struct relay *relay, bool moved, bool nobody, bool hold)
{
	int64_t now_ns = util_now_ns();
	bool wait;

	if (moved) {
		relay->impatient = false;
		relay->paused_ns = now_ns;
	}
	wait = !relay->impatient && (nobody || all_lag(relay));
	if (wait && relay->paused && relay->paused_ns + PAUSE_NS <= now_ns) {
		relay->impatient = true;
		wait = false;
	}
	if (wait && !relay->paused)
		relay->paused_ns = now_ns;
	relay->paused = wait;
	return producer_read(relay->producer, !wait && !hold);
}

static int64_t
keepalive_due(const struct relay *relay)
{
	return relay->setup->keepalive_ns == 0 || relay->viewers->n == 0
		   ? UTIL_NEVER
		   : relay->sent_ns + relay->setup->keepalive_ns;
}

/* A frame's sink. */
static int
write_keepalive(void *to, const char *bytes, size_t n)
{
	viewers_keepalive(to, bytes, n);
	return 0;
}

void
relay_keepalive(struct relay *relay, int64_t now_ns)
{
	if (keepalive_due(relay) > now_ns)
		return;
	frame_init(relay->frame, write_keepalive, relay->viewers);
	frame_keepalive(relay->frame, &relay->setup->keepalive);
	(void)frame_flush(relay->frame); /* it cannot fail */
	relay->sent_ns = now_ns;
}

int64_t
relay_due(const struct relay *relay)
{
	return poller_earlier(keepalive_due(relay),
	    relay->paused ? relay->paused_ns + PAUSE_NS : UTIL_NEVER);
}
