/*
 * ring: a circular buffer, and an index of frames by number. Nothing is encoded
 * here.
 */
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_BIT UINT64_C(1) /* of a frame's id, which is even */
#define FRAMES_FIRST 256      /* room at first; it doubles */

int
ring_init(struct ring *ring, size_t size)
{
	*ring = (struct ring){.size = size, .room = FRAMES_FIRST};
	ring->bytes = malloc(size);
	ring->frames = malloc(ring->room * sizeof(*ring->frames));
	return ring->bytes != NULL && ring->frames != NULL ? 0 : -1;
}

/* FNV-1a. */
uint64_t
ring_digest(struct bytes id)
{
	uint64_t digest = UINT64_C(0xcbf29ce484222325);

	if (id.n == 0)
		return 0;
	for (size_t i = 0; i < id.n; i++) {
		digest ^= (unsigned char)id.at[i];
		digest *= UINT64_C(0x100000001b3);
	}
	return digest < 2 ? 2 : digest & ~EVENT_BIT;
}

static struct ring_frame *
frame_of(const struct ring *ring, uint64_t number)
{
	return ring->frames + (number & (ring->room - 1));
}

/* The number of the newest frame that starts at place or before it. */
static uint64_t
number_at(const struct ring *ring, uint64_t place)
{
	uint64_t low = ring->first, high = ring->last;

	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (frame_of(ring, middle)->start <= place)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static uint64_t
start_of(const struct ring *ring, uint64_t number)
{
	return number == ring->last ? ring->head
				    : frame_of(ring, number)->start;
}

uint64_t
ring_tail_for(const struct ring *ring, size_t n)
{
	uint64_t end = ring->head + n, number;

	if (end - ring->tail <= ring->size)
		return ring->tail;
	if (end - ring->head >= ring->size)
		return ring->head;
	/* the first frame that will still be complete */
	number = number_at(ring, end - ring->size);
	if (start_of(ring, number) < end - ring->size)
		number++;
	return start_of(ring, number);
}

static int
more_room(struct ring *ring)
{
	struct ring_frame *old = ring->frames, *new;
	size_t room = ring->room;

	new = malloc(2 * room * sizeof(*new));
	if (new == NULL)
		return -1;
	for (uint64_t i = ring->first; i < ring->last; i++)
		new[i & (2 * room - 1)] = *frame_of(ring, i);
	free(old);
	ring->frames = new;
	ring->room = 2 * room;
	return 0;
}

static void
copy_in(struct ring *ring, struct bytes from)
{
	size_t at = (size_t)(ring->head % ring->size);
	size_t part = ring->size - at;

	if (from.n == 0)
		return;
	if (part > from.n)
		part = from.n;
	memcpy(ring->bytes + at, from.at, part);
	memcpy(ring->bytes, from.at + part, from.n - part);
	ring->head += from.n;
}

int
ring_put(struct ring *ring, struct bytes frame, uint64_t id, bool event)
{
	uint64_t start = ring->head;

	if (frame.n > ring->size) {
		errno = EMSGSIZE;
		return -1;
	}
	ring->tail = ring_tail_for(ring, frame.n);
	while (ring->first < ring->last &&
	       frame_of(ring, ring->first)->start < ring->tail)
		ring->first++;
	if (ring->last - ring->first == ring->room && more_room(ring) == -1)
		return -1;
	copy_in(ring, frame);
	*frame_of(ring, ring->last++) = (struct ring_frame){start, id | event};
	return 0;
}

bool
ring_after(const struct ring *ring, uint64_t id, uint64_t *place)
{
	for (uint64_t i = ring->last; id != 0 && i-- > ring->first;) {
		if ((frame_of(ring, i)->id & ~EVENT_BIT) != id)
			continue;
		*place = start_of(ring, i + 1);
		return true;
	}
	return false;
}

uint64_t
ring_back(const struct ring *ring, uint64_t n)
{
	uint64_t number = ring->last, found = ring->last;

	while (n > 0 && number > ring->first) {
		if ((frame_of(ring, --number)->id & EVENT_BIT) == 0)
			continue;
		found = number;
		n--;
	}
	return n > 0 ? ring->tail : start_of(ring, found);
}

uint64_t
ring_frame_start(const struct ring *ring, uint64_t place)
{
	return frame_of(ring, number_at(ring, place))->start;
}

void
ring_chunk(const struct ring *ring, uint64_t place, size_t max,
    struct ring_chunk *chunk)
{
	size_t at = (size_t)(place % ring->size), n;

	chunk->at = place;
	chunk->end = ring->head;
	if (ring->head - place > max) {
		uint64_t number = number_at(ring, place + max);

		if (start_of(ring, number) <= place)
			number++; /* longer than max */
		chunk->end = start_of(ring, number);
	}
	n = (size_t)(chunk->end - place);
	chunk->parts = 1;
	chunk->part[0] = (struct iovec){ring->bytes + at, n};
	if (n <= ring->size - at)
		return;
	chunk->part[0].iov_len = ring->size - at;
	chunk->part[1] = (struct iovec){ring->bytes, n - (ring->size - at)};
	chunk->parts = 2;
}
