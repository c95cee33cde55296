/*
 * guard: a small process that outlives its maker by a moment. When that one
 * dies without a word, by SIGKILL, the guard ends the process group that it
 * was told to guard: not only the leader, which the kernel ends.
 */
#ifndef GUARD_H
#define GUARD_H

#include <sys/types.h>

struct guard {
	int pipe; /* -1: there is none */
};

/*
 * Starts the guard, an orphan from the start: none of this process's children,
 * which are a program's, to be ended with it. It keeps no descriptor but its
 * pipe. Returns 0, or -1 with errno.
 */
int guard_start(struct guard *guard);

/* From now on group is guarded. Returns 0, or -1 with errno. */
int guard_watch(const struct guard *guard, pid_t group);

/* The group has ended, or is to live: the guard ends. */
void guard_stop(struct guard *guard);

#endif
