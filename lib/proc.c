/*
 * proc: some servers start programs with signals blocked or ignored, and leave
 * their own descriptors open; these functions undo both.
 */
#define _GNU_SOURCE /* NSIG, syscall for close_range */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INHERITED_MAX 1027 /* a script opens lower descriptors only */
#define INHERITED_EACH 64  /* descriptors per call of poll */

void
proc_close(int *fd)
{
	int saved = errno;

	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

void
proc_close_from(int first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned int)first, ~0U, 0U) == 0)
		return;
#endif
	for (int fd = first; fd < INHERITED_MAX; fd++)
		(void)close(fd); /* most are not open */
}

int
proc_open_standard(void)
{
	int ends[2];

	if (fcntl(STDIN_FILENO, F_GETFD) == -1 &&
	    open("/dev/null", O_RDONLY) != STDIN_FILENO)
		return -1;
	if (fcntl(STDOUT_FILENO, F_GETFD) == -1) {
		if (pipe(ends) == -1 || dup2(ends[1], STDOUT_FILENO) == -1)
			return -1;
		proc_close(&ends[1]);
	}
	if (fcntl(STDERR_FILENO, F_GETFD) == -1 &&
	    open("/dev/null", O_WRONLY) != STDERR_FILENO)
		return -1;
	return 0;
}

/*
 * Whether a script may have opened fd. The other end of a pipe that is our
 * stdin, stdout or stderr is the server's: while fd is open we would not see
 * that the server has closed it.
 */
static bool
may_be_scripts(int fd)
{
	struct stat its, ours;

	if (fstat(fd, &its) == -1)
		return true; /* it is not open */
	if (!S_ISFIFO(its.st_mode))
		return S_ISREG(its.st_mode) || S_ISCHR(its.st_mode) ||
		       S_ISDIR(its.st_mode);
	for (int i = 0; i < 3; i++)
		if (fstat(i, &ours) == 0 && its.st_ino == ours.st_ino &&
		    its.st_dev == ours.st_dev &&
		    ((fcntl(fd, F_GETFL) ^ fcntl(i, F_GETFL)) & O_ACCMODE) != 0)
			return false;
	return true;
}

void
proc_close_inherited(bool keep_files)
{
	struct pollfd some[INHERITED_EACH];

	for (int from = 3; keep_files && from < INHERITED_MAX;
	     from += INHERITED_EACH) {
		for (int i = 0; i < INHERITED_EACH; i++)
			some[i] = (struct pollfd){.fd = from + i};
		/* poll finds those that are open */
		(void)poll(some, INHERITED_EACH, 0);
		for (int i = 0; i < INHERITED_EACH; i++)
			if (!(some[i].revents & POLLNVAL) &&
			    !may_be_scripts(from + i))
				proc_close(&some[i].fd);
	}
	proc_close_from(keep_files ? INHERITED_MAX : 3);
}

static int
unblock_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none); /* cannot fail */
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

void
proc_reset_signals(void)
{
	static const int reset[] = {
	    SIGCHLD, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP};

	(void)alarm(0);
	for (size_t i = 0; i < sizeof(reset) / sizeof(*reset); i++)
		(void)signal(reset[i], SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN); /* none of these can fail */
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)unblock_signals();
}

int
proc_default_signals(void)
{
	/* exec resets handlers, but not ignored signals */
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL); /* fails for SIGKILL and SIGSTOP */
	return unblock_signals();
}

int
proc_set_path(void)
{
	static const char others[] = "/usr/local/bin:/usr/bin:/bin";
	char path[PATH_MAX + sizeof(others)];
	ssize_t n;

	if (getenv("PATH") != NULL)
		return 0;
	n = readlink("/proc/self/exe", path, PATH_MAX);
	while (n > 0 && path[n - 1] != '/')
		n--;
	if (n <= 0) /* /proc is missing: use the other directories only */
		return setenv("PATH", others, 1);
	path[n == 1 ? 1 : n - 1] = ':';
	memcpy(path + (n == 1 ? 2 : n), others, sizeof(others));
	return setenv("PATH", path, 1);
}

bool
proc_is_network(int fd)
{
	struct sockaddr_storage address = {0};
	socklen_t n = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &n) == 0 &&
	       (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}
