/*
 * child: see child.h.
 */
#define _GNU_SOURCE /* pipe2, TIOCSCTTY, struct winsize, NSIG */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "kin.h"
#include "util.h"

/* The ends of the pipes: [0] stays with us, [1] goes to the command. */
struct ends {
	int out[2];
	int err[2];
	int exec[2]; /* closed by a successful exec, else become's word comes */
};

static void
close_end(int fd)
{
	if (fd >= 0)
		(void)close(
		    fd); /* nothing was written there that could be lost */
}

void
child_close(int *fd)
{
	close_end(*fd);
	*fd = -1;
}

/* A pseudo-terminal that changes no byte: pty[0] master, pty[1] slave. */
static int
open_pty(int pty[2], const struct child *child)
{
	struct winsize size = {
	    .ws_row = child->rows > 0 ? child->rows : 24,
	    .ws_col = child->cols > 0 ? child->cols : 80,
	};
	struct termios raw;
	const char *name;

	pty[0] = posix_openpt(O_RDWR | O_NOCTTY);
	if (pty[0] == -1 || fcntl(pty[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    grantpt(pty[0]) == -1 || unlockpt(pty[0]) == -1 ||
	    (name = ptsname(pty[0])) == NULL)
		return -1;
	pty[1] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (pty[1] == -1 || tcgetattr(pty[1], &raw) == -1)
		return -1;
	raw.c_iflag = 0;
	raw.c_oflag = 0;
	raw.c_lflag = 0;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(pty[1], TCSANOW, &raw) == -1)
		return -1;
	return ioctl(pty[1], TIOCSWINSZ, &size);
}

static int
open_ends(struct ends *ends, const struct child *child, int flags)
{
	if (flags & CHILD_PTY ? open_pty(ends->out, child) == -1
			      : pipe2(ends->out, O_CLOEXEC) == -1)
		return -1;
	if (flags & CHILD_STDERR && pipe2(ends->err, O_CLOEXEC) == -1)
		return -1;
	return pipe2(ends->exec, O_CLOEXEC);
}

static int
default_signals(void)
{
	sigset_t none;

	/* handlers fall back by themselves at exec, but not what is ignored */
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL); /* fails for SIGKILL and SIGSTOP */
	if (sigemptyset(&none) == -1)
		return -1;
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A process that dies by SIGKILL cannot end its command: the kernel does. */
static int
die_with(pid_t parent)
{
#ifdef __linux__
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		return -1;
#endif
	/* it is 0 in a new pid namespace, where the parent is not */
	if (getppid() == parent || getppid() == 0)
		return 0;
	errno = ESRCH;
	return -1;
}

/* In the new process: all but the exec. Returns 0, or -1 with errno. */
static int
prepare(const struct ends *ends, int flags, pid_t parent)
{
	int null;

	if (flags & CHILD_PTY) {
		if (setsid() == -1 || ioctl(ends->out[1], TIOCSCTTY, 0) == -1 ||
		    setenv("TERM", "dumb", 1) == -1)
			return -1;
	} else if (setpgid(0, 0) == -1) {
		return -1;
	}
	if (isatty(STDIN_FILENO)) {
		null = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (null == -1 || dup2(null, STDIN_FILENO) == -1)
			return -1;
	}
	if (dup2(ends->out[1], STDOUT_FILENO) == -1)
		return -1;
	if (flags & CHILD_STDERR && dup2(ends->err[1], STDERR_FILENO) == -1)
		return -1;
	return die_with(parent) == -1 ? -1 : default_signals();
}

/*
 * In the new process: becomes the command. Returns only on failure, with errno
 * of the exec, or below 0 of what came before it.
 */
static int
become(char *const argv[], const struct ends *ends, int flags, pid_t parent)
{
	if (prepare(ends, flags, parent) == -1)
		return -errno;
	(void)execvp(argv[0], argv); /* it returns only to say why not */
	return errno;
}

/* Waits for the exec. Returns 0, or what become returned. */
static int
wait_for_exec(int fd)
{
	int error = -EIO;
	ssize_t n;

	while ((n = read(fd, &error, sizeof(error))) == -1 && errno == EINTR)
		;
	return n == 0 ? 0 : error;
}

int
child_start(struct child *child, char *const argv[], int flags)
{
	struct ends ends = {{-1, -1}, {-1, -1}, {-1, -1}};
	pid_t parent = getpid();
	int error;

	*child = (struct child){.cols = child->cols,
	    .rows = child->rows,
	    .out = -1,
	    .err = -1,
	    .terminal = -1};
	child->alone = waitpid(-1, NULL, WNOHANG) == -1;
	child->pty = (flags & CHILD_PTY) != 0;
	child->status = EXIT_FAILURE;
#ifdef PR_SET_CHILD_SUBREAPER
	/* orphans of the group become ours, and can be reaped */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		return -1;
#endif
	if (open_ends(&ends, child, flags) == -1 ||
	    (child->group = fork()) == -1)
		goto fail;
	if (child->group == 0) {
		error = become(argv, &ends, flags, parent);
		/* if that fails too, the parent sees the exit alone */
		_exit(write(ends.exec[1], &error, sizeof(error)) == -1);
	}
	child_close(&ends.err[1]);
	child_close(&ends.exec[1]);
	error = wait_for_exec(ends.exec[0]);
	if (error != 0) {
		while (waitpid(child->group, NULL, 0) == -1 && errno == EINTR)
			;
		if (error == ENOENT || error == ENOTDIR)
			child->status = CHILD_NOT_FOUND;
		else if (error > 0)
			child->status = CHILD_NOT_EXECUTABLE;
		errno = abs(error);
		goto fail;
	}
	close_end(ends.exec[0]);
	/* it may close all of a terminal, and open it again */
	if (child->pty)
		child->terminal = ends.out[1];
	else
		close_end(ends.out[1]);
	child->out = ends.out[0];
	child->err = ends.err[0];
	return 0;

fail:
	error = errno;
	for (int i = 0; i < 2; i++) {
		close_end(ends.out[i]);
		close_end(ends.err[i]);
		close_end(ends.exec[i]);
	}
	errno = error;
	return -1;
}

bool
child_reap(struct child *child)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != child->group)
			continue; /* an orphan that became ours */
		child->exited = true;
		child_close(&child->terminal);
		child->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						    : WEXITSTATUS(status);
	}
	return child->exited;
}

