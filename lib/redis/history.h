/*
 * history: where in a Redis stream a viewer stands, and what to ask the
 * server next so that it gets every entry once, in order. A conversation of
 * commands and replies; it knows nothing of connections, nor of events.
 *
 *	INFO     where a new viewer's stream ends
 *	BACK     walks back from there, for -n COUNT
 *	READ     the entries after our place, waiting for one, together with
 *	CHECK    INFO again
 *
 * READ and CHECK are sent as one and judged as one: the entries are held until
 * the answer to CHECK. A stream loses its oldest entries first, so what CHECK
 * finds was there for READ too. What was asked before READ proves nothing: the
 * server may wait for 5 seconds, and a transaction may add and trim at once.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "../util.h"
#include "entry.h"
#include "reply.h"

#define HISTORY_BATCH 128     /* entries of one reply, at the most */
#define HISTORY_BLOCK_MS 5000 /* how long the server waits for an entry */
#define HISTORY_WORDS 8       /* of a command */
#define HISTORY_BACK_MAX 1000000

enum history_step { HISTORY_INFO, HISTORY_BACK, HISTORY_READ, HISTORY_CHECK };

/* What to do with a reply. */
enum history_do {
	HISTORY_ASK,     /* history_command says what to ask next */
	HISTORY_EXPECT,  /* nothing: another reply comes */
	HISTORY_KEEP,    /* likewise, and this one must stay until then */
	HISTORY_ENTRIES, /* send what history.gap says, and the entries */
	HISTORY_BROKEN,  /* this is no reply to what was asked */
};

struct history {
	struct bytes key;      /* of the stream */
	struct entry_id place; /* what the viewer has had, once it is known */
	bool fresh;            /* it has had no event: it has no id yet */
	/* after HISTORY_ENTRIES, until history_sent: */
	const char *gap;             /* why entries may be missing, or NULL */
	const struct reply *entries; /* an array of them, or NULL */

	/* the rest is the module's own */
	enum history_step step;
	size_t asked;         /* commands of this step */
	bool placed;          /* place is known */
	bool checked;         /* READ was answered on this connection */
	bool counted;         /* added is known (Redis 7) */
	uint64_t added;       /* entries that were ever added, up to place */
	struct entry_id gone; /* up to here it had no entry when last looked */
	uint64_t back;        /* entries to go back, for a new viewer */
	size_t batch;         /* entries to ask for */
	char number[UTIL_DIGITS_MAX];
	char block[UTIL_DIGITS_MAX];
	char id[ENTRY_ID_MAX];
};

/*
 * For the stream called key, which must outlive it: after last_event_id if
 * that is an id of a stream, or else from the end, back entries before it.
 */
void history_init(struct history *history, const char *key,
    const char *last_event_id, uint64_t back);

/* A new connection: the conversation begins again. */
void history_begin(struct history *history);

/*
 * The next command: its words, which stay until the next call, and how long
 * the server may wait. Returns how many words, or 0 where there is no more
 * before a reply.
 */
size_t history_command(struct history *history,
    struct bytes words[HISTORY_WORDS], int64_t *block_ms);

/* A reply to what was asked, in order. */
enum history_do history_reply(
    struct history *history, const struct reply *reply);

/*
 * The viewer has had what stands before id and id: an entry, or with place
 * itself the gap. Returns 0, or -1 with errno EPROTO: an entry that is not
 * after place, which no server sends.
 */
int history_sent(struct history *history, struct entry_id id);

/*
 * A reply was too large: asks for fewer entries. False where it was one
 * entry already.
 */
bool history_shrink(struct history *history);

#endif
