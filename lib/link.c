/*
 * link: see link.h.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#include "link.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ 65536
#define READS_MAX 64 /* between two looks for replies */

void
link_init(struct link *link)
{
	*link = (struct link){.fd = -1};
}

int
link_open(struct link *link, const void *address, size_t address_n,
    const char *host, const char *other, const struct tls_files *files)
{
	const struct sockaddr *to = address;
	const int on = 1;

	link_init(link);
	link->fd = socket(
	    to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (link->fd == -1)
		return -1;
	if (reply_init(&link->reader, LINK_REPLY_MAX) == -1)
		goto fail;
	/* without these it is slower, and no more than that */
	if (to->sa_family != AF_UNIX)
		(void)setsockopt(
		    link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(link->fd, to, (socklen_t)address_n) == -1 &&
	    errno != EINPROGRESS)
		goto fail;
	if (host != NULL) {
		link->tls = tls_open(link->fd, host, other, files);
		if (link->tls == NULL)
			goto fail;
	}
	link->events = POLLOUT;
	return 0;
fail:
	link_close(link);
	return -1;
}

int
link_command(struct link *link, const struct bytes *words, size_t n)
{
	const char *at[LINK_WORDS_MAX];
	size_t length[LINK_WORDS_MAX], left = link->out_n - link->out_done;
	char *command = NULL, *out;
	long long size; /* hiredis 1.1 and later; before it was an int */

	for (size_t i = 0; i < n && i < LINK_WORDS_MAX; i++) {
		at[i] = words[i].n > 0 ? words[i].at : "";
		length[i] = words[i].n;
	}
	size = redisFormatCommandArgv(&command, (int)n, at, length);
	out = size == -1 ? NULL : malloc(left + (size_t)size);
	if (out == NULL) {
		if (size != -1)
			redisFreeCommand(command);
		errno = ENOMEM;
		return -1;
	}
	if (left > 0)
		memcpy(out, link->out + link->out_done, left);
	memcpy(out + left, command, (size_t)size);
	redisFreeCommand(command);
	free(link->out);
	link->out = out;
	link->out_n = left + (size_t)size;
	link->out_done = 0;
	return 0;
}

/* Connected, or why not. */
static int
finish_connect(struct link *link)
{
	struct pollfd ready = {.fd = link->fd, .events = POLLOUT};
	socklen_t n = sizeof(int);
	int error = 0;

	if (poll(&ready, 1, 0) < 1) {
		errno = EAGAIN;
		return -1;
	}
	if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &n) == -1)
		return -1;
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

/* Up to the point where commands can be sent. */
static int
open_up(struct link *link)
{
	if (!link->connected) {
		link->events = POLLOUT;
		if (finish_connect(link) == -1)
			return -1;
		link->connected = true;
	}
	if (link->tls != NULL && tls_shake(link->tls) == -1) {
		link->events = tls_events(link->tls);
		return -1;
	}
	link->up = true;
	return 0;
}

static int
send_some(struct link *link)
{
	ssize_t n;

	while (link->out_done < link->out_n) {
		const char *from = link->out + link->out_done;
		size_t left = link->out_n - link->out_done;

		n = link->tls != NULL ? tls_write(link->tls, from, left)
				      : write(link->fd, from, left);
		if (n == -1) {
			short wanted = POLLOUT;

			if (link->tls != NULL)
				wanted = tls_events(link->tls);
			link->events = (short)(link->events | wanted);
			return -1;
		}
		link->out_done += (size_t)n;
	}
	return 0;
}

/* What has come; an end counts after the replies that came before it. */
static int
receive_some(struct link *link)
{
	char bytes[READ];
	ssize_t n;

	for (int i = 0; i < READS_MAX; i++) {
		n = link->tls != NULL
			? tls_read(link->tls, bytes, sizeof(bytes))
			: read(link->fd, bytes, sizeof(bytes));
		if (n == 0) {
			link->ended = true;
			return 0;
		}
		if (n == -1) {
			if (errno == EAGAIN && link->tls != NULL)
				link->events = (short)(link->events |
						       tls_events(link->tls));
			return -1;
		}
		if (reply_feed(&link->reader, bytes, (size_t)n) == -1)
			return -1;
	}
	link->more = true;
	return 0;
}

static int
again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0
									 : -1;
}

int
link_work(struct link *link)
{
	if (!link->up && open_up(link) == -1)
		return again();
	link->events = POLLIN;
	link->more = false;
	if (send_some(link) == -1 && again() == -1)
		return -1;
	if (!link->ended && receive_some(link) == -1 && again() == -1)
		return -1;
	return 0;
}

int
link_reply(struct link *link, const struct reply **reply)
{
	int got = reply_next(&link->reader, reply);

	if (got == 0 && link->ended) {
		errno = ECONNRESET;
		return -1;
	}
	return got;
}

void
link_keep(struct link *link)
{
	reply_keep(&link->reader);
}

size_t
link_waiting(const struct link *link)
{
	return link->reader.sent;
}

const char *
link_why(const struct link *link)
{
	return tls_why(link->tls);
}

void
link_close(struct link *link)
{
	int saved = errno;

	tls_close(link->tls);
	if (link->fd != -1)
		(void)close(link->fd);
	reply_free(&link->reader);
	free(link->out);
	link_init(link);
	errno = saved;
}
