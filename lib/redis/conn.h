/*
 * conn: one non-blocking connection to a Redis server, plain or TLS, that
 * sends commands and receives replies (RESP2) in their order. hiredis encodes
 * and parses; what it takes is bounded here. It knows no command and no reply
 * by name, and how long to wait is the caller's.
 */
#ifndef CONN_H
#define CONN_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dial.h"
#include "tls.h"

#define CONN_REPLY_MAX (16 << 20) /* bytes of one reply, as they are sent */
#define CONN_ELEMENTS_MAX 65536   /* of its arrays, all together */
#define CONN_ADDRESS_MAX 64       /* bytes of an IP address with its scope */

struct conn {
	int fd;       /* -1 if it is closed */
	short events; /* what to poll fd for */
	bool up;      /* connected */
	size_t got;   /* bytes of a reply that is not whole yet */

	/* the rest is the module's own */
	const char *host, *other;      /* of TLS */
	const struct tls_files *files; /* NULL without TLS */
	struct dial dial;              /* until it is up */
	struct ssl_st *tls;
	redisReader *reader;
	redisReplyObjectFunctions functions; /* hiredis' own, but for arrays */
	const redisReplyObjectFunctions *library;
	size_t elements; /* of the reply that hiredis is making */
	int refused;     /* errno of a reply that is beyond the bounds */
	int ended;       /* errno of an end that comes after the last reply */
	char *out;       /* commands to send */
	size_t out_n;
	size_t out_done;
};

/* Makes it a closed one. */
void conn_init(struct conn *conn);

/*
 * Begins to connect a closed connection, as dial_start does. files is NULL
 * without TLS; other is as with tls_open. All of them must outlive the
 * connection. Returns 0, or -1 with errno as conn_next.
 */
int conn_open(struct conn *conn, const char *host, uint16_t port,
    const struct tls_files *files, const char *other);

/*
 * Queues n bytes of a command that redisFormatCommand made, and frees them;
 * conn_next sends it. If n is negative, there was no memory: conn_next fails.
 */
void conn_send(struct conn *conn, char *command, int n);

/*
 * Goes on as far as it can without blocking: call it when fd is ready, and
 * after conn_send. Returns 1 with *reply, which the caller frees; 0 if there
 * is none yet; -1 with errno: the connection is lost. ECONNRESET is its end by
 * the server, EPROTO no reply, EMSGSIZE one that is too large; others are
 * those of dial_read, tls_open and tls_read.
 */
int conn_next(struct conn *conn, redisReply **reply);

/* The address of the server; of a socket's it is that of this machine. */
void conn_peer(const struct conn *conn, char address[CONN_ADDRESS_MAX]);

/* Closes it and frees what it took. errno stays. */
void conn_close(struct conn *conn);

#endif
