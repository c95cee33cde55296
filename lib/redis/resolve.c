/*
 * resolve: getaddrinfo blocks, for minutes if a name server is silent; the
 * client's keepalives cannot wait for it. Hence the child process.
 */
#define _GNU_SOURCE /* pipe2 */
#include "resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../proc.h"
#include "../util.h"

/* Fills found. */
static void
look_up(struct resolve *resolve, const char *host, uint16_t port, int flags)
{
	struct addrinfo *list = NULL, *one,
			hints = {.ai_socktype = SOCK_STREAM,
			    .ai_flags = flags | AI_NUMERICSERV};
	char service[UTIL_DIGITS_MAX + 1];

	service[util_digits(service, port)] = '\0';
	resolve->n = 0;
	if (getaddrinfo(host, service, &hints, &list) != 0)
		return;
	for (one = list; one != NULL; one = one->ai_next) {
		struct resolve_address *to = resolve->found + resolve->n;

		if (resolve->n == RESOLVE_MAX ||
		    one->ai_addrlen > sizeof(to->address))
			break;
		*to = (struct resolve_address){.n = one->ai_addrlen};
		memcpy(&to->address, one->ai_addr, one->ai_addrlen);
		resolve->n++;
	}
	freeaddrinfo(list);
}

/* The child process: writes found to the pipe as it lies in memory. */
static _Noreturn void
answer(struct resolve *resolve, const char *host, uint16_t port, int to)
{
	size_t n;

	(void)signal(SIGTERM, SIG_DFL); /* cannot fail, nor do the others */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* or the client's connection would stay open as long as this child */
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	look_up(resolve, host, port, 0);
	n = resolve->n * sizeof(resolve->found[0]);
	/* below PIPE_BUF it is written whole; nothing means no address */
	if (n > 0 && write(to, resolve->found, n) == -1)
		_exit(1);
	_exit(0);
}

int
resolve_start(struct resolve *resolve, const char *host, uint16_t port)
{
	int ends[2];

	*resolve = (struct resolve){.fd = -1, .child = -1};
	look_up(resolve, host, port, AI_NUMERICHOST);
	if (resolve->n > 0)
		return 1;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	resolve->child = fork();
	if (resolve->child == 0)
		answer(resolve, host, port, ends[1]);
	proc_close(&ends[1]);
	resolve->fd = ends[0];
	if (resolve->child == -1) {
		resolve_stop(resolve);
		return -1;
	}
	return 0;
}

int
resolve_read(struct resolve *resolve)
{
	char *to = (char *)resolve->found;
	ssize_t n = read(resolve->fd, to + resolve->got,
	    sizeof(resolve->found) - resolve->got);

	if (n == -1)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	resolve->got += (size_t)n;
	if (n > 0 && resolve->got < sizeof(resolve->found))
		return 0;
	resolve->n = resolve->got / sizeof(resolve->found[0]);
	resolve_stop(resolve);
	return 1;
}

void
resolve_stop(struct resolve *resolve)
{
	int saved = errno;

	proc_close(&resolve->fd);
	if (resolve->child > 0) {
		(void)kill(resolve->child, SIGKILL);
		while (waitpid(resolve->child, NULL, 0) == -1 && errno == EINTR)
			;
	}
	resolve->child = -1;
	errno = saved;
}
