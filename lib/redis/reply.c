/*
 * reply: hiredis parses and asks for one object at a time. The objects lie in
 * blocks of memory that are freed together, so that nothing walks a tree.
 */
#include "reply.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 8192
#define DEPTH_MAX 7 /* arrays in an array: the bound of hiredis 0 */

struct block {
	struct block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) char bytes[];
};

#if HIREDIS_MAJOR >= 1
typedef size_t elements_n; /* of hiredis' createArray */
#else
typedef int elements_n;
#endif

static void
free_blocks(struct reply_reader *reader)
{
	struct block *block = reader->blocks, *next;

	for (; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	reader->blocks = NULL;
	reader->taken = 0;
}

/* Allocates n bytes of the current reply; NULL if that is too much. */
static void *
take(struct reply_reader *reader, size_t n)
{
	struct block *block = reader->blocks;
	size_t size;

	n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (block == NULL || n > block->size - block->used) {
		size = n > BLOCK ? n : BLOCK;
		if (size > 2 * reader->max - reader->taken) {
			reader->why = EMSGSIZE;
			return NULL;
		}
		block = malloc(sizeof(*block) + size);
		if (block == NULL)
			return NULL;
		*block = (struct block){.next = reader->blocks, .size = size};
		reader->blocks = block;
		reader->taken += size;
	}
	block->used += n;
	return block->bytes + block->used - n;
}

static struct reply *
create(const redisReadTask *task, enum reply_type type)
{
	struct reply *reply = take(task->privdata, sizeof(*reply));
	struct reply *parent;

	if (reply == NULL)
		return NULL;
	*reply = (struct reply){.type = type};
	if (task->parent != NULL) {
		parent = task->parent->obj;
		parent->elements[task->idx] = reply;
	}
	return reply;
}

static void *
create_string(const redisReadTask *task, char *text, size_t n)
{
	enum reply_type type = task->type == REDIS_REPLY_ERROR ? REPLY_ERROR
			       : task->type == REDIS_REPLY_STATUS
				   ? REPLY_STATUS
				   : REPLY_STRING;
	char *copy = take(task->privdata, n + 1);
	struct reply *reply = copy == NULL ? NULL : create(task, type);

	if (reply == NULL)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	reply->text = (struct bytes){copy, n};
	return reply;
}

static void *
create_array(const redisReadTask *task, elements_n elements)
{
	struct reply_reader *reader = task->privdata;
	struct reply *reply = create(task, REPLY_ARRAY);
	size_t n = (size_t)elements;

	if (reply == NULL)
		return NULL;
	/* hiredis 1 bounds neither the depth nor the memory */
	if (((const redisReader *)reader->hiredis)->ridx > DEPTH_MAX) {
		reader->why = EPROTO;
		return NULL;
	}
	if (n > reader->max / sizeof(*reply->elements)) {
		reader->why = EMSGSIZE;
		return NULL;
	}
	reply->elements = take(reader, n * sizeof(*reply->elements));
	if (reply->elements == NULL)
		return NULL;
	memset((void *)reply->elements, 0, n * sizeof(*reply->elements));
	reply->n = n;
	return reply;
}

static void *
create_integer(const redisReadTask *task, long long integer)
{
	struct reply *reply = create(task, REPLY_INTEGER);

	if (reply != NULL)
		reply->integer = integer;
	return reply;
}

static void *
create_nil(const redisReadTask *task)
{
	return create(task, REPLY_NIL);
}

#if HIREDIS_MAJOR >= 1
/* RESP3, which a server should not send: nobody has asked for it. */
static void *
create_double(const redisReadTask *task, double value, char *text, size_t n)
{
	(void)value;
	return create_string(task, text, n);
}

static void *
create_bool(const redisReadTask *task, int value)
{
	return create_integer(task, value);
}
#endif

/* Blocks are freed together, by their reader. */
static void
free_nothing(void *object)
{
	(void)object;
}

static redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
    .createNil = create_nil,
    .freeObject = free_nothing,
};

int
reply_init(struct reply_reader *reader, size_t max)
{
	redisReader *hiredis = redisReaderCreateWithFunctions(&functions);

	*reader = (struct reply_reader){.hiredis = hiredis, .max = max};
	if (hiredis == NULL) {
		errno = ENOMEM;
		return -1;
	}
	hiredis->privdata = reader;
	return 0;
}

void
reply_free(struct reply_reader *reader)
{
	if (reader->hiredis != NULL)
		redisReaderFree(reader->hiredis);
	reader->hiredis = NULL;
	free_blocks(reader);
}

/* Sets errno to what is wrong. */
static int
fail(const struct reply_reader *reader)
{
	const redisReader *hiredis = reader->hiredis;

	errno = reader->why != 0                ? reader->why
		: hiredis->err == REDIS_ERR_OOM ? ENOMEM
						: EPROTO;
	return -1;
}

int
reply_feed(struct reply_reader *reader, const char *bytes, size_t n)
{
	reader->sent += n;
	if (redisReaderFeed(reader->hiredis, bytes, n) != REDIS_OK)
		return fail(reader);
	return 0;
}

int
reply_next(struct reply_reader *reader, const struct reply **reply)
{
	redisReader *hiredis = reader->hiredis;
	void *object = NULL;
	size_t after;

	/* before it begins a reply, the last one is not needed any more */
	if (hiredis->ridx == -1 && !reader->keep)
		free_blocks(reader);
	if (redisReaderGetReply(hiredis, &object) != REDIS_OK)
		return fail(reader);
	after = object == NULL ? 0 : hiredis->len - hiredis->pos;
	if (reader->sent - after > reader->max) {
		errno = EMSGSIZE;
		return -1;
	}
	if (object == NULL)
		return 0;
	reader->sent = after;
	reader->keep = false;
	*reply = object;
	return 1;
}

void
reply_keep(struct reply_reader *reader)
{
	reader->keep = true;
}

bool
reply_begins(const struct reply *reply, const char *text)
{
	size_t n = strlen(text);

	return reply->text.n >= n && memcmp(reply->text.at, text, n) == 0;
}

bool
reply_is(const struct reply *reply, const char *text)
{
	return reply->text.n == strlen(text) && reply_begins(reply, text);
}
