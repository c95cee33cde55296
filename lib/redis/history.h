/*
 * history: tracks a client's place in a Redis stream, and chooses the next
 * command so that the client gets every entry once, in order. It makes commands
 * and takes replies; the connection is the caller's.
 *
 *	INFO     finds the end of the stream, where a new client begins
 *	BACK     walks back from there, for -n COUNT
 *	READ     gets the entries after the place, and waits for one
 *	CHECK    is INFO again, sent together with READ
 *
 * The entries of READ are kept until CHECK is answered. A stream loses its
 * oldest entries first, so an entry that CHECK finds was also there for READ.
 * An INFO from before READ would prove nothing: READ may wait for 5 seconds,
 * and one transaction may both add and trim.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "entry.h"
#include "reply.h"

#define HISTORY_BATCH 128     /* entries of one reply, at the most */
#define HISTORY_BLOCK_MS 5000 /* how long the server waits for an entry */
#define HISTORY_BACK_MAX 1000000

enum history_step { HISTORY_INFO, HISTORY_BACK, HISTORY_READ, HISTORY_CHECK };

/* What to do next. */
enum history_do {
	HISTORY_ASK,    /* send what history_command makes, await a reply */
	HISTORY_GAP,    /* tell the client that entries may be missing */
	HISTORY_START,  /* tell a new client its place: history.place */
	HISTORY_ENTRY,  /* send the client history.entry */
	HISTORY_DONE,   /* all entries that were read are sent: ask again */
	HISTORY_BROKEN, /* the reply does not fit the command */
};

struct history {
	const redisReply *entry; /* with HISTORY_ENTRY */
	const char *gap;         /* with HISTORY_GAP: trimmed or reset */
	struct entry_id place;   /* the client has all up to this id */
	bool idle;               /* with HISTORY_DONE: READ found no entry */

	/* the rest is the module's own */
	const char *key;       /* of the stream */
	struct entry_id after; /* the place once entry is sent */
	enum history_step step;
	size_t asked;              /* commands made in this step */
	bool fresh;                /* the client was sent no id yet */
	bool placed;               /* place is known */
	bool checked;              /* READ was answered on this connection */
	bool counted;              /* added is known (Redis 7) */
	uint64_t added;            /* entries ever added, up to place */
	struct entry_id gone;      /* at CHECK none was left up to this id */
	uint64_t back;             /* entries still to go back */
	unsigned int batch;        /* entries to ask for */
	redisReply *read;          /* the reply to READ */
	const redisReply *entries; /* its entries: an array, or NULL */
	size_t next;               /* index in entries */
};

/*
 * Starts in the stream key, which must outlive history: after last_event_id if
 * that is the id of an entry, else back entries before the end.
 */
void history_init(struct history *history, const char *key,
    const char *last_event_id, uint64_t back);

/* Begins on a new connection: keeps the place, forgets unanswered commands. */
void history_begin(struct history *history);

/* Frees the reply that it keeps. */
void history_free(struct history *history);

/*
 * Makes the next command to send before a reply is awaited. Returns its length
 * in bytes, with *command to be freed by redisFreeCommand; 0 if there is none;
 * or less than 0 if there is no memory.
 */
int history_command(struct history *history, char **command);

/* Takes over the reply to the first command that has none yet. */
enum history_do history_reply(struct history *history, redisReply *reply);

/* To be called when a HISTORY_GAP, _START or _ENTRY has been sent. */
enum history_do history_next(struct history *history);

/*
 * After a reply that was too large: asks for fewer entries at a time. Returns
 * false if it was one entry already.
 */
bool history_shrink(struct history *history);

#endif
