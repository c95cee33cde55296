/*
 * child: forks the guard, which starts the command and ends it.
 */
#define _GNU_SOURCE /* pipe2, TIOCSCTTY, struct winsize */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "guard.h"
#include "proc.h"

/* [0] is this process's end, [1] the command's or its guard's. */
struct ends {
	int out[2];
	int err[2];
	int guard[2]; /* its first bytes are struct started */
};

/* Opens pty[0], the master, and pty[1], the slave; raw: no byte is changed. */
static int
open_pty(int pty[2], const struct child *child, bool raw)
{
	struct winsize size = {.ws_row = child->rows, .ws_col = child->cols};
	struct termios mode;
	const char *name;

	pty[0] = posix_openpt(O_RDWR | O_NOCTTY);
	if (pty[0] == -1 || fcntl(pty[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    grantpt(pty[0]) == -1 || unlockpt(pty[0]) == -1 ||
	    (name = ptsname(pty[0])) == NULL)
		return -1;
	pty[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (pty[1] == -1 || tcgetattr(pty[1], &mode) == -1)
		return -1;
	mode.c_iflag = 0;
	mode.c_oflag = 0;
	mode.c_lflag = 0;
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	if (raw && tcsetattr(pty[1], TCSANOW, &mode) == -1)
		return -1;
	return ioctl(pty[1], TIOCSWINSZ, &size);
}

static int
open_ends(struct ends *ends, const struct child *child, int flags)
{
	bool raw = !(flags & CHILD_TERMINAL);

	if (flags & CHILD_PTY ? open_pty(ends->out, child, raw) == -1
			      : pipe2(ends->out, O_CLOEXEC) == -1)
		return -1;
	if (flags & CHILD_STDERR && pipe2(ends->err, O_CLOEXEC) == -1)
		return -1;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends->guard);
}

/* Has the kernel send the command SIGTERM if the guard is killed. */
static int
die_with(pid_t guard)
{
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		return -1;
	errno = ESRCH;
	return getppid() == guard ? 0 : -1;
}

/* In the command's process, before the exec. Returns 0, or -1 with errno. */
static int
prepare(const struct ends *ends, int flags, pid_t guard)
{
	int null;

	if (flags & CHILD_PTY) {
		if (setsid() == -1 || ioctl(ends->out[1], TIOCSCTTY, 0) == -1 ||
		    setenv("TERM",
			flags & CHILD_TERMINAL ? "xterm-256color" : "dumb",
			1) == -1)
			return -1;
	} else if (setpgid(0, 0) == -1) {
		return -1;
	}
	if (flags & CHILD_TERMINAL) {
		if (dup2(ends->out[1], STDIN_FILENO) == -1)
			return -1;
	} else if (flags & CHILD_NULL || isatty(STDIN_FILENO)) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null == -1 || dup2(null, STDIN_FILENO) == -1)
			return -1;
	}
	if (dup2(ends->out[1], STDOUT_FILENO) == -1)
		return -1;
	if (flags & CHILD_STDERR ? dup2(ends->err[1], STDERR_FILENO) == -1
				 : flags & CHILD_TERMINAL &&
				       dup2(ends->out[1], STDERR_FILENO) == -1)
		return -1;
	return die_with(guard) == -1 ? -1 : proc_default_signals();
}

/* What the guard writes first to its socket. */
struct started {
	pid_t command; /* or -1 */
	int error;     /* errno of the exec; negated: of a step before it */
};

/* In the guard: starts the command and waits for its exec. */
static void
start_command(struct started *started, char *const argv[],
    const struct ends *ends, int flags)
{
	const pid_t guard = getpid();
	int report[2], error;

	if (pipe2(report, O_CLOEXEC) == -1 ||
	    (started->command = fork()) == -1) {
		started->error = -errno;
		return;
	}
	if (started->command == 0) {
		if (prepare(ends, flags, guard) == -1) {
			error = -errno;
		} else {
			(void)execvp(argv[0], argv); /* returns on failure */
			error = errno;
		}
		_exit(write(report[1], &error, sizeof(error)) == -1);
	}
	proc_close(&report[1]);
	/* a successful exec closes the pipe: nothing is read */
	(void)!read(report[0], &started->error, sizeof(int));
	proc_close(&report[0]);
}

