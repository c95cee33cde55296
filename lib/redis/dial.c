/*
 * dial: getaddrinfo can block for minutes if a name server does not answer,
 * while the client needs its keepalives. Hence the child process.
 */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC */
#include "dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../proc.h"
#include "../util.h"

/* Room for the socket in the child's answer, which is errno or 0. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static int
connect_to(const struct sockaddr *address, socklen_t n)
{
	const struct timeval limit = {.tv_sec = DIAL_SECONDS};
	const int on = 1;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	/* fails for a Unix-domain socket; without it TCP is only slower */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
		0 &&
	    connect(fd, address, n) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
	if (errno == EINPROGRESS)
		errno = ETIMEDOUT;
	proc_close(&fd);
	return -1;
}

static int
connect_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(path);

	errno = ENAMETOOLONG;
	if (n >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, n);
	return connect_to((const struct sockaddr *)&address, sizeof(address));
}

static int
connect_host(const char *host, uint16_t port)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	char service[UTIL_DIGITS_MAX + 1];
	struct addrinfo *one = NULL;
	int fd = -1;

	service[util_digits(service, port)] = '\0';
	(void)alarm(DIAL_SECONDS); /* kills this process: ETIMEDOUT */
	if (getaddrinfo(host, service, &hints, &one) != 0)
		one = NULL;
	(void)alarm(0);
	errno = ENODATA; /* stays if there is no address */
	for (; fd == -1 && one != NULL; one = one->ai_next)
		fd = connect_to(one->ai_addr, one->ai_addrlen);
	return fd;
}

/* In the child process: connects, and sends the result to the parent. */
static _Noreturn void
answer(const char *host, uint16_t port, int to)
{
	union control control = {.room = {0}};
	struct iovec part = {.iov_len = sizeof(int)};
	struct msghdr all = {.msg_iov = &part, .msg_iovlen = 1};
	int fd, error;

	(void)proc_default_signals(); /* to end on SIGTERM and SIGALRM */
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	fd = port == 0 ? connect_path(host) : connect_host(host, port);
	error = errno;
	if (fd != -1) {
		error = 0;
		all.msg_control = control.room;
		all.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	}
	part.iov_base = &error;
	_exit(sendmsg(to, &all, MSG_NOSIGNAL) == -1);
}

int
dial_start(struct dial *dial, const char *host, uint16_t port)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		ends) == -1)
		return -1;
	dial->child = fork();
	if (dial->child == 0)
		answer(host, port, ends[1]);
	proc_close(&ends[1]);
	dial->fd = ends[0];
	if (dial->child != -1)
		return 0;
	dial_stop(dial);
	return -1;
}

int
dial_read(struct dial *dial)
{
	union control control = {.room = {0}};
	int error, fd = -1;
	struct iovec part = {&error, sizeof(error)};
	struct msghdr all = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(dial->fd, &all, MSG_CMSG_CLOEXEC);

	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		errno = EAGAIN;
		return -1;
	}
	if (n == sizeof(error) && error == 0 && CMSG_FIRSTHDR(&all) != NULL)
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(int));
	dial_stop(dial);
	/* no answer: its alarm killed it; 0 but no socket: EMFILE here */
	errno = n != sizeof(error) ? ETIMEDOUT : error == 0 ? EMFILE : error;
	return fd;
}

void
dial_stop(struct dial *dial)
{
	int saved = errno;

	proc_close(&dial->fd);
	if (dial->child > 0) {
		(void)kill(dial->child, SIGKILL);
		while (waitpid(dial->child, NULL, 0) == -1 && errno == EINTR)
			;
	}
	dial->child = -1;
	errno = saved;
}
