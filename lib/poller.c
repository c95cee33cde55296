/*
 * poller: epoll with a kind for each descriptor, and times in nanoseconds.
 */
#include "poller.h"

#include <errno.h>
#include <fcntl.h>

#include "util.h"

#define WAIT_MAX_MS 60000

static int
control(int poller, int how, int fd, enum poller_kind kind, uint32_t events)
{
	struct epoll_event event = {.events = events};

	event.data.u64 = (uint64_t)kind << 32 | (uint32_t)fd;
	return epoll_ctl(poller, how, fd, &event);
}

int
poller_watch(int poller, int fd, enum poller_kind kind, uint32_t events)
{
	return control(poller, EPOLL_CTL_ADD, fd, kind, events);
}

void
poller_change(int poller, int fd, enum poller_kind kind, uint32_t events)
{
	/* cannot fail: it is watched already */
	(void)control(poller, EPOLL_CTL_MOD, fd, kind, events);
}

void
poller_forget(int poller, int fd)
{
	/* fails if it is not watched */
	(void)epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
}

int
poller_wait(int poller, struct epoll_event *events, int max, int64_t due_ns)
{
	int64_t left_ms = WAIT_MAX_MS;
	int n;

	/* rounded up, so as not to return before due_ns */
	if (due_ns < UTIL_NEVER)
		left_ms = (due_ns - util_now_ns() + POLLER_MS - 1) / POLLER_MS;
	if (left_ms < 0)
		left_ms = 0;
	if (left_ms > WAIT_MAX_MS)
		left_ms = WAIT_MAX_MS;
	n = epoll_wait(poller, events, max, (int)left_ms);
	return n == -1 && errno == EINTR ? 0 : n;
}

enum poller_kind
poller_kind(const struct epoll_event *event)
{
	return (enum poller_kind)(event->data.u64 >> 32);
}

int
poller_fd(const struct epoll_event *event)
{
	return (int)(uint32_t)event->data.u64;
}

int64_t
poller_earlier(int64_t a_ns, int64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

int
poller_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags == -1 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}
