/*
 * viewers: writes the ring to many descriptors, each at its own place. A write
 * of whole frames is at most PIPE_BUF long, so a pipe takes all of it or
 * nothing: only a longer frame can be taken in part. A removed viewer's entry
 * is taken by the last one, so whatever may remove viewers goes from the last
 * one down.
 */
#define _GNU_SOURCE /* EPOLLRDHUP */
#include "viewers.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../util.h"

/* What a pipe did not take of a viewer's greeting. */
struct rest {
	size_t had;
	size_t n;
	char bytes[];
};

enum outcome {
	DONE,  /* all was taken */
	FULL,  /* its pipe has no more room */
	LEAVE, /* it is to be closed: it left, was lapped, or has all */
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

void
viewers_free(struct viewers *viewers)
{
	while (viewers->n > 0)
		viewers_remove(viewers, viewers->all);
	free(viewers->all);
	free(viewers->index);
}

/*
 * What is watched always. A half-closed socket is a viewer that left, but
 * those of mod_cgid are so from the start: only a network's count.
 */
static uint32_t
leave_events(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t n = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &n) == 0 &&
	    (address.ss_family == AF_INET || address.ss_family == AF_INET6))
		return EPOLLRDHUP;
	return 0;
}

/* Room for one viewer more, and for its descriptor in the index. */
static int
more_room(struct viewers *viewers, int fd)
{
	size_t room = viewers->room * 2 + 16;
	size_t indexes = ((size_t)fd + 1) * 2;
	void *new;

	if (viewers->n == viewers->room) {
		new = realloc(viewers->all, room * sizeof(*viewers->all));
		if (new == NULL)
			return -1;
		viewers->all = new;
		viewers->room = room;
	}
	if ((size_t)fd >= viewers->indexes) {
		new =
		    realloc(viewers->index, indexes * sizeof(*viewers->index));
		if (new == NULL)
			return -1;
		viewers->index = new;
		viewers->indexes = indexes;
	}
	return 0;
}

int
viewers_add(struct viewers *viewers, const struct viewer *viewer)
{
	int fd = viewer->fd, error;

	if (poller_set_nonblocking(fd) == -1 || more_room(viewers, fd) == -1 ||
	    poller_watch(
		viewers->poller, fd, POLLER_VIEWER, leave_events(fd)) == -1) {
		error = errno;
		(void)close(fd); /* nothing was written there */
		errno = error;
		return -1;
	}
	viewers->index[fd] = viewers->n;
	viewers->all[viewers->n++] = *viewer;
	return 0;
}

static void
free_rest(struct viewers *viewers, struct viewer *viewer)
{
	if (viewer->rest == NULL)
		return;
	/* in a loop the analyzer takes the next viewer here for this one */
	viewers->rests -= viewer->rest->n; /* NOLINT(clang-analyzer-*) */
	free(viewer->rest);
	viewer->rest = NULL;
}

void
viewers_remove(struct viewers *viewers, struct viewer *viewer)
{
	struct viewer *last = viewers->all + --viewers->n;

	if (viewer->flags & VIEWER_LAGS)
		viewers->lagging--;
	free_rest(viewers, viewer);
	/*
	 * Asked for, as close alone forgets a descriptor only if nobody
	 * else has it. What could not be written is the reader's loss.
	 */
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
	events = leave_events(viewer->fd);
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
	/* as in free_rest: NOLINTNEXTLINE(clang-analyzer-*) */
	size_t left = rest->n - rest->had;
	ssize_t n = taken(write(viewer->fd, rest->bytes + rest->had, left));

	if (n == -1)
		return LEAVE;
	rest->had += (size_t)n;
	viewers->moved |= n > 0;
	if ((size_t)n < left)
		return FULL;
	free_rest(viewers, viewer);
	return DONE;
}

