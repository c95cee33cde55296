/*
 * loop: waits for the next thing to do, one reason a call, and writes to the
 * client on stdout. It knows bytes, descriptors, times and signals; nothing
 * of events, requests or children. A program has one loop.
 */
#ifndef LOOP_H
#define LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_INPUTS 8 /* descriptors that are watched at a time */

enum loop_reason {
	LOOP_GONE,      /* the client has left */
	LOOP_SIGNAL,    /* loop.signal came: a request to end */
	LOOP_OVER,      /* the time that loop_limit gave has passed */
	LOOP_INPUT,     /* loop.fd is ready */
	LOOP_TICK,      /* the deadline loop.tick_ns has come */
	LOOP_KEEPALIVE, /* nothing was written for keepalive_ns */
	LOOP_FAILED,    /* a system call failed: errno says how */
};

struct loop {
	int64_t tick_ns; /* next tick, on util_now_ns's clock; or UTIL_NEVER */
	int64_t keepalive_ns; /* silence before a keepalive; 0 for never */

	int signal; /* with LOOP_SIGNAL */
	int fd;     /* with LOOP_INPUT */

	/* the rest is the loop's own */
	int64_t written_ns; /* when it waited after a write; 0: not yet */
	int64_t over_ns;    /* when LOOP_OVER is due */
	size_t inputs;
	size_t turn; /* which input is asked first, in fairness */
	struct pollfd polls[2 + LOOP_INPUTS];
};

/*
 * Starts the one loop of the process: its clock, stdout unbuffered, handlers
 * for SIGTERM, SIGINT and SIGHUP. No tick, no keepalive, no limit. Returns 0,
 * or -1 with errno.
 */
int loop_init(struct loop *loop);

/* Makes signal one that asks for the end. Returns 0, or -1 with errno. */
int loop_catch(int signal);

/* LOOP_OVER comes ns from now. */
void loop_limit(struct loop *loop, int64_t ns);

/*
 * Watches fd for poll's events; with 0 no longer. The descriptor stays the
 * caller's. Returns 0, or -1 with errno ENOSPC.
 */
int loop_watch(struct loop *loop, int fd, short events);

/*
 * Blocks until there is a reason and returns it. Level-triggered: a reason is
 * returned again until it is handled (input read, tick_ns moved, something
 * written).
 */
enum loop_reason loop_wait(struct loop *loop);

/*
 * Writes all n bytes to stdout and flushes it; a frame_sink. For more than 32
 * KiB a pipe is made to hold 128 KiB first, if the kernel allows it. Blocks
 * while the client is slow. Returns 0, or -1 with errno: EPIPE or ECONNRESET
 * if the client has left, EINTR if a signal asks for the end.
 */
int loop_write(void *loop, const char *bytes, size_t n);

#endif
