/*
 * events: ids and encoding for the ring. Which viewers are lapped by what is
 * put is the channel's business.
 */
#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../util.h"

static struct bytes
make_id(const struct events *events, char made[EVENTS_ID_MAX])
{
	int n = snprintf(made, EVENTS_ID_MAX, "%jx-%ju",
	    (uintmax_t)events->start, (uintmax_t)events->number);

	return (struct bytes){made, (size_t)n};
}

static void
set_last_id(struct events *events, struct bytes id)
{
	events->last_id_n = id.n > sizeof(events->last_id) ? 0 : id.n;
	memcpy(events->last_id, id.at, events->last_id_n);
}

int
events_init(
    struct events *events, size_t size, const char *after, struct frame *frame)
{
	char made[EVENTS_ID_MAX];
	struct timespec now;
	struct bytes id = bytes_of(after);

	*events = (struct events){
	    .retry_ms = -1,
	    .made = after == NULL,
	    .makes_ids = after == NULL,
	    .frame = frame,
	};
	if (ring_init(&events->ring, size) == -1)
		return -1;
	/* to the microsecond: no two channels of a key share it */
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	events->start =
	    (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (after == NULL)
		id = make_id(events, made);
	else if (id.n > HANDOVER_ID_MAX)
		id.n = HANDOVER_ID_MAX; /* as in a message */
	set_last_id(events, id);
	/* an empty frame: the ring knows this id before the first event */
	return ring_put(
	    &events->ring, (struct bytes){NULL, 0}, ring_digest(id), false);
}

void
events_free(struct events *events)
{
	ring_free(&events->ring);
	free(events->bytes);
}

/* A frame's sink: what its buffer does not hold. */
static int
collect(void *to, const char *bytes, size_t n)
{
	struct events *events = to;

	errno = EMSGSIZE;
	if (n > events->ring.size - events->n)
		return -1;
	if (events->bytes == NULL)
		events->bytes = malloc(events->ring.size);
	if (events->bytes == NULL)
		return -1;
	memcpy(events->bytes + events->n, bytes, n);
	events->n += n;
	return 0;
}

static size_t
finish(struct events *events)
{
	struct frame *frame = events->frame;

	events->encoded = (struct bytes){frame->buffer, frame->used};
	if (events->n > 0 || frame->error != 0) {
		if (frame_flush(frame) == -1)
			return 0;
		events->encoded = (struct bytes){events->bytes, events->n};
	}
	errno = EMSGSIZE;
	return events->encoded.n > events->ring.size ? 0 : events->encoded.n;
}

/* Its bytes as they are encoded: with U+FFFD for what is no UTF-8. */
static struct bytes
find_id(struct bytes encoded)
{
	const char *at = encoded.at + 4, *end = encoded.at + encoded.n;

	return (struct bytes){at, (size_t)(util_line_end(at, end) - at)};
}

static void
begin(struct events *events, unsigned int flags)
{
	events->flags = flags;
	events->makes = false;
	events->id = bytes_of(NULL);
	events->n = 0;
	frame_init(events->frame, collect, events);
}

size_t
events_encode(
    struct events *events, const struct event *event, unsigned int flags)
{
	struct event copy = *event;
	char made[EVENTS_ID_MAX];
	size_t n;

	begin(events, flags);
	if (!(flags & EVENTS_ID))
		copy.id.n = 0;
	if (events->makes_ids && !(flags & (EVENTS_ID | EVENTS_NO_ID))) {
		events->makes = true;
		events->number++;
		copy.id = make_id(events, made);
	}
	if (flags & EVENTS_ID && copy.id.n == 0) /* it takes the id away */
		frame_text(events->frame, "id: \n");
	if (flags & EVENTS_DATA) {
		frame_event(events->frame, &copy);
	} else {
		frame_fields(events->frame, &copy);
		frame_text(events->frame, "\n");
	}
	n = finish(events);
	if (n > 0 && copy.id.n > 0)
		events->id = find_id(events->encoded);
	events->number -= events->makes && n == 0;
	return n;
}

size_t
events_encode_retry(struct events *events, int64_t ms)
{
	events->retry_ms = ms;
	begin(events, EVENTS_NO_ID);
	frame_retry(events->frame, (uint64_t)ms);
	return finish(events);
}

int
events_put(struct events *events)
{
	struct bytes id = events->id;
	bool data = (events->flags & EVENTS_DATA) != 0;
	bool own = (events->flags & (EVENTS_ID | EVENTS_NO_ID)) != 0;

	if (ring_put(&events->ring, events->encoded, ring_digest(id), data) ==
	    -1)
		return -1;
	events->count += data;
	if (data || events->flags & EVENTS_ID)
		events->end = bytes_equal(id, (struct bytes)BYTES("end"));
	if (id.n > 0) {
		events->made = events->makes;
		events->no_id = false;
		set_last_id(events, id);
	} else if (data && !own) {
		events->no_id = true;
	}
	return 0;
}
