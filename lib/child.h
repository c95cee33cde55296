/*
 * child: a command in a process group of its own, its output on a pipe or a
 * pseudo-terminal. A guard process between the two ends it with this process.
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
	/* with CHILD_PTY: as a user has it, with stdin and stderr */
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
	int exit;    /* a socket, readable when it has exited: child_reap */
	int status;  /* once exited: 0-255 as in sh, 128+N for signal N */
	bool exited;
	bool lost; /* the guard was killed: the status is a guess, 137 */
	bool pty;
};

/*
 * Starts argv, found by PATH, and waits until its exec has succeeded. stdin is
 * shared; but instead of a terminal, which would stop a background group, the
 * command gets /dev/null. Signals are as at login. Returns 0; or -1 with errno
 * of what failed, and in child->status what sh would exit with, or 1 if there
 * was nothing to run it with (no process, no descriptor, no terminal).
 *
 * When this process dies, by whatever signal, the guard does what child_stop
 * does. If the guard is killed too, the command alone gets SIGTERM.
 */
int child_start(struct child *child, char *const argv[], int flags);

/*
 * Sends SIGWINCH to the command's process group: a program that draws whole
 * screens draws its screen again, others ignore the signal.
 */
void child_redraw(const struct child *child);

/* Gives the command's pseudo-terminal so many rows, if it is still there. */
void child_resize(const struct child *child, int rows);

/*
 * Takes the command's exit status, without waiting, when child->exit is
 * readable. Returns child->exited; after that child->exit need not be watched.
 */
bool child_reap(struct child *child);

/*
 * Ends the command and its descendants, as guard_keep says, and waits for that:
 * three seconds at most. Closes out, err and exit. Does nothing if exit is -1
 * and guard 0: it was not started.
 */
void child_stop(struct child *child);

/* The same without the wait: child_gone says when it is over, child_stop waits.
 */
void child_end(struct child *child);
bool child_gone(struct child *child);

#endif
