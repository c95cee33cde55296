/*
 * child: a command in a process group of its own, its output on a pipe or a
 * pseudo-terminal. Knows processes and descriptors, nothing of CGI.
 */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#define CHILD_GRACE_MS 2000 /* from the first signal to SIGKILL */

/* The exit status of a command that cannot be run, as in POSIX sh. */
#define CHILD_NOT_FOUND 127
#define CHILD_NOT_EXECUTABLE 126

enum child_flags {
	CHILD_PTY = 1,    /* stdout is a raw pseudo-terminal, TERM=dumb */
	CHILD_STDERR = 2, /* stderr is a pipe of its own; else it is shared */
};

struct child {
	/* of a pseudo-terminal, set before child_start; 0: 80 and 24 */
	unsigned short cols, rows;
	pid_t group; /* of the command, its leader */
	int out;     /* to read its stdout from; -1 once closed */
	int err;     /* likewise its stderr, with CHILD_STDERR; else -1 */
	int status;  /* once exited: 0-255 as in sh, 128+N for signal N */
	bool exited;
	bool pty;
	int terminal; /* the command's end of it, held until it exits; or -1 */
	bool alone;   /* all children of this process are of the command */
};

/*
 * Starts argv, found by PATH, and waits until its exec has succeeded. stdin
 * is shared, unless it is a terminal: the group is in the background there
 * and would be stopped, so it gets /dev/null. Signals are as at login. On
 * Linux it gets a SIGTERM when this process dies. Returns 0; or -1 with
 * errno of what failed, and child->status as sh's exit status for it, or 1
 * where there was nothing to run it with.
 */
int child_start(struct child *child, char *const argv[], int flags);

/*
 * Reaps every child that has ended, without waiting, and takes the command's
 * exit status if it is among them. Returns child->exited. To be called after
 * each SIGCHLD: on Linux, orphans of the command become this process's.
 */
bool child_reap(struct child *child);

/* Closes out or err and makes it -1. */
void child_close(int *fd);

/*
 * Ends the whole group and reaps it: SIGTERM (SIGHUP on a pseudo-terminal),
 * and SIGKILL for what is left after CHILD_GRACE_MS. On Linux, where /proc
 * tells, also what left the group; but a command that has exited by itself may
 * leave processes in sessions of their own, which live on; and where this
 * process had children before the command, orphans that were not seen below
 * the command may be theirs, and are spared. What has ended and awaits a
 * parent that lives on counts as gone. Closes out and err. Returns when nothing
 * is left, at once if that is so already; or a second after the SIGKILL, where
 * that does not help.
 */
void child_stop(struct child *child);

#endif
