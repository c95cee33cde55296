/*
 * events: ids and encoding for the ring. Who may be lapped by what is put is
 * the channel's business.
 */
#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Made of the time, to the microsecond: no two channels of a key share it. */
static void
make_start(struct events *events)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	(void)snprintf(events->start, sizeof(events->start), "%jx",
	    (uintmax_t)now.tv_sec * 1000000 + (uintmax_t)now.tv_nsec / 1000);
}

static struct bytes
make_id(const struct events *events, char made[EVENTS_ID_MAX])
{
	int n = snprintf(made, EVENTS_ID_MAX, "%s-%ju", events->start,
	    (uintmax_t)events->number);

	return (struct bytes){made, (size_t)n};
}

static void
set_last_id(struct events *events, struct bytes id)
{
	events->no_id = false;
	events->made = false;
	events->last_id_n = id.n > sizeof(events->last_id) ? 0 : id.n;
	memcpy(events->last_id, id.at, events->last_id_n);
}

int
events_init(
    struct events *events, size_t size, const char *after, struct frame *frame)
{
	char made[EVENTS_ID_MAX];
	struct handover_message first;
	struct bytes id;

	*events = (struct events){
	    .retry_ms = -1,
	    .makes_ids = after == NULL,
	    .frame = frame,
	};
	if (ring_init(&events->ring, size) == -1)
		return -1;
	make_start(events);
	if (after == NULL) {
		events->made = true;
		id = make_id(events, made);
	} else {
		handover_set_id(&first, after, strlen(after));
		id = (struct bytes){first.id, first.id_n};
		set_last_id(events, id);
	}
	/* an empty frame: the ring knows this id before the first event */
	return ring_put(
	    &events->ring, (struct bytes){NULL, 0}, ring_digest(id), false);
}

void
events_free(struct events *events)
{
	ring_free(&events->ring);
	free(events->bytes);
	events->bytes = NULL;
}

/* A frame's sink: what its buffer does not hold. */
static int
collect(void *to, const char *bytes, size_t n)
{
	struct events *events = to;
	size_t room = events->room == 0 ? FRAME_BUFFER : events->room;
	char *larger;

	errno = EMSGSIZE;
	if (n > events->ring.size - events->n)
		return -1;
	while (room < events->n + n)
		room *= 2;
	if (room > events->room) {
		larger = realloc(events->bytes, room);
		if (larger == NULL)
			return -1;
		events->bytes = larger;
		events->room = room;
	}
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
	const char *at = encoded.at + 4, *end;

	end = memchr(encoded.at, '\n', encoded.n);
	return end == NULL ? (struct bytes){NULL, 0}
			   : (struct bytes){at, (size_t)(end - at)};
}

size_t
events_encode(
    struct events *events, const struct event *event, unsigned int flags)
{
	const unsigned int id_flags = EVENTS_ID | EVENTS_NO_ID;
	struct event copy = *event;
	char made[EVENTS_ID_MAX];
	bool makes = events->makes_ids && (flags & id_flags) == 0;
	size_t n;

	if (!(flags & EVENTS_ID))
		copy.id.n = 0;
	events->number += makes;
	if (makes)
		copy.id = make_id(events, made);
	events->n = 0;
	events->flags = flags;
	events->makes = makes;
	frame_init(events->frame, collect, events);
	if (flags & EVENTS_ID && copy.id.n == 0) /* who comes back has none */
		frame_raw(events->frame, "id: \n", 5);
	if (flags & EVENTS_DATA) {
		frame_event(events->frame, &copy);
	} else {
		frame_fields(events->frame, &copy);
		frame_raw(events->frame, "\n", 1);
	}
	n = finish(events);
	events->number -= makes && n == 0;
	events->id = n == 0 || copy.id.n == 0 ? (struct bytes){NULL, 0}
					      : find_id(events->encoded);
	return n;
}

size_t
events_encode_retry(struct events *events, int64_t ms)
{
	events->retry_ms = ms;
	events->n = 0;
	events->flags = EVENTS_NO_ID;
	events->makes = false;
	events->id = (struct bytes){NULL, 0};
	frame_init(events->frame, collect, events);
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
		events->end = id.n == 3 && memcmp(id.at, "end", 3) == 0;
	events->no_id |= data && !own;
	if (events->makes)
		events->made = true;
	else if (id.n > 0)
		set_last_id(events, id);
	return 0;
}

struct bytes
events_last_id(const struct events *events, char made[EVENTS_ID_MAX])
{
	if (events->made)
		return make_id(events, made);
	return (struct bytes){events->last_id, events->last_id_n};
}
