/*
 * loop: one ppoll for the client on stdout, the inputs and the times. Signals
 * make a descriptor readable, so that none is missed between the check of a
 * flag and the poll.
 */
#define _GNU_SOURCE /* ppoll, POLLRDHUP, F_SETPIPE_SZ */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proc.h"
#include "util.h"

#define PIPE_SIZE 65536 /* default capacity of a pipe on Linux, in bytes */

enum { VIEWER, SIGNALS, INPUTS }; /* indexes in loop.polls */

/* For the signal handler: nothing else in this file is global. */
static volatile sig_atomic_t ending; /* the signal that asks to end, or 0 */
static int wake = -1;                /* an eventfd */

/*
 * A write that begins to block just after the signal must be interrupted too:
 * SIGALRM is repeated each second until the process has ended.
 */
static void
on_signal(int signal)
{
	const uint64_t one = 1;
	int saved = errno;

	ending = signal;
	(void)alarm(1);
	/* fails only if the eventfd is full: then it is readable anyway */
	if (write(wake, &one, sizeof(one)) == -1 || errno != saved)
		errno = saved;
}

int
loop_catch(int signal)
{
	struct sigaction action = {.sa_handler = on_signal};

	(void)sigemptyset(&action.sa_mask); /* cannot fail */
	return sigaction(signal, &action, NULL);
}

/*
 * If a TCP socket is half closed, the client has left. Other sockets are not
 * checked for that: those of mod_cgid are half closed from the start.
 */
static short
viewer_events(void)
{
	return proc_is_network(STDOUT_FILENO) ? POLLRDHUP : 0;
}

int
loop_init(struct loop *loop)
{
	*loop = (struct loop){.tick_ns = UTIL_NEVER, .over_ns = UTIL_NEVER};
	wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake == -1)
		return -1;
	loop->polls[VIEWER].fd = STDOUT_FILENO;
	loop->polls[VIEWER].events = viewer_events();
	loop->polls[SIGNALS].fd = wake;
	loop->polls[SIGNALS].events = POLLIN;

	/* the frame has its own buffer: each flush is one write */
	(void)setvbuf(stdout, NULL, _IONBF, 0);
	if (loop_catch(SIGALRM) == -1 || loop_catch(SIGTERM) == -1 ||
	    loop_catch(SIGINT) == -1 || loop_catch(SIGHUP) == -1)
		return -1;
	return 0;
}

void
loop_limit(struct loop *loop, int64_t ns)
{
	loop->over_ns = util_now_ns() + ns;
	/* interrupts a write that blocks at that time, as SIGTERM does */
	(void)alarm((unsigned int)(ns / UTIL_SECOND_NS) + 1);
}

int
loop_watch(struct loop *loop, int fd, short events)
{
	struct pollfd *poll = loop->polls + INPUTS;
	size_t i = 0;

	while (i < loop->inputs && poll[i].fd != fd)
		i++;
	if (events == 0) {
		if (i < loop->inputs)
			poll[i] = poll[--loop->inputs];
		return 0;
	}
	if (i == LOOP_INPUTS) {
		errno = ENOSPC;
		return -1;
	}
	poll[i] = (struct pollfd){.fd = fd, .events = events};
	if (i == loop->inputs)
		loop->inputs++;
	return 0;
}

static int64_t
keepalive_due(const struct loop *loop)
{
	if (loop->keepalive_ns == 0)
		return UTIL_NEVER;
	return loop->written_ns + loop->keepalive_ns;
}

static int64_t
earlier(int64_t a_ns, int64_t b_ns)
{
	return a_ns < b_ns ? a_ns : b_ns;
}

/* Sleeps until a descriptor is ready or a time has come. */
static int
sleep_until_due(struct loop *loop)
{
	int64_t due_ns, now_ns = util_now_ns();
	struct timespec left = {0};

	if (loop->written_ns == 0)
		loop->written_ns = now_ns;
	due_ns =
	    earlier(loop->over_ns, earlier(loop->tick_ns, keepalive_due(loop)));
	if (due_ns > now_ns) {
		left.tv_sec = (time_t)((due_ns - now_ns) / UTIL_SECOND_NS);
		left.tv_nsec = (long)((due_ns - now_ns) % UTIL_SECOND_NS);
	}
	return ppoll(loop->polls, (nfds_t)(INPUTS + loop->inputs),
	    due_ns == UTIL_NEVER ? NULL : &left, NULL);
}

/* Finds a ready input, round-robin; false if none is ready. */
static bool
ready_input(struct loop *loop)
{
	for (size_t i = 0; i < loop->inputs; i++) {
		struct pollfd *poll =
		    loop->polls + INPUTS + (loop->turn + i) % loop->inputs;

		if (poll->revents == 0)
			continue;
		loop->turn = (loop->turn + i + 1) % loop->inputs;
		loop->fd = poll->fd;
		return true;
	}
	return false;
}

enum loop_reason
loop_wait(struct loop *loop)
{
	uint64_t signals;
	int64_t now_ns;

	for (;;) {
		if (sleep_until_due(loop) == -1) {
			if (errno == EINTR)
				continue;
			return LOOP_FAILED;
		}
		if (loop->polls[VIEWER].revents != 0)
			return LOOP_GONE;
		if (loop->polls[SIGNALS].revents != 0 &&
		    read(wake, &signals, sizeof(signals)) > 0) {
			loop->signal = ending;
			return LOOP_SIGNAL;
		}
		now_ns = util_now_ns();
		if (now_ns >= loop->over_ns)
			return LOOP_OVER;
		if (now_ns >= loop->tick_ns)
			return LOOP_TICK;
		if (ready_input(loop))
			return LOOP_INPUT;
		if (now_ns >= keepalive_due(loop))
			return LOOP_KEEPALIVE;
	}
}

/* A write failed: waits for room if it can go on. Returns 0 to retry, or -1. */
static int
write_again(const struct loop *loop)
{
	struct pollfd room = loop->polls[VIEWER];

	if (errno == EINTR && !ending)
		return 0;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		return -1;
	/* stdout is non-blocking, and stays so: other processes share it */
	room.events |= POLLOUT;
	if (poll(&room, 1, -1) == -1 && (errno != EINTR || ending))
		return -1;
	return 0;
}

/*
 * Makes a pipe on stdout larger, if that is possible. If a write is more than
 * half of its capacity, reader and writer take turns, on some machines at half
 * the rate.
 */
static void
widen_pipe(void)
{
	if (fcntl(STDOUT_FILENO, F_GETPIPE_SZ) < 2 * PIPE_SIZE)
		(void)fcntl(STDOUT_FILENO, F_SETPIPE_SZ, 2 * PIPE_SIZE);
}

int
loop_write(void *to, const char *bytes, size_t n)
{
	struct loop *loop = to;

	if (n > PIPE_SIZE / 2)
		widen_pipe();
	while (n > 0) {
		size_t done = fwrite(bytes, 1, n, stdout);

		bytes += done;
		n -= done;
		if (n == 0 && fflush(stdout) == 0)
			break;
		if (write_again(loop) == -1)
			return -1;
		clearerr(stdout);
	}
	loop->written_ns = 0;
	return 0;
}
