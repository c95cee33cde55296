/*
 * viewers: the viewers of a channel. Each is a descriptor and a place in the
 * ring, without a buffer of its own. No write blocks: a viewer whose pipe is
 * full lags, until the poller says that there is room again. It is closed if it
 * has left or if the ring has lapped it, also inside an event: its browser
 * drops that, and asks for it again. Writes bytes, makes no events but the
 * last retry field.
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
	VIEWER_WAITS = 0x100,  /* for its header: nothing was written to it */
	VIEWER_LAGS = 0x200,   /* the poller is asked for room */
	VIEWER_LEAVES = 0x400, /* it is closed at the end of this frame */
	VIEWER_GAP = 0x800,    /* the caller's: it is owed a gap event */
	VIEWER_NEW = 0x1000,   /* the caller's: it has no id of a place yet */
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
	bool moved; /* a viewer took something; the caller resets it */
	bool over;  /* a viewer that has had everything is closed */

	/*
	 * If not NULL: a viewer that has had everything is not closed but given
	 * to pass, with to. False: it could not be passed on, and is closed.
	 */
	bool (*pass)(void *to, const struct viewer *viewer);
	void *to;

	/* the rest is the viewers' own */
	const struct ring *ring;
	int poller;
	int64_t spread_ms; /* base of the last retry field; 0: none */
	size_t room;
	size_t *index; /* of a descriptor, in all */
	size_t indexes;
	size_t rests; /* bytes of all */
};

void viewers_init(struct viewers *viewers, const struct ring *ring, int poller);

/* Closes all of them, as they are, and frees the rest. */
void viewers_free(struct viewers *viewers);

/*
 * Takes a viewer, whose fd it owns from now on, and makes fd non-blocking.
 * Returns 0, or -1 with errno: then fd is closed.
 */
int viewers_add(struct viewers *viewers, const struct viewer *viewer);

/* Closes a viewer as it is. The last one of all takes its place there. */
void viewers_remove(struct viewers *viewers, struct viewer *viewer);

/*
 * Writes n bytes of a viewer's greeting. What its pipe does not take is kept,
 * and written before what the ring has. Returns 0, or -1 with errno: it has
 * left, or that is too much.
 */
int viewers_write(struct viewers *viewers, struct viewer *viewer,
    const char *bytes, size_t n);

/*
 * A viewer has had its header: it gets what the ring has from its place on. It
 * may be removed by that.
 */
void viewers_greeted(struct viewers *viewers, struct viewer *viewer);

/* Writes what is new in the ring to all that do not lag; closes the lapped. */
void viewers_push(struct viewers *viewers);

/* The poller had events for the viewer with this descriptor. */
void viewers_ready(struct viewers *viewers, int fd, uint32_t events);

/* n bytes, at most PIPE_BUF, to each viewer that has had all of the ring. */
void viewers_keepalive(struct viewers *viewers, const char *bytes, size_t n);

/* Closes those whose time is over. */
void viewers_expire(struct viewers *viewers, int64_t now_ns);

/*
 * Nothing comes any more: each is closed when it has had everything, after
 * a retry field of its own from one to three times spread_ms, if not 0.
 */
void viewers_finish(struct viewers *viewers, int64_t spread_ms);

/* The place of the viewer that has had most; 0 if there is none. */
uint64_t viewers_foremost(const struct viewers *viewers);

#endif
