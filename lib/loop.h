/*
 * loop: waits for the next thing to do, one reason per call, and writes to the
 * client on stdout. It handles bytes, descriptors, times and signals, but no
 * events, requests or children. A program has one loop.
 */
#ifndef LOOP_H
#define LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOP_INPUTS 8 /* descriptors that can be watched at a time */

enum loop_reason {
	LOOP_GONE,      /* the client has left */
	LOOP_SIGNAL,    /* the signal loop.signal asks the program to end */
	LOOP_OVER,      /* the time limit of loop_limit has passed */
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
	int64_t written_ns; /* first loop_wait after the last write; 0: none */
	int64_t over_ns;    /* when LOOP_OVER is due */
	size_t inputs;
	size_t turn; /* which input is checked first (round-robin) */
	struct pollfd polls[2 + LOOP_INPUTS];
};

/*
 * Starts the one loop of the process: its clock, stdout unbuffered, handlers
 * for SIGTERM, SIGINT and SIGHUP. No tick, no keepalive, no limit. Returns 0,
 * or -1 with errno.
 */
int loop_init(struct loop *loop);

/* Makes signal give LOOP_SIGNAL. Returns 0, or -1 with errno. */
int loop_catch(int signal);

/* Makes LOOP_OVER due in ns nanoseconds. */
void loop_limit(struct loop *loop, int64_t ns);

/*
 * Watches fd for events of poll(2); events 0 stops that and cannot fail. The
 * caller owns fd. Returns 0, or -1 with errno ENOSPC.
 */
int loop_watch(struct loop *loop, int fd, short events);

/*
 * Blocks until there is a reason and returns it. Level-triggered: a reason is
 * returned again until it is handled (input read, tick_ns moved, something
 * written).
 */
enum loop_reason loop_wait(struct loop *loop);

/*
 * Writes all n bytes to stdout and flushes it; a frame_sink. Before more than
 * 32 KiB a pipe gets a capacity of 128 KiB, if the kernel allows it. Blocks
 * while the client is slow. Returns 0, or -1 with errno: EPIPE or ECONNRESET if
 * the client has left, EINTR if a signal asks the program to end.
 */
int loop_write(void *loop, const char *bytes, size_t n);

#endif
