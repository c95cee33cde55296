/*
 * child: runs a command in its own process group, its output on a pipe or a
 * pseudo-terminal. Its parent is a guard process, which ends the command when
 * this process ends.
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
	/* with CHILD_PTY: a terminal as users have it, also stdin and stderr */
	CHILD_TERMINAL = 4,
	CHILD_NULL = 8, /* stdin is /dev/null; else it is shared */
};

struct child {
	/* of a pseudo-terminal, set before child_start */
	unsigned short cols, rows;
	pid_t guard; /* this process's child, or 0; the command is its child */
	pid_t group; /* of the command, which leads it; 0: it does not run */
	int out;     /* to read its stdout from; -1 once closed */
	int err;     /* likewise its stderr, with CHILD_STDERR; else -1 */
	int exit;   /* a socket, readable once the command exited: child_reap */
	int status; /* once exited: 0-255 as in sh, 128+N for signal N */
	bool exited;
	bool lost; /* the guard was killed: status is 137, the true one unknown
		    */
	bool pty;
};

/*
 * Starts argv, found by PATH, and waits until its exec has succeeded. stdin is
 * shared; but if it is a terminal, which would stop a background group, the
 * command gets /dev/null. Signals are as at login. Returns 0; or -1 with errno,
 * and in child->status the exit status of sh for that error, or 1 if no
 * process, descriptor or terminal could be had.
 *
 * When this process dies, by whatever signal, the guard does what child_stop
 * does. If the guard is killed too, only the command itself gets SIGTERM.
 */
int child_start(struct child *child, char *const argv[], int flags);

/*
 * Sends SIGWINCH to the command's process group: a full-screen program draws
 * its screen again, others ignore the signal.
 */
void child_redraw(const struct child *child);

/* Sets the rows of the command's pseudo-terminal, if that is still open. */
void child_resize(const struct child *child, int rows);

/*
 * To be called when child->exit is readable: takes the command's exit status,
 * without blocking. Returns child->exited; once that is true, child->exit need
 * not be watched.
 */
bool child_reap(struct child *child);

/*
 * Ends the command and its descendants, as guard_keep says, and waits for that,
 * at most three seconds. Closes out, err and exit. Does nothing if the command
 * was not started: exit is -1 and guard 0.
 */
void child_stop(struct child *child);

/* Begins child_stop without waiting. Then poll child_gone, or call child_stop.
 */
void child_end(struct child *child);
bool child_gone(struct child *child);

#endif
