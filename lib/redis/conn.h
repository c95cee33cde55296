/*
 * conn: one non-blocking connection to a Redis server, plain or TLS. It
 * resolves the host, tries each of its addresses, and then sends commands and
 * receives replies in their order. It knows no command and no reply by name,
 * and how long to wait is the caller's.
 */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reply.h"
#include "resolve.h"
#include "tls.h"

#define CONN_REPLY_MAX (16 << 20) /* bytes of one reply */
#define CONN_WORDS_MAX 16         /* of one command */
#define CONN_ADDRESS_MAX 64       /* bytes of an IP address with its scope */

struct conn {
	int fd;           /* -1 if it is closed */
	short events;     /* what to poll fd for */
	bool up;          /* connected, and TLS has shaken hands */
	int64_t since_ns; /* when this address, or its search, was begun */

	/* the rest is the module's own */
	const char *host, *other;      /* of TLS */
	const struct tls_files *files; /* NULL without TLS */
	struct resolve resolve;
	size_t tried;   /* addresses of resolve.found */
	bool connected; /* to the last one that was tried */
	bool more;      /* not all that has come was read */
	int error;      /* errno of an end that comes after the last reply */
	struct tls *tls;
	struct reply_reader reader;
	char *out; /* commands to send */
	size_t out_n;
	size_t out_done;
};

/* Makes it a closed one. */
void conn_init(struct conn *conn);

/*
 * Begins to connect a closed connection to host, a name or an address; if
 * port is 0, host is the path of a socket. files is NULL without TLS; other
 * is as with tls_open. All of them must outlive the connection. Returns 0,
 * or -1 with errno as conn_next; ENAMETOOLONG is a path that is too long.
 */
int conn_open(struct conn *conn, const char *host, uint16_t port,
    const struct tls_files *files, const char *other);

/*
 * Tries the next address. Returns 0, or -1 if it is connected or there is
 * none left; then errno stays, or is that of the last address.
 */
int conn_skip(struct conn *conn);

/*
 * Queues a command, up to a word that is NULL; conn_next sends it. If there
 * is no memory for it, conn_next fails.
 */
void conn_command(struct conn *conn, const char *const *words);

/*
 * Goes on as far as it can without blocking: call it when fd is ready, and
 * after conn_command. Returns 1 with *reply, which is valid until the next
 * call of any function here, or, after conn_keep, until the next reply has
 * been dealt with; 0 if there is none yet; -1 with errno: the connection is
 * lost. ECONNRESET is its end by the server, ENODATA a host without address;
 * others are connect's, tls_open's, tls_shake's and reply_next's.
 */
int conn_next(struct conn *conn, const struct reply **reply);
void conn_keep(struct conn *conn);

/* Bytes that have come so far of a reply that is not whole. */
size_t conn_waiting(const struct conn *conn);

/* The address of the server; of a socket's it is that of this machine. */
void conn_peer(const struct conn *conn, char address[CONN_ADDRESS_MAX]);

/* What is wrong with the certificate, after EKEYREJECTED. */
const char *conn_why(const struct conn *conn);

/* Closes it and frees what it took. errno stays. */
void conn_close(struct conn *conn);

#endif
