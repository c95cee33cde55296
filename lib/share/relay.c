/*
 * relay: encodes events into the ring and has them written. What follows from a
 * failure, or from the end of a program, is left to the channel.
 */
#include "relay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../util.h"

#define MADE_MAX 64                 /* bytes of an id that is made here */
#define PAUSE_NS (5000 * POLLER_MS) /* at most, if all viewers lag */

static struct bytes
make_id(const struct relay *relay, char made[MADE_MAX])
{
	int n = snprintf(made, MADE_MAX, "%jx-%ju", (uintmax_t)relay->start,
	    (uintmax_t)relay->number);

	return (struct bytes){made, (size_t)n};
}

static void
set_last_id(struct relay *relay, struct bytes id)
{
	relay->last_id_n = id.n > sizeof(relay->last_id) ? 0 : id.n;
	memcpy(relay->last_id, id.at, relay->last_id_n);
}

int
relay_init(struct relay *relay)
{
	const char *after = relay->setup->after;
	char made[MADE_MAX];
	struct timespec now;
	struct bytes id = bytes_of(after);

	if (ring_init(&relay->ring, relay->setup->ring_size) == -1)
		return -1;
	/* to the microsecond: no two channels of a key share it */
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	relay->start =
	    (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	relay->retry_ms = -1;
	relay->made = after == NULL;
	if (relay->made)
		id = make_id(relay, made);
	else if (id.n > HANDOVER_ID_MAX)
		id.n = HANDOVER_ID_MAX; /* as in a message */
	set_last_id(relay, id);
	/* an empty frame: the ring knows this id before the first event */
	return ring_put(&relay->ring, bytes_of(NULL), ring_digest(id), false);
}

/* A frame's sink: collects what its buffer does not hold. */
static int
collect(void *to, const char *bytes, size_t n)
{
	struct relay *relay = to;

	errno = EMSGSIZE;
	if (n > relay->ring.size - relay->n)
		return -1;
	if (relay->bytes == NULL)
		relay->bytes = malloc(relay->ring.size);
	if (relay->bytes == NULL)
		return -1;
	memcpy(relay->bytes + relay->n, bytes, n);
	relay->n += n;
	return 0;
}

static void
begin(struct relay *relay, bool data, bool own)
{
	relay->n = 0;
	relay->id = bytes_of(NULL);
	relay->data = data;
	relay->own = own;
	relay->makes = false;
	frame_init(relay->frame, collect, relay);
}

/* Sets relay->frames to what was encoded. Returns 0; or -1 as collect does. */
static int
finish(struct relay *relay)
{
	struct frame *frame = relay->frame;

	relay->frames = (struct bytes){frame->buffer, frame->used};
	if (relay->n > 0 || frame->error != 0) {
		if (frame_flush(frame) == -1)
			return -1;
		relay->frames = (struct bytes){relay->bytes, relay->n};
	}
	errno = EMSGSIZE;
	return relay->frames.n > relay->ring.size ? -1 : 0;
}

/* The id as it is encoded: with U+FFFD for invalid UTF-8. */
static struct bytes
find_id(struct bytes frame)
{
	const char *at = frame.at + strlen("id: ");

	return (struct bytes){
	    at, (size_t)(util_line_end(at, frame.at + frame.n) - at)};
}

/*
 * Encodes an event, or an id field alone. No id is made with -f, as the program
 * would not know it, nor for a gap, after which no client can resume.
 */
static int
encode_event(
    struct relay *relay, const struct event *event, bool data, bool has_id)
{
	struct event copy = *event;
	char made[MADE_MAX];

	begin(relay, data,
	    has_id || bytes_equal(event->type, (struct bytes)BYTES("gap")));
	relay->makes = relay->setup->after == NULL && !relay->own;
	relay->number += relay->makes;
	if (!has_id)
		copy.id = relay->makes ? make_id(relay, made) : bytes_of(NULL);
	else if (copy.id.n == 0)
		frame_text(relay->frame, "id: \n"); /* resets the client's id */
	if (data) {
		frame_event(relay->frame, &copy);
	} else {
		frame_fields(relay->frame, &copy);
		frame_text(relay->frame, "\n");
	}
	if (finish(relay) == -1) {
		relay->number -= relay->makes;
		return -1;
	}
	if (copy.id.n > 0)
		relay->id = find_id(relay->frames);
	return 0;
}

/* Encodes what the producer has. Returns as finish does. */
static int
encode(struct relay *relay)
{
	const struct producer *producer = relay->producer;

	if (!producer->retry)
		return encode_event(relay, &producer->event, producer->has_data,
		    producer->has_id);
	begin(relay, false, false);
	frame_retry(relay->frame, (uint64_t)producer->retry_ms);
	return finish(relay);
}

/* Encodes a gap in place of an event that is left out. */
static int
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
	return encode_event(relay, &gap, true, false);
}

