/*
 * history: where in a Redis stream a viewer stands, and what to ask the
 * server next so that it gets every entry once, in order. A conversation of
 * commands and replies; it knows nothing of connections, nor of events.
 *
 *	INFO     what ids the stream has: is our place still in it?
 *	BACK     walks back from the end, for -n COUNT
 *	OLDEST   the oldest entry, together with
 *	READ     the entries after our place, waiting for one
 *
 * OLDEST and READ are sent as one, so what one finds was true for the other:
 * a viewer whose place was trimmed while it was away, or too slow, is told.
 */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "entry.h"
#include "reply.h"
#include "util.h"

#define HISTORY_BATCH 128     /* entries of one reply, at the most */
#define HISTORY_BLOCK_MS 5000 /* how long the server waits for an entry */
#define HISTORY_WORDS 8       /* of a command */
#define HISTORY_BACK_MAX 1000000

enum history_step { HISTORY_INFO, HISTORY_BACK, HISTORY_OLDEST, HISTORY_READ };

/* What to do with a reply. */
enum history_do {
	HISTORY_ASK,     /* history_command says what to ask next */
	HISTORY_EXPECT,  /* nothing: another reply comes */
	HISTORY_ENTRIES, /* send what history.gap says, and the entries */
	HISTORY_BROKEN,  /* this is no reply to what was asked */
};

struct history {
	struct bytes key;      /* of the stream */
	struct entry_id place; /* what the viewer has had, once it is known */
	/* after HISTORY_ENTRIES, until history_sent: */
	const char *gap;             /* why entries may be missing, or NULL */
	const struct reply *entries; /* an array of them, or NULL */

	/* the rest is the module's own */
	enum history_step step;
	size_t asked;        /* commands of this step */
	bool placed;         /* place is known */
	bool checked;        /* READ was answered on this connection */
	struct entry_id end; /* the greatest id there ever was */
	uint64_t back;       /* entries to go back, for a new viewer */
	size_t batch;        /* entries to ask for */
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

/* A new connection: the conversation begins with INFO again. */
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
