/*
 * poller: watches descriptors with the process's one epoll instance, which the
 * caller owns. Each event has the kind and the descriptor that were given.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdint.h>
#include <sys/epoll.h>

#define POLLER_MS INT64_C(1000000) /* one millisecond, in nanoseconds */

enum poller_kind {
	POLLER_SIGNALS,
	POLLER_LISTENER,
	POLLER_PENDING, /* a connection that has sent no message yet */
	POLLER_OUTPUT,  /* the producer's stdout */
	POLLER_ERRORS,  /* the producer's stderr */
	POLLER_EXIT,    /* the producer has exited */
	POLLER_HOME,    /* an answer from the home channel */
	POLLER_VIEWER,
};

/* Watches fd for events of epoll(7). Returns 0, or -1 with errno. */
int poller_watch(int poller, int fd, enum poller_kind kind, uint32_t events);

/* Changes the events of a descriptor that is watched. */
void poller_change(int poller, int fd, enum poller_kind kind, uint32_t events);

/* Stops watching fd, if it is watched. */
void poller_forget(int poller, int fd);

/*
 * Waits for events until due_ns at the latest; UTIL_NEVER: no limit. Returns
 * how many there are, which is 0 after a signal too; or -1 with errno.
 */
int poller_wait(
    int poller, struct epoll_event *events, int max, int64_t due_ns);

/* The kind and the descriptor of an event. */
enum poller_kind poller_kind(const struct epoll_event *event);
int poller_fd(const struct epoll_event *event);

/* The earlier of two times. */
int64_t poller_earlier(int64_t a_ns, int64_t b_ns);

/* Makes fd non-blocking. Returns 0, or -1 with errno. */
int poller_set_nonblocking(int fd);

#endif
