/*
 * guard: the process between a program and its command. It is the command's
 * parent, and as a subreaper adopts the command's orphans, so that it can end
 * all of them when the program ends, even by SIGKILL.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>
#include <sys/types.h>

struct guard {
	int program;   /* a socket; only the program has its other end */
	int terminal;  /* the command's, held open until that exits; or -1 */
	pid_t command; /* once it runs: its pid, which is its group's too */
	int status;    /* once exited: 0-255 as in sh, 128+N for signal N */
	bool pty;      /* the command has its own terminal and session */
	bool exited;
};

/*
 * Makes this process, which was just forked, a guard, before it starts the
 * command: puts it into its own process group and blocks all signals. Returns
 * 0, or -1 with errno.
 */
int guard_init(void);

/*
 * Reaps children, writes the command's status to the socket when it exits, and
 * when the socket's other end is closed, ends the processes that are left:
 * - SIGTERM (with pty SIGHUP) to the command's group and to each descendant
 *   that left the group, SIGKILL after CHILD_GRACE_MS;
 * - if the command has exited by itself, a descendant in another session (a
 *   daemon) is left alone;
 * - zombies of other parents are ignored;
 * - if /proc is missing, descendants that left the group are not found.
 * Exits when nothing is left, or a second after the SIGKILL. All descriptors
 * but the socket and the terminal are closed. Never returns.
 */
_Noreturn void guard_keep(struct guard *guard);

#endif
