/*
 * pending: accepts connections and waits for the message of each, with a
 * limit of time and number. It answers nobody, and leaves viewers to others.
 */
#define _GNU_SOURCE /* accept4 */
#include "pending.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../poller.h"
#include "../util.h"
#include "sockdir.h"

#define MESSAGE_NS (5000 * POLLER_MS) /* for a connection's message */
#define FULL_NS (1000 * POLLER_MS)    /* if no descriptor is left */

int
pending_init(struct pending *pending, int listener, int poller)
{
	pending->listener = listener;
	pending->poller = poller;
	pending->open_ns = POLLER_NEVER;
	pending->n = 0;
	return poller_watch(poller, listener, POLLER_LISTENER, EPOLLIN);
}

/* Not pending any more; the descriptor stays. */
static void
take_out(struct pending *pending, size_t i)
{
	poller_forget(pending->poller, pending->all[i].fd);
	for (pending->n--; i < pending->n; i++)
		pending->all[i] = pending->all[i + 1];
}

static void
drop(struct pending *pending, size_t i)
{
	int fd = pending->all[i].fd;

	take_out(pending, i);
	(void)close(fd); /* the client sees it, and tries again */
}

/* It waits for its message, in the place of the oldest of too many. */
static void
add(struct pending *pending, int fd)
{
	if (pending->n == PENDING_MAX)
		drop(pending, 0);
	if (poller_watch(pending->poller, fd, POLLER_PENDING, EPOLLIN) == -1) {
		(void)close(fd);
		return;
	}
	pending->all[pending->n++] =
	    (struct pending_connection){fd, util_now_ns() + MESSAGE_NS};
}

/* Returns 1 with a message; 0 if there is none yet; -1 if none will come. */
static int
receive(int fd, struct pending_request *request)
{
	request->fd = fd;
	if (handover_receive(fd, &request->message, &request->viewer) == 0)
		return 1;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

static bool
asks_to_quit(struct pending_request *request)
{
	if ((request->message.flags & HANDOVER_QUIT) == 0)
		return false;
	request->fd = -1;
	return true;
}

/* A connection has its message, or has ended. */
static int
next_of(struct pending *pending, size_t i, struct pending_request *request)
{
	int result = receive(pending->all[i].fd, request);

	if (result == -1)
		drop(pending, i);
	else if (result == 1 && !asks_to_quit(request))
		take_out(pending, i);
	return result == 1;
}

static int
accept_next(struct pending *pending, struct pending_request *request)
{
	for (int i = 0; i < PENDING_MAX; i++) {
		int result = -1, fd = accept4(pending->listener, NULL, NULL,
				     SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd == -1 && errno != EAGAIN && util_scarce(errno)) {
			poller_forget(pending->poller, pending->listener);
			pending->open_ns = util_now_ns() + FULL_NS;
		}
		if (fd == -1)
			return 0;
		if (sockdir_same_user(fd))
			result = receive(fd, request);
		if (result == -1)
			(void)close(fd);
		else if (result == 0 || asks_to_quit(request))
			add(pending, fd);
		if (result == 1)
			return 1;
	}
	return 0;
}

int
pending_next(struct pending *pending, int fd, struct pending_request *request)
{
	if (fd == pending->listener)
		return accept_next(pending, request);
	for (size_t i = 0; i < pending->n; i++)
		if (pending->all[i].fd == fd)
			return next_of(pending, i, request);
	return 0;
}

int64_t
pending_due(const struct pending *pending)
{
	/* the first one is the oldest */
	return pending->n == 0
		   ? pending->open_ns
		   : poller_earlier(pending->open_ns, pending->all[0].until_ns);
}

void
pending_expire(struct pending *pending, int64_t now_ns)
{
	while (pending->n > 0 && pending->all[0].until_ns <= now_ns)
		drop(pending, 0);
	if (pending->open_ns > now_ns)
		return;
	pending->open_ns = now_ns + FULL_NS;
	if (poller_watch(pending->poller, pending->listener, POLLER_LISTENER,
		EPOLLIN) == 0)
		pending->open_ns = POLLER_NEVER;
}

void
pending_close(struct pending *pending)
{
	int fd;

	if (pending->listener == -1)
		return;
	while (
	    (fd = accept4(pending->listener, NULL, NULL, SOCK_CLOEXEC)) != -1)
		(void)close(fd);
	poller_forget(pending->poller, pending->listener);
	(void)close(pending->listener);
	pending->listener = -1;
	pending->open_ns = POLLER_NEVER;
	while (pending->n > 0)
		drop(pending, 0);
}
