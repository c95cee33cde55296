/*
 * door: takes the requests that come to a listening socket, SCGI or HTTP, and
 * brings each viewer to the channel, which is a process of its own, as a CGI
 * process would. A viewer that the channel takes at once costs no process;
 * else one is forked for it. Other requests are answered here. Nobody holds
 * up others, and what a client can make it keep is bounded.
 */
#ifndef DOOR_H
#define DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../stream.h"
#include "handover.h"
#include "sockdir.h"

#define DOOR_MAX 256         /* connections that are not handed over */
#define DOOR_CHILDREN_MAX 32 /* processes for those that need one */

/* A connection, from accept(2) until it is handed over or closed. */
struct visitor {
	int fd;
	int channel; /* that it was sent to: its answer comes; or -1 */
	int64_t until_ns;
	bool waits;    /* its request is complete, and a process not free */
	bool answered; /* what it still sends is taken until it closes */
	struct cgi_request request; /* its strings are in bytes */
	char *bytes;                /* n of the request; or NULL */
	size_t n;
};

struct door {
	/* the caller's */
	struct stream *stream;           /* says how requests are answered */
	const char *key;                 /* the channel's */
	struct handover_message message; /* flags and replay of each viewer */
	/*
	 * Called in a child for one viewer, whose request is the stream's, and
	 * stdin and stdout its connection.
	 */
	void (*visit)(void *to);
	void *to;

	/* the rest is the door's own */
	int listener;
	int64_t open_ns; /* when it accepts again, or UTIL_NEVER: it does */
	int poller;
	int children;
	struct sockdir sockdir; /* fd is -1 if it is not open */
	size_t n;
	struct visitor all[DOOR_MAX]; /* the oldest first */
};

/* Whether fd is a listening socket. */
bool door_listens(int fd);

/* Those flags of a viewer that are of the stream's request. */
uint32_t door_flags(const struct stream *stream);

/*
 * Serves until a signal ends this process, which nothing that was handed over
 * depends on. Makes listener non-blocking. Returns -1 with errno if it cannot
 * go on.
 */
int door_serve(struct door *door, int listener);

#endif
