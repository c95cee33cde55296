/*
 * background: session, descriptors, signals and limits of a channel's process.
 * The working directory is left to the channel.
 */
#include "background.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define DESCRIPTORS 1024

int
background_begin(int a, int b, bool keep_stderr)
{
	int null;

	if (setsid() == -1)
		return -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    (!keep_stderr && dup2(null, STDERR_FILENO) == -1))
		return -1;
	/* stream_init has left no higher ones; most are not open */
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		if (fd != a && fd != b)
			(void)close(fd);
	return 0;
}

int
background_signals(void)
{
	static const int caught[] = {SIGTERM, SIGINT, SIGHUP};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		(void)sigaddset(&set, caught[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool
background_signalled(int signals)
{
	struct signalfd_siginfo signal;
	bool any = false;

	while (
	    read(signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
		any = true;
	}
	return any;
}

void
background_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* else there are fewer */
}
