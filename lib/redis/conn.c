/*
 * conn: moves bytes between the socket and hiredis. Connecting is left to dial,
 * and TLS to tls.
 */
#include "conn.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../proc.h"

#define READ 65536
#define READS_MAX 64 /* before the next attempt to parse a reply */
#define DEPTH_MAX 7  /* of nested arrays: the limit of hiredis 0 */

#if HIREDIS_MAJOR >= 1
typedef size_t elements_n; /* of hiredis' createArray */
#else
typedef int elements_n;
#endif

void
conn_init(struct conn *conn)
{
	*conn = (struct conn){.fd = -1, .dial = {.fd = -1, .child = -1}};
}

/*
 * hiredis calls this for each array. Every object of a reply but the outermost
 * is an element of an array, so this bounds the memory of a reply.
 */
static void *
create_array(const redisReadTask *task, elements_n n)
{
	struct conn *conn = task->privdata;

	if (task->parent == NULL)
		conn->elements = 0;
	if (conn->reader->ridx > DEPTH_MAX)
		conn->refused = EPROTO;
	else if ((size_t)n > CONN_ELEMENTS_MAX - conn->elements)
		conn->refused = EMSGSIZE;
	if (conn->refused != 0)
		return NULL;
	conn->elements += (size_t)n;
	return conn->library->createArray(task, n);
}

static int
open_reader(struct conn *conn)
{
	redisReader *reader = redisReaderCreate();

	errno = ENOMEM;
	if (reader == NULL)
		return -1;
	conn->reader = reader;
	conn->library = reader->fn;
	conn->functions = *reader->fn;
	conn->functions.createArray = create_array;
	reader->fn = &conn->functions;
	reader->privdata = conn;
	return 0;
}

int
conn_open(struct conn *conn, const char *host, uint16_t port,
    const struct tls_files *files, const char *other)
{
	conn->host = host;
	conn->other = other;
	conn->files = files;
	if (files != NULL && !TLS_BUILT) {
		errno = ENOTSUP;
		return -1;
	}
	if (open_reader(conn) == -1 ||
	    dial_start(&conn->dial, host, port) == -1)
		return -1;
	conn->fd = conn->dial.fd;
	conn->events = POLLIN;
	return 0;
}

void
conn_send(struct conn *conn, char *command, int n)
{
	char *out = NULL;

	if (n >= 0)
		out = realloc(conn->out, conn->out_n + (size_t)n);
	if (out == NULL) {
		conn->ended = ENOMEM;
	} else {
		memcpy(out + conn->out_n, command, (size_t)n);
		conn->out = out;
		conn->out_n += (size_t)n;
	}
	if (n >= 0)
		redisFreeCommand(command);
}

/*
 * After a failed read or write: sets the events to poll for before the next
 * one. Returns 0, or -1 with errno if the error is not temporary.
 */
static int
pause_io(struct conn *conn, short events)
{
	if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return -1;
	if (conn->tls != NULL)
		events = tls_events(conn->tls);
	conn->events = (short)(conn->events | events);
	return 0;
}

/* Takes dial's socket if it is connected. Returns 0, or -1 with errno. */
static int
open_up(struct conn *conn)
{
	int fd = dial_read(&conn->dial);

	if (fd == -1) {
		conn->fd = conn->dial.fd;
		return pause_io(conn, POLLIN);
	}
	conn->fd = fd;
	conn->up = true;
	if (conn->files == NULL)
		return 0;
	conn->tls = tls_open(fd, conn->host, conn->other, conn->files);
	return conn->tls == NULL ? -1 : 0;
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

/* Hands bytes to hiredis. Returns 1, or -1 with errno. */
static int
feed(struct conn *conn, const char *bytes, size_t n)
{
	conn->got += n;
	errno = ENOMEM;
	return redisReaderFeed(conn->reader, bytes, n) == REDIS_OK ? 1 : -1;
}

/* Reads once. Returns 1, 0 if no bytes are available, or -1 with errno. */
static int
receive(struct conn *conn)
{
	char bytes[READ];
	ssize_t n;

	n = conn->tls != NULL ? tls_read(conn->tls, bytes, sizeof(bytes))
			      : read(conn->fd, bytes, sizeof(bytes));
	if (n == -1)
		return pause_io(conn, POLLIN);
	errno = ECONNRESET;
	return n == 0 ? -1 : feed(conn, bytes, (size_t)n);
}

/* Reads what is available. Returns 1, 0 if nothing is, or -1 with errno. */
static int
receive_some(struct conn *conn)
{
	int got = 1, reads = 0;

	/* hiredis scans an incomplete line from its start each time */
	while (reads < READS_MAX && (got = receive(conn)) == 1)
		reads++;
	if (reads == 0)
		return got;
	if (got == -1)
		conn->ended = errno;
	return 1;
}

/* Parses the next reply. Returns 1, 0 if it is incomplete, or -1 with errno. */
static int
parse(struct conn *conn, redisReply **reply)
{
	redisReader *reader = conn->reader;
	void *object = NULL;

	if (redisReaderGetReply(reader, &object) != REDIS_OK) {
		errno = conn->refused != 0             ? conn->refused
			: reader->err == REDIS_ERR_OOM ? ENOMEM
						       : EPROTO;
		return -1;
	}
	if (object == NULL)
		return 0;
	conn->got = reader->len - reader->pos;
	*reply = object;
	return 1;
}

int
conn_next(struct conn *conn, redisReply **reply)
{
	int got;

	if (!conn->up && open_up(conn) == -1)
		return -1;
	if (!conn->up)
		return 0;
	conn->events = POLLIN;
	if (conn->ended == 0 && send_some(conn) == -1)
		return -1;
	do {
		got = parse(conn, reply);
		if (got != 0)
			return got;
		errno = conn->got > CONN_REPLY_MAX ? EMSGSIZE : conn->ended;
		if (errno != 0)
			return -1;
		got = receive_some(conn);
	} while (got == 1);
	return got;
}

void
conn_peer(const struct conn *conn, char address[CONN_ADDRESS_MAX])
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof(peer);

	if (getpeername(conn->fd, (struct sockaddr *)&peer, &n) == -1 ||
	    peer.ss_family == AF_UNIX ||
	    getnameinfo((const struct sockaddr *)&peer, n, address,
		CONN_ADDRESS_MAX, NULL, 0, NI_NUMERICHOST) != 0)
		memcpy(address, "127.0.0.1", sizeof("127.0.0.1"));
}

void
conn_close(struct conn *conn)
{
	int saved = errno;

	if (!conn->up)
		conn->fd = -1; /* it is dial's, which closes it */
	dial_stop(&conn->dial);
	tls_close(conn->tls);
	proc_close(&conn->fd);
	if (conn->reader != NULL)
		redisReaderFree(conn->reader);
	free(conn->out);
	conn_init(conn);
	errno = saved;
}
