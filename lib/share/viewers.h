/*
 * viewers: the viewers of a channel. Each is a descriptor and a place in the
 * ring, without a buffer of its own. No write blocks: a viewer whose pipe is
 * full lags, until the poller reports room. A viewer is closed if it has left,
 * or if the ring has overwritten its place, even inside an event: the browser
 * drops a partial event, and asks for it again. Encodes nothing but the last
 * retry field.
 */
#ifndef VIEWERS_H
#define VIEWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../poller.h"
#include "ring.h"

/* The lowest eight bits and those from 24 on are the caller's (HANDOVER_*). */
enum viewer_flags {
	VIEWER_HALF = 0x40,    /* if half-closed, it has left: HANDOVER_HALF */
	VIEWER_WAITS = 0x100,  /* for its header: nothing was written to it */
	VIEWER_LAGS = 0x200,   /* it is polled for room */
	VIEWER_LEAVES = 0x400, /* it is closed at the end of this frame */
	VIEWER_GAP = 0x800,    /* the caller's: it must get a gap event */
	VIEWER_NEW = 0x1000,   /* the caller's: it has no id of its place yet */
};

struct rest; /* what a pipe did not take of a greeting */

struct viewer {
	int fd;
	unsigned int flags;
	uint64_t place;
	int64_t over_ns; /* when it is closed, or UTIL_NEVER */
	struct rest *rest;
};

struct viewers {
	struct viewer *all; /* n of them, in no order */
	size_t n;
	size_t lagging;

	int64_t next_over_ns; /* the next over_ns, or UTIL_NEVER */
	uint64_t pushed;      /* the ring's head at the last push */
	bool moved;           /* a viewer took bytes; the caller resets it */
	bool over;            /* viewers that have everything are closed */

	/*
	 * If not NULL: called with to before a viewer that has everything is
	 * closed. Returns false if the viewer was not passed on: it gets a
	 * retry field.
	 */
	bool (*pass)(void *to, const struct viewer *viewer);
	void *to;

	/* the rest is the viewers' own */
	const struct ring *ring;
	int poller;
	int64_t spread_ms; /* base of the last retry field; 0: none */
	size_t *index;     /* position in all, by descriptor */
	size_t room;       /* of all and of index */
};

void viewers_init(struct viewers *viewers, const struct ring *ring, int poller);

/*
 * Adds a viewer, owns its fd from now on, and makes fd non-blocking; a socket
 * buffers at most 64 KiB for a viewer that does not read. Returns 0, or -1 with
 * errno: then fd is closed.
 */
int viewers_add(struct viewers *viewers, const struct viewer *viewer);

/* Closes a viewer at once. The last one of all is moved to its position. */
void viewers_remove(struct viewers *viewers, struct viewer *viewer);

/*
 * A frame's sink, for a viewer's greeting. What its pipe does not take is kept,
 * and written before the frames of the ring. Returns 0, or -1 with errno if the
 * viewer has left, or if something is kept already.
 */
int viewers_write(void *viewer, const char *bytes, size_t n);

/*
 * To be called when a viewer was sent its header: writes the ring from its
 * place on. The viewer may be removed.
 */
void viewers_greeted(struct viewers *viewers, struct viewer *viewer);

/*
 * Writes new frames to viewers that do not lag; closes those that lost events.
 */
void viewers_push(struct viewers *viewers);

/* Handles the poller's events for the viewer with this descriptor. */
void viewers_ready(struct viewers *viewers, int fd, uint32_t events);

/* Writes n bytes, at most PIPE_BUF, to each viewer that has all of the ring. */
void viewers_keepalive(struct viewers *viewers, const char *bytes, size_t n);

/*
 * Closes viewers whose over_ns has passed; one that has a part of an event gets
 * a second more for the rest.
 */
void viewers_expire(struct viewers *viewers, int64_t now_ns);

/*
 * No event will follow: closes each viewer when it has everything, after a
 * random retry field of one to three times spread_ms; none if that is 0.
 */
void viewers_finish(struct viewers *viewers, int64_t spread_ms);

/* The greatest place of a viewer; 0 if there is no viewer. */
uint64_t viewers_foremost(const struct viewers *viewers);

#endif