static _Noreturn void
run_guard(char *const argv[], const struct ends *ends, int flags)
{
	struct guard guard = {
	    .program = ends->guard[1],
	    .terminal = flags & CHILD_PTY ? ends->out[1] : -1,
	    .pty = (flags & CHILD_PTY) != 0,
	};
	struct started started = {-1, 0};

	if (guard_init() == 0)
		start_command(&started, argv, ends, flags);
	else
		started.error = -errno;
	/* if the write fails, the program reads only the end of file */
	if (write(guard.program, &started, sizeof(started)) == -1 ||
	    started.error != 0)
		_exit(EXIT_FAILURE);
	guard.command = started.command;
	guard_keep(&guard);
}

static void
wait_for_guard(const struct child *child)
{
	while (waitpid(child->guard, NULL, 0) == -1 && errno == EINTR)
		;
}

/* Waits for the command's exec. Returns 0, or -1 with errno. */
static int
wait_for_exec(struct child *child, int fd)
{
	struct started started = {-1, -EIO}; /* stays if the guard is killed */

	while (read(fd, &started, sizeof(started)) == -1 && errno == EINTR)
		;
	child->group = started.command;
	if (started.error == 0)
		return 0;
	wait_for_guard(child);
	if (started.error == ENOENT || started.error == ENOTDIR)
		child->status = CHILD_NOT_FOUND;
	else if (started.error > 0)
		child->status = CHILD_NOT_EXECUTABLE;
	errno = abs(started.error);
	return -1;
}

int
child_start(struct child *child, char *const argv[], int flags)
{
	struct ends ends = {{-1, -1}, {-1, -1}, {-1, -1}};

	*child = (struct child){.cols = child->cols,
	    .rows = child->rows,
	    .out = -1,
	    .err = -1,
	    .exit = -1};
	child->pty = (flags & CHILD_PTY) != 0;
	child->status = EXIT_FAILURE;
	if (open_ends(&ends, child, flags) == -1 ||
	    (child->guard = fork()) == -1)
		goto fail;
	if (child->guard == 0)
		run_guard(argv, &ends, flags);
	proc_close(&ends.out[1]);
	proc_close(&ends.err[1]);
	proc_close(&ends.guard[1]);
	if (wait_for_exec(child, ends.guard[0]) == -1)
		goto fail;
	child->out = ends.out[0];
	child->err = ends.err[0];
	child->exit = ends.guard[0];
	return 0;

fail:
	for (int i = 0; i < 2; i++) {
		proc_close(&ends.out[i]);
		proc_close(&ends.err[i]);
		proc_close(&ends.guard[i]);
	}
	child->guard = child->group = 0;
	return -1;
}

void
child_resize(const struct child *child, int rows)
{
	struct winsize size = {
	    .ws_row = (unsigned short)rows, .ws_col = child->cols};

	/* fails if the command has closed its terminal */
	(void)ioctl(child->out, TIOCSWINSZ, &size);
}

void
child_redraw(const struct child *child)
{
	if (child->group > 0 && !child->exited)
		(void)kill(-child->group, SIGWINCH); /* fails if it is gone */
}

bool
child_reap(struct child *child)
{
	ssize_t n;

	if (child->exited || child->exit == -1)
		return child->exited;
	n = recv(child->exit, &child->status, sizeof(int), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return false;
	child->exited = true;
	child->lost = n != (ssize_t)sizeof(int);
	if (child->lost)
		child->status = 128 + SIGKILL;
	return true;
}

void
child_end(struct child *child)
{
	if (child->exit == -1)
		return;
	(void)child_reap(child); /* sets lost */
	if (child->lost)         /* fails if the group is gone */
		(void)kill(-child->group, SIGKILL);
	proc_close(&child->exit);
	proc_close(&child->out);
	proc_close(&child->err);
	child->group = 0;
}

bool
child_gone(struct child *child)
{
	if (child->guard != 0 && waitpid(child->guard, NULL, WNOHANG) == 0)
		return false;
	child->guard = 0;
	return true;
}

void
child_stop(struct child *child)
{
	child_end(child);
	if (child->guard != 0)
		wait_for_guard(child);
	child->guard = 0;
}
