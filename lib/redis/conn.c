/*
 * conn: opens the socket and moves bytes. It leaves names to resolve, TLS to
 * tls, and the parsing of replies to reply.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#include "conn.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../proc.h"
#include "../util.h"

#define READ 65536
#define READS_MAX 64 /* before reply is asked for a whole one */

void
conn_init(struct conn *conn)
{
	*conn = (struct conn){.fd = -1, .resolve = {.fd = -1, .child = -1}};
}

static void
close_socket(struct conn *conn)
{
	tls_close(conn->tls);
	conn->tls = NULL;
	proc_close(&conn->fd);
}

static int
connect_to(struct conn *conn, const struct resolve_address *to)
{
	const struct sockaddr *address = (const struct sockaddr *)&to->address;
	const int on = 1;

	close_socket(conn);
	conn->since_ns = util_now_ns();
	conn->events = POLLOUT;
	conn->fd = socket(
	    address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (conn->fd == -1)
		return -1;
	/* if this fails, it is only slower */
	if (address->sa_family != AF_UNIX)
		(void)setsockopt(
		    conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(conn->fd, address, to->n) == -1 && errno != EINPROGRESS)
		return -1;
	if (conn->files == NULL)
		return 0;
	conn->tls = tls_open(conn->fd, conn->host, conn->other, conn->files);
	return conn->tls == NULL ? -1 : 0;
}

int
conn_skip(struct conn *conn)
{
	while (!conn->connected && conn->tried < conn->resolve.n)
		if (connect_to(conn, &conn->resolve.found[conn->tried++]) == 0)
			return 0;
	return -1;
}

/* The path of a socket is its address. Returns 1, or -1 with errno. */
static int
resolve_path(struct resolve *resolve, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(path);

	if (n >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, n);
	memcpy(&resolve->found[0].address, &address, sizeof(address));
	resolve->found[0].n = sizeof(address);
	resolve->n = 1;
	return 1;
}

/* Goes on after resolve_start, or resolve_read, has returned done. */
static int
resolved(struct conn *conn, int done)
{
	conn->fd = conn->resolve.fd;
	conn->events = POLLIN;
	if (done < 1)
		return done;
	errno = ENODATA; /* stays if there is no address */
	return conn_skip(conn);
}

int
conn_open(struct conn *conn, const char *host, uint16_t port,
    const struct tls_files *files, const char *other)
{
	conn->host = host;
	conn->other = other;
	conn->files = files;
	conn->since_ns = util_now_ns();
	if (reply_init(&conn->reader, CONN_REPLY_MAX) == -1)
		return -1;
	return resolved(conn, port == 0
				  ? resolve_path(&conn->resolve, host)
				  : resolve_start(&conn->resolve, host, port));
}

void
conn_command(struct conn *conn, const char *const *words)
{
	const char *argv[CONN_WORDS_MAX];
	char *command = NULL, *out = NULL;
	long long size; /* hiredis 1.1 and later; before it was an int */
	int n;

	for (n = 0; n < CONN_WORDS_MAX && words[n] != NULL; n++)
		argv[n] = words[n];
	size = redisFormatCommandArgv(&command, n, argv, NULL);
	if (size != -1)
		out = realloc(conn->out, conn->out_n + (size_t)size);
	if (out == NULL) {
		conn->error = ENOMEM;
	} else {
		memcpy(out + conn->out_n, command, (size_t)size);
		conn->out = out;
		conn->out_n += (size_t)size;
	}
	if (size != -1)
		redisFreeCommand(command);
}

/* Whether the socket is connected: 1, 0 if not yet, -1 with errno. */
static int
finish_connect(struct conn *conn)
{
	struct pollfd ready = {.fd = conn->fd, .events = POLLOUT};
	socklen_t n = sizeof(int);
	int error = 0;

	if (poll(&ready, 1, 0) < 1)
		return 0;
	if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &n) == -1)
		return -1;
	errno = error;
	return error == 0 ? 1 : -1;
}

/* Returns 0 if errno says to try again later, or -1. */
static int
again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0
									 : -1;
}

/* Resolves, connects, shakes hands: what is next of it. Returns 0 or -1. */
static int
open_up(struct conn *conn)
{
	if (conn->resolve.fd != -1)
		return resolved(conn, resolve_read(&conn->resolve));
	if (!conn->connected) {
		switch (finish_connect(conn)) {
		case 0: return 0;
		case -1: return conn_skip(conn);
		}
		conn->connected = true;
	}
	if (conn->tls != NULL && tls_shake(conn->tls) == -1) {
		conn->events = tls_events(conn->tls);
		return again();
	}
	conn->up = true;
	return 0;
}

/* Called when a read or a write failed. Returns 0 if it can wait, or -1. */
static int
pause_io(struct conn *conn, short events)
{
	if (again() == -1)
		return -1;
	if (conn->tls != NULL)
		events = tls_events(conn->tls);
	conn->events = (short)(conn->events | events);
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
		if (n == -1)
			return pause_io(conn, POLLOUT);
		conn->out_done += (size_t)n;
	}
	conn->out_n = conn->out_done = 0;
	return 0;
}

static int
receive_some(struct conn *conn)
{
	char bytes[READ];
	ssize_t n;

	for (int i = 0; i < READS_MAX; i++) {
		n = conn->tls != NULL
			? tls_read(conn->tls, bytes, sizeof(bytes))
			: read(conn->fd, bytes, sizeof(bytes));
		if (n == -1)
			return pause_io(conn, POLLIN);
		if (n == 0) {
			conn->error = ECONNRESET;
			return 0;
		}
		if (reply_feed(&conn->reader, bytes, (size_t)n) == -1)
			return -1;
	}
	conn->more = true;
	return 0;
}

int
conn_next(struct conn *conn, const struct reply **reply)
{
	int got;

	do {
		if (!conn->up && open_up(conn) == -1)
			return -1;
		if (!conn->up)
			return 0;
		conn->events = POLLIN;
		conn->more = false;
		if (send_some(conn) == -1 ||
		    (conn->error == 0 && receive_some(conn) == -1))
			return -1;
		got = reply_next(&conn->reader, reply);
	} while (got == 0 && conn->more);
	if (got != 0 || conn->error == 0)
		return got;
	errno = conn->error;
	return -1;
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

void
conn_peer(const struct conn *conn, char address[CONN_ADDRESS_MAX])
{
	const struct resolve_address *peer =
	    &conn->resolve.found[conn->tried - 1];

	if (peer->address.ss_family == AF_UNIX ||
	    getnameinfo((const struct sockaddr *)&peer->address, peer->n,
		address, CONN_ADDRESS_MAX, NULL, 0, NI_NUMERICHOST) != 0)
		memcpy(address, "127.0.0.1", sizeof("127.0.0.1"));
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

	if (conn->resolve.fd != -1)
		conn->fd = -1; /* the same one, which resolve closes */
	resolve_stop(&conn->resolve);
	close_socket(conn);
	reply_free(&conn->reader);
	free(conn->out);
	conn_init(conn);
	errno = saved;
}
