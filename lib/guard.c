/*
 * guard: see guard.h. It is told the group, and then 0; the end of the pipe
 * without the 0 is the death that it waits for.
 */
#define _GNU_SOURCE /* syscall for close_range, pipe2, NSIG */
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "util.h"

/* As child_stop, of a group whose processes are not ours to reap. */
static void
end_group(pid_t group)
{
	int64_t kill_ns = util_now_ns() + CHILD_GRACE_MS * INT64_C(1000000);

	/* errors say that the group is gone, which is what is asked for */
	(void)kill(-group, SIGTERM);
	(void)kill(-group, SIGCONT);
	while (kill(-group, 0) == 0 && util_now_ns() < kill_ns)
		(void)poll(NULL, 0, 20);
	(void)kill(-group, SIGKILL);
}

static void
close_from(unsigned int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0U, 0U) == 0)
		return;
#endif
	for (int fd = (int)first; fd < 1024; fd++)
		(void)close(fd); /* most are not open */
}

static _Noreturn void
keep_guard(int from)
{
	pid_t group = 0, word;
	ssize_t n;

	/* not in the maker's group, which may be killed as a whole */
	(void)setpgid(0, 0);
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_IGN);
	if (dup2(from, 0) == -1 || chdir("/") == -1)
		_exit(1);
	close_from(1);
	for (;;) {
		n = read(0, &word, sizeof(word));
		if (n == -1 && errno == EINTR)
			continue;
		if (n != (ssize_t)sizeof(word))
			break;
		if (word == 0)
			_exit(0);
		group = word;
	}
	if (group > 1)
		end_group(group);
	_exit(0);
}

/* Waits for the guard's parent, whose status is an errno. Returns 0, or -1. */
static int
reaped(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
	return errno == 0 ? 0 : -1;
}

int
guard_start(struct guard *guard)
{
	int ends[2], error;
	pid_t pid;

	guard->pipe = -1;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		pid = fork();
		if (pid == 0)
			keep_guard(ends[0]);
		_exit(pid == -1 ? errno : 0);
	}
	(void)close(ends[0]);
	if (pid != -1 && reaped(pid) == 0) {
		guard->pipe = ends[1];
		return 0;
	}
	error = errno;
	(void)close(ends[1]);
	errno = error;
	return -1;
}

int
guard_watch(const struct guard *guard, pid_t group)
{
	return write(guard->pipe, &group, sizeof(group)) ==
		       (ssize_t)sizeof(group)
		   ? 0
		   : -1;
}

void
guard_stop(struct guard *guard)
{
	if (guard->pipe == -1)
		return;
	/* where it fails the guard is gone already */
	(void)guard_watch(guard, 0);
	(void)close(guard->pipe);
	guard->pipe = -1;
}
