/*
 * poller: the one epoll instance of a process, which is the caller's. What is
 * watched has a kind and a descriptor, which come back with its events. Knows
 * nothing of what is read or written there.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdint.h>
#include <sys/epoll.h>

#define POLLER_MS INT64_C(1000000) /* in nanoseconds */

enum poller_kind {
	POLLER_SIGNALS,
	POLLER_LISTENER,
	POLLER_PENDING, /* a connection without a message so far */
	POLLER_OUTPUT,  /* the program's */
	POLLER_ERRORS,  /* its stderr */
	POLLER_EXIT,    /* it has exited */
	POLLER_HOME,    /* an answer of the home channel */
	POLLER_VIEWER,
};

/* Watches fd for epoll's events. Returns 0, or -1 with errno. */
int poller_watch(int poller, int fd, enum poller_kind kind, uint32_t events);

/* Changes the events of a descriptor that is watched. */
void poller_change(int poller, int fd, enum poller_kind kind, uint32_t events);

/* Watches fd no longer; nothing if it is not watched. */
void poller_forget(int poller, int fd);

/*
 * Waits for events, until due_ns at the latest, or UTIL_NEVER. Returns how many
 * there are, 0 also after a signal; or -1 with errno.
 */
int poller_wait(
    int poller, struct epoll_event *events, int max, int64_t due_ns);

/* What an event is of. */
enum poller_kind poller_kind(const struct epoll_event *event);
int poller_fd(const struct epoll_event *event);

/* The earlier of two times. */
int64_t poller_earlier(int64_t a_ns, int64_t b_ns);

/* Makes fd non-blocking. Returns 0, or -1 with errno. */
int poller_set_nonblocking(int fd);

#endif
