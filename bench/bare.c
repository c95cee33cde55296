/*
 * bare: the least that a fan-out can cost: a loop of write(2) to so many
 * pipes, whose other ends a second process empties. Prints the CPU time of
 * the loop for each event and pipe.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/util.h"

#define PIPES_MAX 9000
#define BYTES_MAX 65536

static int ends[PIPES_MAX][2];

/* Reads all pipes until their writers are gone. */
static void
empty(uint64_t pipes)
{
	static char bytes[BYTES_MAX];
	struct epoll_event ready[256], want = {.events = EPOLLIN};
	int epoll = epoll_create1(0), n;

	for (uint64_t i = 0; i < pipes; i++) {
		(void)close(ends[i][1]); /* only the writer's may count */
		want.data.fd = ends[i][0];
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, ends[i][0], &want) == -1)
			_exit(1);
	}
	while (pipes > 0 && (n = epoll_wait(epoll, ready, 256, -1)) > 0)
		for (int i = 0; i < n; i++)
			if (read(ready[i].data.fd, bytes, sizeof(bytes)) <= 0) {
				(void)close(ready[i].data.fd); /* its end */
				pipes--;
			}
	_exit(0);
}

static double
cpu_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage); /* cannot fail */
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Returns the CPU microseconds of all writes, or -1. */
static double
fan_out(uint64_t pipes, uint64_t events, int64_t interval_ns, size_t bytes)
{
	static char frame[BYTES_MAX];
	struct timespec pause = {.tv_sec = interval_ns / UTIL_SECOND_NS,
	    .tv_nsec = interval_ns % UTIL_SECOND_NS};
	double before = cpu_us();

	memset(frame, 'x', sizeof(frame));
	for (uint64_t event = 0; event < events; event++) {
		for (uint64_t i = 0; i < pipes; i++)
			if (write(ends[i][1], frame, bytes) != (ssize_t)bytes)
				return -1;
		(void)nanosleep(&pause, NULL); /* a shorter one does no harm */
	}
	return cpu_us() - before;
}

int
main(int argc, char *argv[])
{
	uint64_t pipes, events, bytes;
	int64_t interval_ns;
	double spent_us;
	pid_t reader;

	if (argc != 5 || util_number(argv[1], 1, PIPES_MAX, &pipes) ||
	    util_number(argv[2], 1, 1000000, &events) ||
	    util_seconds(argv[3], 0, 60 * UTIL_SECOND_NS, &interval_ns) ||
	    util_number(argv[4], 1, BYTES_MAX, &bytes)) {
		fputs("usage: bare PIPES EVENTS SECONDS BYTES\n", stderr);
		return 2;
	}
	for (uint64_t i = 0; i < pipes; i++)
		if (pipe(ends[i]) == -1) {
			perror("bare: pipe");
			return 1;
		}
	reader = fork();
	if (reader == -1) {
		perror("bare: fork");
		return 1;
	}
	if (reader == 0)
		empty(pipes);
	for (uint64_t i = 0; i < pipes; i++)
		(void)close(ends[i][0]); /* the reader's */
	spent_us = fan_out(pipes, events, interval_ns, bytes);
	for (uint64_t i = 0; i < pipes; i++)
		(void)close(ends[i][1]); /* ends the reader */
	(void)waitpid(reader, NULL, 0);
	if (spent_us < 0) {
		perror("bare: write");
		return 1;
	}
	printf("cpu_us %.3f\n", spent_us / (double)(pipes * events));
	return 0;
}