/*
 * Writes from the viewer's place up to the ring's head. chunk is what
 * viewers at the same place have in common, found once.
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

/* It has had everything, and nothing comes any more. */
static void
send_last_retry(struct viewers *viewers, const struct viewer *viewer)
{
	char text[64];
	int64_t ms = viewers->spread_ms;

	if (ms == 0)
		return;
	(void)snprintf(text, sizeof(text), "retry: %jd\n\n",
	    (intmax_t)util_random(ms, 3 * ms));
	/* if it finds no room, the viewer comes back at its own time */
	(void)taken(write(viewer->fd, text, strlen(text)));
}

/* Writes what there is. The viewer may be removed. */
static void
serve(struct viewers *viewers, struct viewer *viewer, struct ring_chunk *chunk)
{
	enum outcome outcome =
	    viewer->rest != NULL ? write_rest(viewers, viewer) : DONE;

	if (outcome == DONE)
		outcome = write_news(viewers, viewer, chunk);
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
	struct ring_chunk chunk = {.parts = 0};

	viewer->flags &= ~(unsigned int)VIEWER_WAITS;
	viewers->next_over_ns =
	    poller_earlier(viewers->next_over_ns, viewer->over_ns);
	serve(viewers, viewer, &chunk);
}

void
viewers_push(struct viewers *viewers)
{
	const struct ring *ring = viewers->ring;
	struct ring_chunk first = {.parts = 0}, chunk;

	if (ring->head > viewers->pushed)
		ring_chunk(ring, viewers->pushed, PIPE_BUF, &first);
	viewers->pushed = ring->head;
	for (size_t i = viewers->n; i-- > 0;) {
		struct viewer *viewer = viewers->all + i;

		if (viewer->flags & VIEWER_WAITS)
			continue;
		chunk = first;
		if (viewer->place < ring->tail)
			viewers_remove(viewers, viewer);
		else if (!(viewer->flags & VIEWER_LAGS))
			serve(viewers, viewer, &chunk);
	}
}

void
viewers_ready(struct viewers *viewers, int fd, uint32_t events)
{
	struct viewer *viewer = viewers->all + viewers->index[fd];
	struct ring_chunk chunk = {.parts = 0};

	if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP))
		viewers_remove(viewers, viewer);
	else if (events & EPOLLOUT)
		serve(viewers, viewer, &chunk);
}

int
viewers_write(
    struct viewers *viewers, struct viewer *viewer, const char *bytes, size_t n)
{
	struct rest *rest;
	ssize_t done;

	errno = EMSGSIZE;
	if (viewer->rest != NULL)
		return -1;
	done = taken(write(viewer->fd, bytes, n));
	if (done == -1 || (size_t)done == n)
		return done == -1 ? -1 : 0;
	n -= (size_t)done;
	errno = ENOBUFS;
	if (viewers->rests + n > viewers->ring->size)
		return -1;
	rest = malloc(sizeof(*rest) + n);
	if (rest == NULL)
		return -1;
	rest->had = 0;
	rest->n = n;
	memcpy(rest->bytes, bytes + done, n);
	viewer->rest = rest;
	viewers->rests += n;
	return 0;
}

void
viewers_keepalive(struct viewers *viewers, const char *bytes, size_t n)
{
	for (size_t i = viewers->n; i-- > 0;) {
		struct viewer *viewer = viewers->all + i;

		if (!(viewer->flags & (VIEWER_LAGS | VIEWER_WAITS)) &&
		    taken(write(viewer->fd, bytes, n)) == -1)
			viewers_remove(viewers, viewer);
	}
}

/*
 * Its time is over. True: it is gone; else it leaves at the frame's end, for
 * which it has a second.
 */
static bool
expire(struct viewers *viewers, struct viewer *viewer)
{
	const struct ring *ring = viewers->ring;

	if (viewer->flags & VIEWER_LEAVES || viewer->place < ring->tail ||
	    viewer->place == ring->head ||
	    ring_frame_start(ring, viewer->place) == viewer->place) {
		viewers_remove(viewers, viewer);
		return true;
	}
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

		if (viewer->over_ns > now_ns || !expire(viewers, viewer))
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
