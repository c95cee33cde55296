/*
 * guard: waits for children that end and for the end of the program, which is
 * the end of a socket. It then looks again and again what is left, and ends it.
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
#include "kin.h"
#include "proc.h"
#include "util.h"

/* It is there for a poll to be interrupted. */
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

	(void)sigemptyset(&action.sa_mask); /* cannot fail, nor can the next */
	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) == -1 ||
	    sigaction(SIGCHLD, &action, NULL) == -1 || setpgid(0, 0) == -1)
		return -1;
	(void)prctl(PR_SET_NAME, "sse-guard"); /* killall(1) spares it */
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* The socket becomes descriptor 0, the terminal 1; no other stays open. */
static void
keep_only(struct guard *guard)
{
	int first = 1;

	(void)dup2(guard->program, 0); /* all are open: it cannot fail */
	guard->program = 0;
	if (guard->terminal != -1) {
		(void)dup2(guard->terminal, 1); /* likewise */
		guard->terminal = 1;
		first = 2;
	}
	proc_close_from(first);
}

/* False if there is no child any more: nothing at all is below. */
static bool
reap(struct guard *guard)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != guard->command || guard->exited)
			continue; /* an orphan that became ours */
		guard->exited = true;
		guard->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						    : WEXITSTATUS(status);
		proc_close(&guard->terminal);
		/* where that fails the program is gone, as is seen elsewhere */
		(void)!write(guard->program, &guard->status, sizeof(int));
	}
	return pid == 0;
}

/*
 * Waits for a child to end or for a socket's other end to be closed, ms at
 * most; or for ever below 0. Returns whether it is closed; -1 is no socket.
 */
static bool
wait_for(int socket, int ms)
{
	struct pollfd closed = {.fd = socket, .events = POLLIN};
	struct timespec time = {.tv_nsec = ms * 1000000L};
	sigset_t others;

	(void)sigfillset(&others); /* cannot fail, nor can the next */
	(void)sigdelset(&others, SIGCHLD);
	return ppoll(&closed, 1, ms < 0 ? NULL : &time, &others) == 1;
}

/*
 * What is left of a command. Its group's number is its own while anything is
 * in the group: with nothing there, a stranger may have it.
 */
struct rest {
	bool members;           /* something is in the group */
	struct kin_list strays; /* what left it */
};

/*
 * Looks what is left. timeout(1) leaves the group, as does what
 * "set -m" starts. What made a session of its own, and was left by a command
 * that is over, and was not killed, is a daemon: it stays. What has ended and
 * is not ours to reap counts as gone. Returns whether anything is left.
 */
static bool
look(const struct guard *guard, bool over, struct rest *rest)
{
	pid_t session = guard->pty ? guard->command : getsid(0);
	struct kin_list *list = &rest->strays;
	size_t n = 0;
	bool left = false;

	rest->members = (!kin_read(list) || list->count == KIN_MAX) &&
			(kill(-guard->command, 0) == 0 || errno == EPERM);
	for (size_t i = 0; i < list->count; i++) {
		const struct kin *kin = list->all + i;

		if (kin->ended) /* its orphans may not be here yet */
			left |= kin->parent == getpid();
		else if (kin->group == guard->command)
			rest->members = true;
		else if (!(over && kin->session != session))
			list->all[n++] = *kin;
	}
	list->count = n;
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

/* What was told to end, so that it is told once. */
struct told {
	pid_t pids[KIN_MAX];
	size_t count;
};

static bool
tell(struct told *told, pid_t pid)
{
	for (size_t i = 0; i < told->count; i++)
		if (told->pids[i] == pid)
			return false;
	if (told->count < KIN_MAX)
		told->pids[told->count++] = pid;
	return true;
}

/* A handler may wait for what it started, to end well: only orphans later. */
static void
end_strays(
    const struct kin_list *strays, struct told *told, int signal, bool all)
{
	for (size_t i = 0; i < strays->count; i++) {
		const struct kin *kin = strays->all + i;

		if (signal == SIGKILL ||
		    ((all || kin->parent == getpid()) && tell(told, kin->pid)))
			end(kin->pid, signal);
	}
}

static void
end_all(struct guard *guard)
{
	int signal = guard->pty ? SIGHUP : SIGTERM, wait_ms = 1;
	int64_t next_ns; /* of the SIGKILL, then of the end */
	struct told told = {.count = 0};
	struct rest rest;
	bool over, left = true, calm, first = true;

	(void)reap(guard); /* children are looked at below */
	over = guard->exited && guard->status < 128;
	proc_close(&guard->terminal);
	next_ns = util_now_ns() + CHILD_GRACE_MS * INT64_C(1000000);
	while (reap(guard)) {
		/* what was orphaned beneath a look is seen by the next one */
		calm = !left;
		left = look(guard, over, &rest);
		if (!left && calm)
			return;
		if (!left)
			continue;
		if (util_now_ns() >= next_ns) {
			if (signal == SIGKILL)
				return; /* it does not help */
			signal = SIGKILL;
			next_ns = util_now_ns() + UTIL_SECOND_NS;
		}
		if (rest.members && (first || signal == SIGKILL))
			end(-guard->command, signal);
		end_strays(&rest.strays, &told, signal, first);
		first = false;
		(void)wait_for(-1, wait_ms); /* what it was is seen above */
		if (wait_ms < 16)
			wait_ms *= 2;
	}
}

_Noreturn void
guard_keep(struct guard *guard)
{
	keep_only(guard);
	(void)!chdir("/"); /* else a folder stays in use meanwhile */
	do
		(void)reap(guard); /* it waits for the program's end */
	while (!wait_for(guard->program, -1));
	end_all(guard);
	_exit(0);
}
