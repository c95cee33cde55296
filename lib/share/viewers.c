/*
 * viewers: writes the ring to many descriptors, each at its own place. A write
 * of whole frames is at most PIPE_BUF long, so a pipe takes all of it or
 * nothing: only a longer frame can be taken in part. viewers_remove moves the
 * last viewer, so loops that may remove viewers run from the last one down.
 */
#define _GNU_SOURCE /* EPOLLRDHUP, TCP_CORK */
#include "viewers.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../proc.h"
#include "../util.h"

#define SEND_BUFFER 28672   /* the kernel doubles it, and adds one write */
#define RECEIVE_BUFFER 4096 /* likewise; nothing is read from a viewer */

/* What a pipe did not take of a viewer's greeting. */
struct rest {
	size_t n;
	char bytes[];
};

static const struct ring_chunk no_chunk;

enum outcome {
	DONE,  /* all was taken */
	FULL,  /* its pipe has no more room */
	LEAVE, /* to be closed: it left, was overtaken, or has all */
};

void
viewers_init(struct viewers *viewers, const struct ring *ring, int poller)
{
	*viewers = (struct viewers){
	    .next_over_ns = UTIL_NEVER,
	    .ring = ring,
	    .poller = poller,
	};
}

/*
 * Makes a socket send at once, and bounds what it buffers for a viewer that
 * does not read, and of one that sends. Returns whether it is an internet
 * socket.
 */
static bool
prepare_socket(int fd)
{
	const int on = 1, off = 0, size = SEND_BUFFER, most = RECEIVE_BUFFER;

	/* if a call fails, more is buffered, or it is sent later */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &most, sizeof(most));
	if (!proc_is_network(fd))
		return false;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
	return true;
}

/*
 * The events that are always watched. A half-closed socket is a viewer that
 * left; but those of mod_cgid are half-closed from the start, so only internet
 * sockets and those of door are watched for it.
 */
static uint32_t
leave_events(const struct viewer *viewer)
{
	return viewer->flags & VIEWER_HALF ? EPOLLRDHUP : 0;
}

/* Makes room for one viewer more, and for its descriptor in the index. */
static int
more_room(struct viewers *viewers, int fd)
{
	size_t room = ((size_t)fd + 1) * 2; /* of both: n is at most fd */
	void *all, *index;

	if ((size_t)fd < viewers->room)
		return 0;
	all = realloc(viewers->all, room * sizeof(*viewers->all));
	if (all != NULL)
		viewers->all = all;
	index = realloc(viewers->index, room * sizeof(*viewers->index));
	if (index != NULL)
		viewers->index = index;
	if (all == NULL || index == NULL)
		return -1;
	viewers->room = room;
	return 0;
}

int
viewers_add(struct viewers *viewers, const struct viewer *viewer)
{
	struct viewer new = *viewer;
	int fd = new.fd;

	if (prepare_socket(fd))
		new.flags |= VIEWER_HALF;
	if (poller_set_nonblocking(fd) == -1 || more_room(viewers, fd) == -1 ||
	    poller_watch(
		viewers->poller, fd, POLLER_VIEWER, leave_events(&new)) == -1) {
		proc_close(&fd); /* nothing was written there */
		return -1;
	}
	viewers->index[fd] = viewers->n;
	viewers->all[viewers->n++] = new;
	return 0;
}

void
viewers_remove(struct viewers *viewers, struct viewer *viewer)
{
	struct viewer *last = viewers->all + --viewers->n;

	if (viewer->flags & VIEWER_LAGS)
		viewers->lagging--;
	free(viewer->rest);
	/* closing is not enough if another process has the descriptor too */
	poller_forget(viewers->poller, viewer->fd);
	(void)close(viewer->fd);
	if (viewer == last)
		return;
	*viewer = *last;
	viewers->index[viewer->fd] = (size_t)(viewer - viewers->all);
}

static void
set_lag(struct viewers *viewers, struct viewer *viewer, bool lags)
{
	uint32_t events;

	if (lags == ((viewer->flags & VIEWER_LAGS) != 0))
		return;
	events = leave_events(viewer);
	viewer->flags ^= VIEWER_LAGS;
	viewers->lagging += lags ? 1 : (size_t)-1;
	poller_change(viewers->poller, viewer->fd, POLLER_VIEWER,
	    lags ? events | EPOLLOUT : events);
}

/* What a write returned: the bytes taken, 0 if the pipe is full, or -1. */
static ssize_t
taken(ssize_t n)
{
	return n == -1 && errno == EAGAIN ? 0 : n;
}

static enum outcome
write_rest(struct viewers *viewers, struct viewer *viewer)
{
	struct rest *rest = viewer->rest;
	ssize_t n = taken(write(viewer->fd, rest->bytes, rest->n));

	if (n == -1)
		return LEAVE;
	rest->n -= (size_t)n;
	memmove(rest->bytes, rest->bytes + n, rest->n);
	viewers->moved |= n > 0;
	if (rest->n > 0)
		return FULL;
	free(rest);
	viewer->rest = NULL;
	return DONE;
}

/*
 * Writes from the viewer's place up to the ring's head. chunk is found once for
 * all viewers at the same place.
 */
static enum outcome
write_news(
    struct viewers *viewers, struct viewer *viewer, struct ring_chunk *chunk)
{
	const struct ring *ring = viewers->ring;
	ssize_t n;

