/*
 * guard: the process between a program and the command that it runs, so that
 * nothing of the command outlives the program, also where that is killed with
 * SIGKILL. It is the command's parent, and what loses its parent below it
 * becomes its child (a subreaper). Knows processes, nothing of what they say.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <sys/types.h>

struct guard {
	int program;   /* a socket, whose other end the program alone has */
	int terminal;  /* the command's, held until it exits; or -1 */
	pid_t command; /* once it runs: its number, and that of its group */
	int status;    /* once exited: 0-255 as in sh, 128+N for signal N */
	bool pty;      /* the command has a terminal and session of its own */
	bool exited;
};

/*
 * Makes this process, which was just forked, a guard: before it starts the
 * command. It leaves its group, and blocks all signals. Returns 0, or -1 with
 * errno.
 */
int guard_init(void);

/*
 * Reaps what ends. When the command exits, its status is written to the socket.
 * When the socket's other end is closed, ends all that is left: SIGTERM (SIGHUP
 * with pty) to the group and to what left it, and SIGKILL after CHILD_GRACE_MS;
 * but a command that has exited by itself may leave processes in sessions of
 * their own, which live on. What has ended and awaits a parent that lives on
 * counts as gone. Where /proc does not tell, what left the group is not found.
 * Exits when nothing is left; or a second after the SIGKILL, where that does
 * not help. All descriptors but the two are closed.
 */
_Noreturn void guard_keep(struct guard *guard);

#endif
