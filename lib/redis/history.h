/*
 * history: where in a Redis stream a client stands, and what to ask the
 * server next so that the client gets every entry once, in order. It is a
 * conversation of commands and replies; it knows no connection.
 *
 *	INFO     finds the end of the stream, where a new client begins
 *	BACK     walks back from there, for -n COUNT
 *	READ     gets the entries after the place, and waits for one
 *	CHECK    is INFO again, sent together with READ
 *
 * The entries of READ are held until CHECK is answered. A stream loses its
 * oldest entries first, so what CHECK finds was also there for READ. An answer
 * from before READ would prove nothing: the server may wait for 5 seconds, and
 * one transaction may both add and trim.
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
	HISTORY_ASK,    /* send what history_command says, await a reply */
	HISTORY_GAP,    /* tell the client that entries may be missing */
	HISTORY_START,  /* tell a new client where it stands: history.place */
	HISTORY_ENTRY,  /* send the client history.entry */
	HISTORY_DONE,   /* the client has all that was read: ask again */
	HISTORY_BROKEN, /* this is no reply to what was asked */
};

struct history {
	const redisReply *entry; /* with HISTORY_ENTRY */
	const char *gap;         /* with HISTORY_GAP: trimmed or reset */
	struct entry_id place;   /* up to here the client has had all */
	bool idle;               /* with HISTORY_DONE: there was no entry */

	/* the rest is the module's own */
	const char *key;       /* of the stream */
	struct entry_id after; /* place, once the client has had entry */
	enum history_step step;
	size_t asked;              /* commands of this step */
	bool fresh;                /* the client has had no id */
	bool placed;               /* place is known */
	bool checked;              /* READ was answered on this connection */
	bool counted;              /* added is known (Redis 7) */
	uint64_t added;            /* entries ever added, up to place */
	struct entry_id gone;      /* up to here none was left at CHECK */
	uint64_t back;             /* entries to go back */
	unsigned int batch;        /* entries to ask for */
	redisReply *read;          /* what READ brought */
	const redisReply *entries; /* its entries: an array, or NULL */
	size_t next;               /* of entries */
};

/*
 * For the stream called key, which must outlive it: after last_event_id if
 * that is an id of a stream, or else from the end, back entries before it.
 */
void history_init(struct history *history, const char *key,
    const char *last_event_id, uint64_t back);

/* A new connection: the conversation begins again. */
void history_begin(struct history *history);

/* Frees what it keeps of replies. */
void history_free(struct history *history);

/*
 * Makes the next command to send before a reply. Returns its bytes, to be
 * freed by redisFreeCommand, 0 if there is none, or less: no memory.
 */
int history_command(struct history *history, char **command);

/* Takes a reply to what was asked, in order, and frees it. */
enum history_do history_reply(struct history *history, redisReply *reply);

/* After HISTORY_GAP, _START and _ENTRY: the client has had that now. */
enum history_do history_next(struct history *history);

/*
 * A reply was too large: asks for fewer entries. Returns false if it was one
 * entry already.
 */
bool history_shrink(struct history *history);

#endif