	if (viewer->place < ring->tail)
		return LEAVE;
	while (viewer->place < ring->head) {
		if (chunk->at != viewer->place || chunk->parts == 0)
			ring_chunk(ring, viewer->place, PIPE_BUF, chunk);
		n = taken(chunk->parts == 1
			      ? write(viewer->fd, chunk->part[0].iov_base,
				    chunk->part[0].iov_len)
			      : writev(viewer->fd, chunk->part, chunk->parts));
		if (n == -1)
			return LEAVE;
		viewer->place += (uint64_t)n;
		viewers->moved |= n > 0;
		if (viewer->place < chunk->end)
			return FULL;
		if (viewer->flags & VIEWER_LEAVES)
			return LEAVE;
	}
	return DONE;
}

/* Sends a viewer that has everything its retry field, if there is one. */
static void
send_last_retry(struct viewers *viewers, const struct viewer *viewer)
{
	char text[64];
	int64_t ms = viewers->spread_ms;

	if (ms == 0)
		return;
	(void)snprintf(text, sizeof(text), "retry: %jd\n\n",
	    (intmax_t)util_random(ms, 3 * ms));
	/* without room for it, the viewer comes back at its own time */
	(void)taken(write(viewer->fd, text, strlen(text)));
}

/* Writes all that the viewer has not had. The viewer may be removed. */
static void
serve(struct viewers *viewers, struct viewer *viewer, struct ring_chunk chunk)
{
	enum outcome outcome =
	    viewer->rest != NULL ? write_rest(viewers, viewer) : DONE;

	if (outcome == DONE)
		outcome = write_news(viewers, viewer, &chunk);
	if (outcome == DONE && viewers->over) {
		if (viewers->pass == NULL ||
		    !viewers->pass(viewers->to, viewer))
			send_last_retry(viewers, viewer);
		outcome = LEAVE;
	}
	if (outcome == LEAVE)
		viewers_remove(viewers, viewer);
	else
		set_lag(viewers, viewer, outcome == FULL);
}

void
viewers_greeted(struct viewers *viewers, struct viewer *viewer)
{
	viewer->flags &= ~(unsigned int)VIEWER_WAITS;
	viewers->next_over_ns =
	    poller_earlier(viewers->next_over_ns, viewer->over_ns);
	serve(viewers, viewer, no_chunk);
}

void
viewers_push(struct viewers *viewers)
{
	const struct ring *ring = viewers->ring;
	struct ring_chunk first = no_chunk;

	if (ring->head > viewers->pushed)
		ring_chunk(ring, viewers->pushed, PIPE_BUF, &first);
	viewers->pushed = ring->head;
	for (size_t i = viewers->n; i-- > 0;) {
		struct viewer *viewer = viewers->all + i;

		if (viewer->flags & VIEWER_WAITS)
			continue;
		if (viewer->place < ring->tail)
			viewers_remove(viewers, viewer);
		else if (!(viewer->flags & VIEWER_LAGS))
			serve(viewers, viewer, first);
	}
}

void
viewers_ready(struct viewers *viewers, int fd, uint32_t events)
{
	struct viewer *viewer = viewers->all + viewers->index[fd];
	if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP))
		viewers_remove(viewers, viewer);
	else if (events & EPOLLOUT)
		serve(viewers, viewer, no_chunk);
}

int
viewers_write(void *to, const char *bytes, size_t n)
{
	struct viewer *viewer = to;
	ssize_t done;

	errno = EMSGSIZE;
	if (viewer->rest != NULL)
		return -1;
	done = taken(write(viewer->fd, bytes, n));
	if (done == -1 || (size_t)done == n)
		return done == -1 ? -1 : 0;
	n -= (size_t)done;
	viewer->rest = malloc(sizeof(*viewer->rest) + n);
	if (viewer->rest == NULL)
		return -1;
	viewer->rest->n = n;
	memcpy(viewer->rest->bytes, bytes + done, n);
	return 0;
}

void
viewers_keepalive(struct viewers *viewers, const char *bytes, size_t n)
{
	for (size_t i = viewers->n; i-- > 0;) {
		struct viewer *viewer = viewers->all + i;
		ssize_t done;

		if (viewer->flags & (VIEWER_LAGS | VIEWER_WAITS))
			continue;
		done = taken(write(viewer->fd, bytes, n));
		/* only a full socket takes a part: its viewer does not read */
		if (done != 0 && done != (ssize_t)n)
			viewers_remove(viewers, viewer);
	}
}

/*
 * Whether to close a viewer whose time has passed. If it was sent a part of an
 * event, it gets a second more for the rest.
 */
static bool
is_over(const struct ring *ring, struct viewer *viewer)
{
	if (viewer->flags & VIEWER_LEAVES || viewer->place < ring->tail ||
	    viewer->place == ring->head ||
	    ring_frame_start(ring, viewer->place) == viewer->place)
		return true;
	viewer->flags |= VIEWER_LEAVES;
	viewer->over_ns += UTIL_SECOND_NS;
	return false;
}

void
viewers_expire(struct viewers *viewers, int64_t now_ns)
{
	viewers->next_over_ns = UTIL_NEVER;
	for (size_t i = viewers->n; i-- > 0;) {
		struct viewer *viewer = viewers->all + i;

		if (viewer->over_ns <= now_ns && is_over(viewers->ring, viewer))
			viewers_remove(viewers, viewer);
		else
			viewers->next_over_ns = poller_earlier(
			    viewers->next_over_ns, viewer->over_ns);
	}
}

void
viewers_finish(struct viewers *viewers, int64_t spread_ms)
{
	viewers->over = true;
	viewers->spread_ms = spread_ms;
	viewers_push(viewers);
}

uint64_t
viewers_foremost(const struct viewers *viewers)
{
	uint64_t most = 0;

	for (size_t i = 0; i < viewers->n; i++)
		if (viewers->all[i].place > most)
			most = viewers->all[i].place;
	return most;
}
