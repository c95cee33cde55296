/*
 * conn: one non-blocking connection to a Redis server, plain or TLS, that sends
 * commands and receives replies (RESP2) in their order. hiredis encodes and
 * parses; the size of a reply is bounded here. Commands, replies and time-outs
 * are the caller's.
 */
#ifndef CONN_H
#define CONN_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dial.h"
#include "tls.h"

#define CONN_REPLY_MAX (16 << 20) /* bytes of one reply, as encoded */
#define CONN_ELEMENTS_MAX 65536   /* of all arrays of one reply */
#define CONN_ADDRESS_MAX 64       /* bytes of a numeric IP address */

struct conn {
	int fd;       /* -1 if it is closed */
	short events; /* what to poll fd for */
	bool up;      /* connected */
	size_t got;   /* bytes received of an incomplete reply */

	/* the rest is the module's own */
	const char *host, *other;      /* for tls_open */
	const struct tls_files *files; /* NULL without TLS */
	struct dial dial;              /* while connecting */
	struct ssl_st *tls;
	redisReader *reader;
	redisReplyObjectFunctions functions; /* hiredis' own, but createArray */
	const redisReplyObjectFunctions *library;
	size_t elements; /* of the reply that is parsed */
	int refused;     /* errno of a reply that exceeds a bound */
	int ended;       /* errno to return after the replies received */
	char *out;       /* commands to send */
	size_t out_n;
	size_t out_done;
};

/* Initializes conn as closed. */
void conn_init(struct conn *conn);

/*
 * Starts to connect a closed connection; host and port are as with dial_start,
 * other as with tls_open. files is NULL for no TLS. host, files and other must
 * outlive the connection. Returns 0, or -1 with errno as conn_next.
 */
int conn_open(struct conn *conn, const char *host, uint16_t port,
    const struct tls_files *files, const char *other);

/*
 * Queues a command of n bytes for conn_next to send, and frees it. command and
 * n are what redisFormatCommand made: if n is negative, conn_next fails with
 * ENOMEM.
 */
void conn_send(struct conn *conn, char *command, int n);

/*
 * Connects, sends and receives as far as possible without blocking; call it
 * when fd is ready, and after conn_send. Returns 1 with *reply, which the
 * caller frees; 0 if no reply is complete yet; or -1 with errno if the
 * connection is lost: ECONNRESET if the server closed it, EPROTO for an invalid
 * reply, EMSGSIZE for one that is too large, else as dial_read, tls_open and
 * tls_read.
 */
int conn_next(struct conn *conn, redisReply **reply);

/* The server's IP address; 127.0.0.1 for a Unix-domain socket. */
void conn_peer(const struct conn *conn, char address[CONN_ADDRESS_MAX]);

/* Closes the connection and frees its memory; keeps errno. */
void conn_close(struct conn *conn);

#endif
