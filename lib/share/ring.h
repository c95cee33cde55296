/*
 * ring: the newest frames of a stream in a ring of bytes, with a digest of each
 * one's id. A place is a count of bytes since the stream began, so it never
 * wraps. A viewer whose place is below the tail has lost events. It does no
 * I/O.
 */
#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../frame.h"

struct ring_frame {
	uint64_t start; /* the place where it begins */
	uint64_t id;    /* ring_digest of its id; lowest bit: it is an event */
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

/* The bytes of one write: whole frames, or the rest of one. */
struct ring_chunk {
	uint64_t at;
	uint64_t end;
	struct iovec part[2]; /* in the ring; valid until the next ring_put */
	int parts;
};

/*
 * Makes a ring of size bytes, which is never freed. Returns 0, or -1 with errno
 * ENOMEM.
 */
int ring_init(struct ring *ring, size_t size);

/* A digest of id, even and not 0; of an empty id, 0. */
uint64_t ring_digest(struct bytes id);

/* The tail after a ring_put of n bytes. */
uint64_t ring_tail_for(const struct ring *ring, size_t n);

/*
 * Puts a frame, and drops the oldest ones as needed. id is a digest; event:
 * ring_back counts it. Returns 0, or -1 with errno ENOMEM, or EMSGSIZE if the
 * frame is too large.
 */
int ring_put(struct ring *ring, struct bytes frame, uint64_t id, bool event);

/* Sets *place after the newest frame with this id; false: there is none. */
bool ring_after(const struct ring *ring, uint64_t id, uint64_t *place);

/* The place of the nth newest event, or the tail. */
uint64_t ring_back(const struct ring *ring, uint64_t n);

/* The place of the frame to which the byte at a place belongs. */
uint64_t ring_frame_start(const struct ring *ring, uint64_t place);

/*
 * The bytes from place, which is not below the tail and is below the head: as
 * many whole frames as fit into max bytes, or the rest of a longer frame.
 */
void ring_chunk(const struct ring *ring, uint64_t place, size_t max,
    struct ring_chunk *chunk);

#endif
