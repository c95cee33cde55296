/*
 * conn: one non-blocking connection to a Redis server, plain or TLS: commands
 * out, replies in, each in its order. It knows what bytes mean to the
 * protocol, but no command and no reply by name.
 */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stddef.h>

#include "../frame.h"
#include "reply.h"
#include "tls.h"

#define CONN_REPLY_MAX (16 << 20) /* bytes of one reply */
#define CONN_WORDS_MAX 16         /* of one command */

struct conn {
	int fd;       /* -1 where it is closed */
	short events; /* what to poll fd for */
	bool up;      /* connected, and with TLS shaken hands */
	bool more;    /* conn_work did not read all: take replies, go on */

	/* the rest is the module's own */
	bool connected;
	bool ended; /* the server has closed its side */
	struct tls *tls;
	struct reply_reader reader;
	char *out; /* what is to be sent */
	size_t out_n;
	size_t out_done;
};

/* Makes it a closed one. */
void conn_init(struct conn *conn);

/*
 * Begins to connect to address; host, other and files are tls_open's, host is
 * NULL where there is no TLS. Returns 0, or -1 with errno.
 */
int conn_open(struct conn *conn, const void *address, size_t address_n,
    const char *host, const char *other, const struct tls_files *files);

/* Queues a command of n words. Returns 0, or -1 with errno ENOMEM. */
int conn_command(struct conn *conn, const struct bytes *words, size_t n);

/*
 * Goes on as far as it can without blocking: call it when fd is ready, and
 * after conn_command. Returns 0, or -1 with errno: the connection is lost.
 * ECONNRESET is its end by the server; EACCES a certificate that is not good
 * (see conn_why); the others are connect's, TLS's and reply_next's.
 */
int conn_work(struct conn *conn);

/*
 * The next reply, which is valid until the next call of any function here, or
 * after conn_keep until the next reply has been dealt with: 1 with *reply; 0
 * where there is none yet; -1 with errno as with conn_work.
 */
int conn_reply(struct conn *conn, const struct reply **reply);
void conn_keep(struct conn *conn);

/* Bytes that have come so far of a reply that is not whole. */
size_t conn_waiting(const struct conn *conn);

/* Why a certificate is not good, after EACCES, until conn_close. */
const char *conn_why(const struct conn *conn);

/* Closes it and frees what it took. */
void conn_close(struct conn *conn);

#endif
