/*
 * conn: see conn.h.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#include "conn.h"

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
conn_init(struct conn *conn)
{
	*conn = (struct conn){.fd = -1};
}

int
conn_open(struct conn *conn, const void *address, size_t address_n,
    const char *host, const char *other, const struct tls_files *files)
{
	const struct sockaddr *to = address;
	const int on = 1;

	conn_init(conn);
	conn->fd = socket(
	    to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (conn->fd == -1)
		return -1;
	if (reply_init(&conn->reader, CONN_REPLY_MAX) == -1)
		goto fail;
	/* without these it is slower, and no more than that */
	if (to->sa_family != AF_UNIX)
		(void)setsockopt(
		    conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(conn->fd, to, (socklen_t)address_n) == -1 &&
	    errno != EINPROGRESS)
		goto fail;
	if (host != NULL) {
		conn->tls = tls_open(conn->fd, host, other, files);
		if (conn->tls == NULL)
			goto fail;
	}
	conn->events = POLLOUT;
	return 0;
fail:
	conn_close(conn);
	return -1;
}

int
conn_command(struct conn *conn, const struct bytes *words, size_t n)
{
	const char *at[CONN_WORDS_MAX];
	size_t length[CONN_WORDS_MAX], left = conn->out_n - conn->out_done;
	char *command = NULL, *out;
	long long size; /* hiredis 1.1 and later; before it was an int */

	for (size_t i = 0; i < n && i < CONN_WORDS_MAX; i++) {
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
		memcpy(out, conn->out + conn->out_done, left);
	memcpy(out + left, command, (size_t)size);
	redisFreeCommand(command);
	free(conn->out);
	conn->out = out;
	conn->out_n = left + (size_t)size;
	conn->out_done = 0;
	return 0;
}

/* Connected, or why not. */
static int
finish_connect(struct conn *conn)
{
	struct pollfd ready = {.fd = conn->fd, .events = POLLOUT};
	socklen_t n = sizeof(int);
	int error = 0;

	if (poll(&ready, 1, 0) < 1) {
		errno = EAGAIN;
		return -1;
	}
	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &n) == -1)
		return -1;
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

/* Up to the point where commands can be sent. */
static int
open_up(struct conn *conn)
{
	if (!conn->connected) {
		conn->events = POLLOUT;
		if (finish_connect(conn) == -1)
			return -1;
		conn->connected = true;
	}
	if (conn->tls != NULL && tls_shake(conn->tls) == -1) {
		conn->events = tls_events(conn->tls);
		return -1;
	}
	conn->up = true;
	return 0;
}

static int
send_some(struct conn *conn)
{
	ssize_t n;

	while (conn->out_done < conn->out_n) {
		const char *from = conn->out + conn->out_done;
		size_t left = conn->out_n - conn->out_done;

		n = conn->tls != NULL ? tls_write(conn->tls, from, left)
				      : write(conn->fd, from, left);
		if (n == -1) {
			short wanted = POLLOUT;

			if (conn->tls != NULL)
				wanted = tls_events(conn->tls);
			conn->events = (short)(conn->events | wanted);
			return -1;
		}
		conn->out_done += (size_t)n;
	}
	return 0;
}

/* What has come; an end counts after the replies that came before it. */
static int
receive_some(struct conn *conn)
{
	char bytes[READ];
	ssize_t n;

	for (int i = 0; i < READS_MAX; i++) {
		n = conn->tls != NULL
			? tls_read(conn->tls, bytes, sizeof(bytes))
			: read(conn->fd, bytes, sizeof(bytes));
		if (n == 0) {
			conn->ended = true;
			return 0;
		}
		if (n == -1) {
			if (errno == EAGAIN && conn->tls != NULL)
				conn->events = (short)(conn->events |
						       tls_events(conn->tls));
			return -1;
		}
		if (reply_feed(&conn->reader, bytes, (size_t)n) == -1)
			return -1;
	}
	conn->more = true;
	return 0;
}

static int
again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0
									 : -1;
}

int
conn_work(struct conn *conn)
{
	if (!conn->up && open_up(conn) == -1)
		return again();
	conn->events = POLLIN;
	conn->more = false;
	if (send_some(conn) == -1 && again() == -1)
		return -1;
	if (!conn->ended && receive_some(conn) == -1 && again() == -1)
		return -1;
	return 0;
}

int
conn_reply(struct conn *conn, const struct reply **reply)
{
	int got = reply_next(&conn->reader, reply);

	if (got == 0 && conn->ended) {
		errno = ECONNRESET;
		return -1;
	}
	return got;
}

void
conn_keep(struct conn *conn)
{
	reply_keep(&conn->reader);
}

size_t
conn_waiting(const struct conn *conn)
{
	return conn->reader.sent;
}

const char *
conn_why(const struct conn *conn)
{
	return tls_why(conn->tls);
}

void
conn_close(struct conn *conn)
{
	int saved = errno;

	tls_close(conn->tls);
	if (conn->fd != -1)
		(void)close(conn->fd);
	reply_free(&conn->reader);
	free(conn->out);
	conn_init(conn);
	errno = saved;
}