/* Puts frames; viewers that would lose events get a write first. 0 or -1. */
static int
put(struct relay *relay)
{
	struct bytes id = relay->id;

	if (ring_tail_for(&relay->ring, relay->frames.n) >
	    relay->viewers->pushed)
		viewers_push(relay->viewers);
	if (ring_put(&relay->ring, relay->frames, ring_digest(id),
		relay->data) == -1)
		return -1;
	relay->count += relay->data;
	if (relay->data || relay->own)
		relay->end = bytes_equal(id, (struct bytes)BYTES("end"));
	if (id.n > 0) {
		relay->made = relay->makes;
		relay->no_id = false;
		set_last_id(relay, id);
	} else if (relay->data && !relay->own) {
		relay->no_id = true;
	}
	return 0;
}

/* Takes the program's retry time; returns whether viewers are yet to get it. */
static bool
take_retry(struct relay *relay)
{
	relay->retry_ms = relay->producer->retry_ms;
	return relay->greeted && relay->setup->retry_ms < 0;
}

static int
take(struct relay *relay, enum producer_result result)
{
	int encoded = -1;

	if (result == PRODUCER_EVENT && relay->producer->retry &&
	    !take_retry(relay))
		return 0;
	errno = EMSGSIZE; /* PRODUCER_GAP */
	if (result == PRODUCER_EVENT)
		encoded = encode(relay);
	if (encoded == -1 && errno == EMSGSIZE)
		encoded = encode_gap(relay);
	return encoded == -1 ? -1 : put(relay);
}

/* When new frames in the ring are to be written, or UTIL_NEVER. */
static int64_t
push_due(const struct relay *relay)
{
	return relay->ring.head == relay->viewers->pushed
		   ? UTIL_NEVER
		   : relay->pushed_ns + relay->setup->gather_ns;
}

enum producer_result
relay_pass(struct relay *relay)
{
	struct producer *producer = relay->producer;
	enum producer_result result;

	do {
		result = producer_next(producer);
		if (result < PRODUCER_IDLE && take(relay, result) == -1) {
			producer->why = strerror(errno);
			result = PRODUCER_FAILED;
		}
	} while (result < PRODUCER_IDLE);
	if (push_due(relay) <= util_now_ns()) {
		relay->sent_ns = relay->pushed_ns = util_now_ns();
		viewers_push(relay->viewers);
	}
	return result;
}

/* Whether even the fastest viewer is a quarter of the ring behind. */
static bool
all_lag(const struct relay *relay)
{
	const struct viewers *viewers = relay->viewers;
	const struct ring *ring = &relay->ring;

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

void
relay_keepalive(struct relay *relay, int64_t now_ns)
{
	if (keepalive_due(relay) > now_ns)
		return;
	frame_init(relay->frame, NULL, NULL); /* its buffer is enough */
	frame_keepalive(relay->frame, &relay->setup->keepalive);
	viewers_keepalive(
	    relay->viewers, relay->frame->buffer, relay->frame->used);
	relay->sent_ns = now_ns;
}

int64_t
relay_due(const struct relay *relay)
{
	return poller_earlier(
	    poller_earlier(push_due(relay), keepalive_due(relay)),
	    relay->paused ? relay->paused_ns + PAUSE_NS : UTIL_NEVER);
}
