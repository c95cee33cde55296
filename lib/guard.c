/*
 * guard: reaps children until the program's end of the socket is closed, then
 * signals the processes that are left until all have ended. child starts the
 * command.
 */
#define _GNU_SOURCE /* ppoll */
#include "guard.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "descendants.h"
#include "proc.h"
#include "util.h"

/* SIGCHLD needs a handler to interrupt ppoll. */
static void
on_child(int signal)
{
	(void)signal;
}

int
guard_init(void)
{
	struct sigaction action = {.sa_handler = on_child};
	sigset_t all;

	(void)sigemptyset(
	    &action.sa_mask); /* cannot fail; nor can sigfillset */
	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) == -1 ||
	    sigaction(SIGCHLD, &action, NULL) == -1 || setpgid(0, 0) == -1)
		return -1;
	(void)prctl(PR_SET_NAME, "sse-guard"); /* killall(1) spares it */
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Moves the socket to descriptor 0, the terminal to 1, and closes all others.
 */
static void
keep_only(struct guard *guard)
{
	int first = 1;

	(void)dup2(guard->program, 0); /* cannot fail: both are open */
	guard->program = 0;
	if (guard->terminal != -1) {
		(void)dup2(guard->terminal, 1); /* likewise */
		guard->terminal = 1;
		first = 2;
	}
	proc_close_from(first);
}

/* Reaps what has ended. False if no child is left, hence no descendant. */
static bool
reap(struct guard *guard)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != guard->command || guard->exited)
			continue; /* an orphan that this process adopted */
		guard->exited = true;
		guard->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						    : WEXITSTATUS(status);
		proc_close(&guard->terminal);
		/* fails only if the program is gone: wait_for sees that */
		(void)!write(guard->program, &guard->status, sizeof(int));
	}
	return pid == 0;
}

/*
 * Waits until a child ends, the socket's other end is closed or ms milliseconds
 * have passed. ms below 0: no limit; socket -1: no socket. Returns whether the
 * socket's other end is closed.
 */
static bool
wait_for(int socket, int ms)
{
	struct pollfd closed = {.fd = socket, .events = POLLIN};
	struct timespec time = {.tv_nsec = ms * 1000000L};
	sigset_t others;

	(void)sigfillset(&others); /* cannot fail; nor can sigdelset */
	(void)sigdelset(&others, SIGCHLD);
	return ppoll(&closed, 1, ms < 0 ? NULL : &time, &others) == 1;
}

/*
 * Processes of the command that still run. The group is only signalled while it
 * has a member: after that its number may be another group's.
 */
struct rest {
	bool members;              /* some process is in the group */
	struct descendants strays; /* descendants outside the group */
};

/*
 * Finds the processes that are left; returns whether there are any. Strays are
 * descendants that left the group, as timeout(1) and the jobs of "set -m" do.
 * over: the command exited and was not killed; then a descendant in another
 * session is a daemon, and is left alone. Zombies of other parents are ignored.
 */
static bool
find_rest(const struct guard *guard, bool over, struct rest *rest)
{
	pid_t session = guard->pty ? guard->command : getsid(0);
	struct descendants *list = &rest->strays;
	size_t n = 0;
	bool left = false;

	rest->members =
	    (!descendants_read(list) || list->count == DESCENDANTS_MAX) &&
	    (kill(-guard->command, 0) == 0 || errno == EPERM);
	for (size_t i = 0; i < list->count; i++) {
		const struct descendant *one = list->all + i;

		if (one->ended) /* once reaped, its children become ours */
			left |= one->parent == getpid();
		else if (one->group == guard->command)
			rest->members = true;
		else if (!(over && one->session != session))
			list->all[n++] = *one;
	}
	list->count = n;
	return left || rest->members || n > 0;
}

/* Signals process pid, or group -pid, and continues it if it is stopped. */
static void
end(pid_t pid, int signal)
{
	/* both fail if it is gone already */
	(void)kill(pid, signal);
	(void)kill(pid, SIGCONT);
}

/* Processes that were signalled: each is signalled only once. */
struct signalled {
	pid_t pids[DESCENDANTS_MAX];
	size_t count;
};

static bool
first_time(struct signalled *done, pid_t pid)
{
	for (size_t i = 0; i < done->count; i++)
		if (done->pids[i] == pid)
			return false;
	if (done->count < DESCENDANTS_MAX)
		done->pids[done->count++] = pid;
	return true;
}

/*
 * all: the first round. A process may handle the signal and wait for its own
 * children; so later rounds signal orphans only, and SIGKILL goes to all.
 */
static void
end_strays(const struct descendants *strays, struct signalled *done, int signal,
    bool all)
{
	for (size_t i = 0; i < strays->count; i++) {
		const struct descendant *one = strays->all + i;

		if (signal == SIGKILL || ((all || one->parent == getpid()) &&
					     first_time(done, one->pid)))
			end(one->pid, signal);
	}
}

static void
end_all(struct guard *guard)
{
	int signal = guard->pty ? SIGHUP : SIGTERM, wait_ms = 1;
	int64_t next_ns; /* of the SIGKILL, then of the end */
	struct signalled done = {.count = 0};
	struct rest rest;
	bool over, left = true, calm, first = true;

	(void)reap(guard); /* takes the command's status */
	over = guard->exited && guard->status < 128;
	proc_close(&guard->terminal);
	next_ns = util_now_ns() + CHILD_GRACE_MS * INT64_C(1000000);
	while (reap(guard)) {
		/* it is over once two rounds in a row find nothing */
		calm = !left;
		left = find_rest(guard, over, &rest);
		if (!left && calm)
			return;
		if (!left)
			continue;
		if (util_now_ns() >= next_ns) {
			if (signal == SIGKILL)
				return; /* a process that cannot be killed */
			signal = SIGKILL;
			next_ns = util_now_ns() + UTIL_SECOND_NS;
		}
		if (rest.members && (first || signal == SIGKILL))
			end(-guard->command, signal);
		end_strays(&rest.strays, &done, signal, first);
		first = false;
		(void)wait_for(-1, wait_ms); /* there is no socket to close */
		if (wait_ms < 16)
			wait_ms *= 2;
	}
}

_Noreturn void
guard_keep(struct guard *guard)
{
	keep_only(guard);
	(void)!chdir("/"); /* so that its directory can be unmounted */
	do
		(void)reap(guard);
	while (!wait_for(guard->program, -1));
	end_all(guard);
	_exit(0);
}
