/*
 * ring: the newest frames of a stream in a ring of bytes, with a digest of
 * each one's id. A place is a count of bytes since the stream began, so it
 * never wraps; a viewer is such a place. It does no I/O and knows nothing of
 * viewers: who is behind the tail has lost its place.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../frame.h"

struct ring_frame {
	uint64_t start; /* its place */
	uint64_t id;    /* ring_digest of its id; its lowest bit: an event */
};

struct ring {
	size_t size;
	uint64_t tail; /* the place of the oldest frame */
	uint64_t head; /* the place of the next frame */

	/* the rest is the ring's own */
	char *bytes;
	struct ring_frame *frames; /* number i is at i % room */
	size_t room;               /* a power of 2 */
	uint64_t first;            /* number of the oldest frame */
	uint64_t last;             /* number of the next frame */
};

/* What one write hands on: whole frames, or the rest of one. */
struct ring_chunk {
	uint64_t at;
	uint64_t end;
	struct iovec part[2]; /* in the ring: until the next ring_put */
	int parts;
};

/*
 * A ring of size bytes. Returns 0, or -1 with errno ENOMEM. ring_free is due
 * either way.
 */
int ring_init(struct ring *ring, size_t size);

void ring_free(struct ring *ring);

/* A digest of id, even and not 0; of an empty id, 0. */
uint64_t ring_digest(struct bytes id);

/* Where the tail will be when a frame of n bytes was put. */
uint64_t ring_tail_for(const struct ring *ring, size_t n);

/*
 * Puts a frame, and drops the oldest ones as needed. id is a digest; event: it
 * is one that ring_back counts. Returns 0, or -1 with errno ENOMEM, or EMSGSIZE
 * if it is too large.
 */
int ring_put(struct ring *ring, struct bytes frame, uint64_t id, bool event);

/* The place after the newest frame with this id; false: there is none. */
bool ring_after(const struct ring *ring, uint64_t id, uint64_t *place);

/* The place of the nth newest event, or the tail. */
uint64_t ring_back(const struct ring *ring, uint64_t n);

/* The place of the frame that the byte at a place below the head is of. */
uint64_t ring_frame_start(const struct ring *ring, uint64_t place);

/*
 * The bytes from place, which is not below the tail and is below the head:
 * as many whole frames as make at most max bytes, or one frame to its end.
 */
void ring_chunk(const struct ring *ring, uint64_t place, size_t max,
    struct ring_chunk *chunk);

#endif
