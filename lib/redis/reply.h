/*
 * reply: what a Redis server answers (RESP2), parsed by hiredis, within a
 * bound: a reply that is too large is refused before it takes more memory. It
 * does no I/O.
 */
#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../frame.h"

enum reply_type {
	REPLY_NIL,
	REPLY_INTEGER,
	REPLY_STRING,
	REPLY_STATUS,
	REPLY_ERROR,
	REPLY_ARRAY,
};

/*
 * Belongs to its reader, and is valid until the next call of reply_next or
 * reply_free; after reply_keep it is valid as long as the reply after it.
 */
struct reply {
	enum reply_type type;
	int64_t integer;               /* of INTEGER */
	struct bytes text;             /* of STRING, STATUS, ERROR */
	size_t n;                      /* of ARRAY: how many elements */
	const struct reply **elements; /* of ARRAY; none is NULL */
};

/* All fields are the module's own. */
struct reply_reader {
	void *hiredis;
	void *blocks; /* the memory of the current reply */
	size_t max;   /* bytes of one reply as sent */
	size_t sent;  /* of the current reply, and what came after it */
	size_t taken; /* bytes of memory in blocks */
	bool keep;    /* the current reply stays beside the next one */
	int why;      /* errno of a function that hiredis has called */
};

/*
 * max is in bytes; a reply may take twice that as objects. Returns 0, or -1
 * with errno ENOMEM.
 */
int reply_init(struct reply_reader *reader, size_t max);

/* Frees what reply_init took, and the current reply. */
void reply_free(struct reply_reader *reader);

/*
 * Takes n bytes of what the server sent. Returns 0, or -1 as reply_next. The
 * bound is checked by reply_next: call it before too much has been fed.
 */
int reply_feed(struct reply_reader *reader, const char *bytes, size_t n);

/*
 * The next whole reply: 1 with *reply, 0 if more bytes are needed, -1 with
 * errno EPROTO (not the protocol, or nested too deep), EMSGSIZE (larger than
 * max) or ENOMEM. After -1 only reply_free may be called.
 */
int reply_next(struct reply_reader *reader, const struct reply **reply);

/* The current reply stays beside the next one; max counts for both. */
void reply_keep(struct reply_reader *reader);

/* Whether reply is text (a string, a status, an error) that begins so. */
bool reply_begins(const struct reply *reply, const char *text);

/* Whether it is text that is just this. */
bool reply_is(const struct reply *reply, const char *text);

#endif
