/*
 * door: accepts requests at a listening socket, SCGI or HTTP, and hands each
 * viewer to the channel, which is a process of its own, as a CGI process would.
 * If the channel takes the viewer at once, no process is needed; else one is
 * forked for that viewer. Other requests are answered here. No client delays
 * another, and the memory for each is bounded.
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
#define DOOR_WAITING_MAX 128 /* that wait for a process, with -f */

/* A connection, from accept(2) until it is handed over or closed. */
struct visitor {
	int fd;
	int channel; /* the connection on which the channel answers, or -1 */
	int64_t until_ns; /* the time limit of the step that it is at */
	bool waits;    /* its request is complete, but all children are busy */
	bool further;  /* only a child can bring it to a channel: -f */
	bool answered; /* its input is read and dropped until it closes */
	struct cgi_request request; /* its strings are in bytes */
	char *bytes;                /* n bytes of the request; or NULL */
	size_t n;
};

struct door {
	/* the caller's */
	struct stream *stream;           /* the options of all answers */
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
	int64_t open_ns; /* when it accepts again; UTIL_NEVER if it does now */
	int64_t warn_ns; /* when it may warn again */
	int poller;
	int children;
	struct sockdir sockdir; /* fd is -1 if it is not open */
	size_t n;
	struct visitor all[DOOR_MAX]; /* the oldest first */
};

/* Whether fd is a listening socket. */
bool door_listens(int fd);

/* The flags of a handover that follow from the stream's request. */
uint32_t door_flags(const struct stream *stream);

/*
 * Serves until a signal ends this process; viewers that were handed over stay.
 * Makes listener non-blocking. Returns -1 with errno if it cannot go on.
 */
int door_serve(struct door *door, int listener);

#endif
