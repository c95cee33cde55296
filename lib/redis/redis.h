/*
 * redis: a connection to whichever server is the right one, kept up: names
 * are resolved, Sentinels asked, AUTH, SELECT and ROLE done; what is lost is
 * connected again after a pause that grows and is jittered. What the commands
 * mean is the caller's. It never blocks; the caller waits for it:
 *
 *	watch redis.fd for redis.events until redis.due_ns;
 *	while ((event = redis_step(&redis)) != REDIS_WAIT) ...
 */
#ifndef REDIS_H
#define REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "../frame.h"
#include "conn.h"
#include "resolve.h"
#include "url.h"

#define REDIS_CONNECT_MS 5000  /* to connect, shake hands and be let in */
#define REDIS_SILENCE_MS 10000 /* without a byte of a reply that is due */
#define REDIS_REPLY_MS 60000   /* for a whole reply, once it is due */
#define REDIS_PAUSE_MIN_MS 100 /* before connecting again, the first time */
#define REDIS_PAUSE_MAX_MS 5000
#define REDIS_PENDING_MAX 8 /* commands that wait for their replies */
#define REDIS_WHY_MAX 320

enum redis_event {
	REDIS_WAIT,    /* nothing to do before fd or due_ns */
	REDIS_READY,   /* connected anew: nothing was asked yet */
	REDIS_REPLY,   /* redis.reply is that of the next redis_ask */
	REDIS_LOST,    /* not to be had now, as redis.why says; it goes on */
	REDIS_REFUSED, /* ends, as redis.why says; a later try may be better */
	REDIS_FAILED,  /* ends, as redis.why says; no try will be better */
};

/* What a reply belongs to. */
enum redis_command {
	REDIS_SENTINEL,
	REDIS_AUTH,
	REDIS_SELECT,
	REDIS_ROLE,
	REDIS_CALLER,
};

enum redis_state {
	REDIS_PAUSED,
	REDIS_RESOLVING,
	REDIS_LINKED, /* connecting, or connected */
};

struct redis {
	int fd; /* -1 while there is none */
	short events;
	int64_t due_ns; /* LOOP_NEVER is -1 here too */
	const struct reply *reply;
	bool too_large; /* LOST by a reply of more than CONN_REPLY_MAX */
	char why[REDIS_WHY_MAX];

	/* the rest is the module's own */
	const struct url *url;
	struct tls_files files;
	enum redis_state state;
	bool asking;            /* this is a Sentinel */
	bool ready;             /* REDIS_READY was said */
	bool dropped;           /* REDIS_LOST is still to be said */
	size_t sentinel;        /* the next one to ask */
	struct url_host target; /* of the connection */
	char named[256];        /* its name, where a server gave it */
	const char *known;      /* whom of the URL's we asked for it, or NULL */
	bool moved;             /* named is where MOVED sends us */
	struct resolve resolve;
	size_t address; /* the next one of resolve.found */
	struct conn conn;
	enum redis_command pending[REDIS_PENDING_MAX];
	size_t pendings;
	int64_t limit_ns; /* when the next reply must be whole */
	size_t waiting;   /* bytes of it that have come */
	int64_t block_ms; /* of the last command */
	int64_t pause_ms;
	uint64_t random;
};

/* url stays the caller's and must outlive redis. Nothing is done yet. */
void redis_init(
    struct redis *redis, const struct url *url, const struct tls_files *files);

/* Goes on as far as it can. See above, and enum redis_event. */
enum redis_event redis_step(struct redis *redis);

/*
 * Sends a command of n words; its reply comes as REDIS_REPLY, in order. Only
 * between REDIS_READY and REDIS_LOST. block_ms is how long the server may
 * wait before it answers. A failure becomes REDIS_LOST.
 */
void redis_ask(
    struct redis *redis, const struct bytes *words, size_t n, int64_t block_ms);

/* redis.reply stays as it is until the next reply has been dealt with. */
void redis_keep(struct redis *redis);

/*
 * With Sentinels: asks whether the server is still a primary, and leaves it
 * if it is none. Where it is not asked for, nothing.
 */
void redis_check(struct redis *redis);

/* All is well: the next pause begins short again. */
void redis_settle(struct redis *redis);

/* Gives the connection up, as if lost, with this reason: redis_step says so. */
void redis_drop(struct redis *redis, const char *why);

/* Closes everything. */
void redis_free(struct redis *redis);

#endif
