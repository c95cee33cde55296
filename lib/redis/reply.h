/* reply: reads a reply of hiredis. Its text may hold any byte. */
#ifndef REPLY_H
#define REPLY_H

#include <hiredis/hiredis.h>

#include "../bytes.h"

/* The text of a string, a status or an error; empty for other replies. */
static inline struct bytes
reply_text(const redisReply *reply)
{
	return (struct bytes){reply->str, reply->str == NULL ? 0 : reply->len};
}

static inline bool
reply_begins(const redisReply *reply, const char *text)
{
	struct bytes all = reply_text(reply);
	size_t n = strlen(text);

	return all.n >= n && memcmp(all.at, text, n) == 0;
}

static inline bool
reply_is(const redisReply *reply, const char *text)
{
	return bytes_equal(reply_text(reply), bytes_of(text));
}

/* Whether it is an array of n elements; hiredis leaves none of them NULL. */
static inline bool
reply_has(const redisReply *reply, size_t n)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements == n;
}

#endif
