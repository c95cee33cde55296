/*
 * redis: maintains a connection to the server that a URL names: it asks the
 * Sentinels, sends AUTH, SELECT and ROLE, follows MOVED, and after each loss
 * reconnects, after a pause that grows and is jittered. All other commands are
 * the caller's. It never blocks; the caller waits:
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

#define REDIS_CONNECT_MS 5000  /* once connected, for TLS and the login */
#define REDIS_SILENCE_MS 15000 /* without a byte of a reply */
#define REDIS_REPLY_MS 65000   /* for a whole reply */
#define REDIS_PAUSE_MIN_MS 100 /* before connecting again, the first time */
#define REDIS_PAUSE_MAX_MS 5000
#define REDIS_PENDING_MAX 8 /* commands that wait for their replies */
#define REDIS_WHY_MAX 320

enum redis_event {
	REDIS_WAIT,      /* nothing to do before fd or due_ns */
	REDIS_READY,     /* connected and logged in: call redis_ask */
	REDIS_REPLY,     /* redis.reply, in the order of redis_ask: free it */
	REDIS_LOST,      /* reconnects later; redis.why is the reason */
	REDIS_TOO_LARGE, /* LOST because a reply exceeds a bound of conn */
	REDIS_REFUSED,   /* stop: an operator must fix what redis.why says */
	REDIS_FAILED,    /* stop: a retry cannot help; redis.why says why */
};

/* Which command a reply is to. */
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
	bool up;                /* conn is up, and its time limit is set */
	bool ready;             /* REDIS_READY was returned */
	size_t sentinel;        /* the next one to ask */
	struct url_host target; /* the server that conn connects to */
	char named[256];        /* target.name, if a server gave it */
	const char *known;      /* the URL's host that gave named, or NULL */
	bool moved;             /* MOVED has set target: connect there next */
	enum redis_command pending[REDIS_PENDING_MAX];
	size_t pendings;
	int64_t limit_ns; /* when the next reply must be whole */
	size_t got;       /* bytes of it received */
	int64_t pause_ms;
};

/* Does not connect yet. url and files must outlive redis. */
void redis_init(
    struct redis *redis, const struct url *url, const struct tls_files *files);

/* Returns the next event: see above. */
enum redis_event redis_step(struct redis *redis);

/*
 * Sends a command, as with conn_send; its reply comes as REDIS_REPLY, in order.
 * From REDIS_READY until the connection is lost, at least one must be
 * unanswered: silence counts as a loss.
 */
void redis_ask(struct redis *redis, char *command, int n);

/* With Sentinels: asks for ROLE; if it is not the primary, that is a loss. */
void redis_check(struct redis *redis);

/* Resets the pause before reconnecting to the shortest one. */
void redis_settle(struct redis *redis);

/* Closes the connection as if it were lost, and sets redis.why. */
void redis_drop(struct redis *redis, const char *why);

/* Closes the connection and frees its memory. */
void redis_free(struct redis *redis);

#endif