/*
 * What is left of a command. Its group's number is its own while anything is
 * in the group: with nothing there, a stranger may have it.
 */
struct rest {
	bool members;      /* something is in the group */
	struct kin strays; /* what left it; those that are ours come first */
	size_t orphans;    /* how many of these are */
};

/*
 * Everything below this process; where it had children before the command, only
 * what is of the group or known, and what is below those. Its own children, of
 * which there are ours, come first. Returns whether these are all.
 */
static bool
read_tree(const struct child *child, const struct kin *known, struct kin *tree,
    size_t *ours)
{
	bool all;

	all = kin_own(tree) && tree->count < KIN_MAX;
	*ours = 0;
	for (size_t i = 0; i < tree->count; i++)
		if (child->alone || kin_has(known, tree->pids[i]) ||
		    getpgid(tree->pids[i]) == child->group)
			tree->pids[(*ours)++] = tree->pids[i];
	tree->count = *ours;
	kin_below(tree);
	return all;
}

/*
 * Reaps, and looks what is left. timeout(1) leaves the group, as does what
 * "set -m" starts. What made a session of its own, and was left by a command
 * that is over, and was not killed, is a daemon: it stays. What has ended and
 * is not ours to reap counts as gone. Returns whether anything is left.
 */
static bool
look(struct child *child, bool over, const struct kin *known, struct rest *rest)
{
	pid_t session = child->pty ? child->group : getsid(0), pid;
	struct kin *tree = &rest->strays;
	size_t ours, n = 0;
	bool left = false;

	(void)child_reap(child);
	rest->orphans = 0;
	rest->members = !read_tree(child, known, tree, &ours) &&
			(kill(-child->group, 0) == 0 || errno == EPERM);
	for (size_t i = 0; i < tree->count; i++) {
		pid = tree->pids[i];
		if (kin_ended(pid))
			left |= i < ours; /* its orphans may not be here yet */
		else if (getpgid(pid) == child->group)
			rest->members = true;
		else if (!(over && getsid(pid) != session)) {
			tree->pids[n++] = pid;
			rest->orphans += i < ours;
		}
	}
	tree->count = n;
	return left || rest->members || n > 0;
}

/* To a process, or a group below 0: a stopped one is woken, else it stays. */
static void
end(pid_t pid, int signal)
{
	/* errors say that it is gone, which is what is asked for */
	(void)kill(pid, signal);
	(void)kill(pid, SIGCONT);
}

/* The first n; those that have been told only to kill them. */
static void
end_strays(const struct kin *strays, size_t n, struct kin *told, int signal)
{
	for (size_t i = 0; i < n; i++) {
		bool knows = kin_has(told, strays->pids[i]);

		if (knows && signal != SIGKILL)
			continue;
		end(strays->pids[i], signal);
		if (!knows && told->count < KIN_MAX)
			told->pids[told->count++] = strays->pids[i];
	}
}

void
child_stop(struct child *child)
{
	int signal = child->pty ? SIGHUP : SIGTERM, wait_ms = 1;
	bool over = child_reap(child) && child->status < 128, left, calm;
	int64_t next_ns; /* of the SIGKILL, then of the end */
	struct kin told = {.count = 0};
	struct rest rest;
	size_t n;

	left = look(child, over, &told, &rest);
	child_close(&child->terminal);
	child_close(&child->out);
	child_close(&child->err);
	next_ns = util_now_ns() + CHILD_GRACE_MS * INT64_C(1000000);
	if (rest.members)
		end(-child->group, signal);
	end_strays(&rest.strays, rest.strays.count, &told, signal);
	for (;;) {
		/* what was orphaned beneath a look is seen by the next one */
		calm = !left;
		left = look(child, over, &told, &rest);
		if (!left && calm)
			break;
		if (!left)
			continue;
		if (util_now_ns() >= next_ns) {
			if (signal == SIGKILL)
				break; /* it does not help */
			signal = SIGKILL;
			next_ns = util_now_ns() + UTIL_SECOND_NS;
		}
		if (signal == SIGKILL && rest.members)
			end(-child->group, signal);
		/* a handler may wait for what it started, to end well */
		n = signal == SIGKILL ? rest.strays.count : rest.orphans;
		end_strays(&rest.strays, n, &told, signal);
		(void)poll(NULL, 0, wait_ms); /* or until SIGCHLD */
		if (wait_ms < 16)
			wait_ms *= 2;
	}
}
