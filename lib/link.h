/*
 * link: one non-blocking connection to a Redis server, plain or TLS: commands
 * out, replies in, each in its order. It knows what bytes mean to the
 * protocol, but no command and no reply by name.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "frame.h"
#include "reply.h"
#include "tls.h"

#define LINK_REPLY_MAX (16 << 20) /* bytes of one reply */
#define LINK_WORDS_MAX 16         /* of one command */

struct link {
	int fd;       /* -1 where it is closed */
	short events; /* what to poll fd for */
	bool up;      /* connected, and with TLS shaken hands */
	bool more;    /* link_work did not read all: take replies, go on */

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
void link_init(struct link *link);

/*
 * Begins to connect to address; host, other and files are tls_open's, host is
 * NULL where there is no TLS. Returns 0, or -1 with errno.
 */
int link_open(struct link *link, const void *address, size_t address_n,
    const char *host, const char *other, const struct tls_files *files);

/* Queues a command of n words. Returns 0, or -1 with errno ENOMEM. */
int link_command(struct link *link, const struct bytes *words, size_t n);

/*
 * Goes on as far as it can without blocking: call it when fd is ready, and
 * after link_command. Returns 0, or -1 with errno: the connection is lost.
 * ECONNRESET is its end by the server; EACCES a certificate that is not good
 * (see link_why); the others are connect's, TLS's and reply_next's.
 */
int link_work(struct link *link);

/*
 * The next reply, which is valid until the next call of any function here, or
 * after link_keep until the next reply has been dealt with: 1 with *reply; 0
 * where there is none yet; -1 with errno as with link_work.
 */
int link_reply(struct link *link, const struct reply **reply);
void link_keep(struct link *link);

/* Bytes that have come so far of a reply that is not whole. */
size_t link_waiting(const struct link *link);

/* Why a certificate is not good, after EACCES, until link_close. */
const char *link_why(const struct link *link);

/* Closes it and frees what it took. */
void link_close(struct link *link);

#endif
