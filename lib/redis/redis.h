/*
 * redis: keeps a connection to the right server up: it asks the Sentinels,
 * does AUTH, SELECT and ROLE, follows MOVED, and after each loss connects
 * again, after a pause that grows and is jittered. All other commands are the
 * caller's. It never blocks; the caller waits for it:
 *
 *	watch redis.conn.fd for redis.conn.events until redis.due_ns;
 *	while ((event = redis_step(&redis)) != REDIS_WAIT) ...
 */
#ifndef REDIS_H
#define REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "conn.h"
#include "url.h"

#define REDIS_CONNECT_MS 5000  /* once connected, to shake hands and get in */
#define REDIS_SILENCE_MS 15000 /* without a byte of a reply */
#define REDIS_REPLY_MS 65000   /* for a whole reply */
#define REDIS_PAUSE_MIN_MS 100 /* before connecting again, the first time */
#define REDIS_PAUSE_MAX_MS 5000
#define REDIS_PENDING_MAX 8 /* commands that wait for their replies */
#define REDIS_WHY_MAX 320

enum redis_event {
	REDIS_WAIT,      /* nothing to do before fd or due_ns */
	REDIS_READY,     /* connected anew: redis_ask something */
	REDIS_REPLY,     /* redis.reply, to the next redis_ask: to be freed */
	REDIS_LOST,      /* connects again later; redis.why is the reason */
	REDIS_TOO_LARGE, /* LOST by a reply beyond the bounds of conn */
	REDIS_REFUSED,   /* ends: an operator must mend what redis.why says */
	REDIS_FAILED,    /* ends: retrying cannot help; redis.why says why */
};

/* What a reply belongs to. */
enum redis_command {
	REDIS_SENTINEL,
	REDIS_AUTH,
	REDIS_SELECT,
	REDIS_ROLE,
	REDIS_CALLER,
};

struct redis {
	struct conn conn; /* closed during a pause */
	int64_t due_ns;
	redisReply *reply;
	char why[REDIS_WHY_MAX];

	/* the rest is the module's own */
	const struct url *url;
	const struct tls_files *files;
	bool asking;            /* conn is to a Sentinel */
	bool up;                /* conn is up, and due_ns is set for that */
	bool ready;             /* REDIS_READY was returned */
	size_t sentinel;        /* the next one to ask */
	struct url_host target; /* of conn */
	char named[256];        /* its name, if a server gave it */
	const char *known;      /* the URL's host that gave it, or NULL */
	bool moved;             /* named is where MOVED sends us */
	enum redis_command pending[REDIS_PENDING_MAX];
	size_t pendings;
	int64_t limit_ns; /* when the next reply must be whole */
	size_t got;       /* bytes of it that have come */
	int64_t pause_ms;
};

/* Both pointers must outlive redis. Nothing is done yet. */
void redis_init(
    struct redis *redis, const struct url *url, const struct tls_files *files);

/* Goes on as far as it can. See above, and enum redis_event. */
enum redis_event redis_step(struct redis *redis);

/*
 * Sends a command, as with conn_send; its reply comes as REDIS_REPLY, in
 * order. From REDIS_READY until the connection is lost, there must be one to
 * wait for.
 */
void redis_ask(struct redis *redis, char *command, int n);

/* If the URL names Sentinels: leaves the server if it is no primary now. */
void redis_check(struct redis *redis);

/* All is well: the next pause is a short one again. */
void redis_settle(struct redis *redis);

/* Gives the connection up for this reason, as if it were lost. */
void redis_drop(struct redis *redis, const char *why);

/* Closes everything. */
void redis_free(struct redis *redis);

#endif
