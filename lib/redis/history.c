/*
 * history: see history.h. Whether entries are missing is decided in one
 * place, judge.
 */
#include "history.h"

#include <errno.h>
#include <string.h>

static const struct entry_id nothing = {0, 0};

/* What XINFO says of a stream. */
struct look {
	struct entry_id end;  /* the greatest id that there ever was */
	struct entry_id gone; /* up to here there is no entry (any more) */
	uint64_t length;      /* entries that there are */
	bool counted;         /* added is known: Redis 7 */
	uint64_t added;       /* entries that there ever were */
};

void
history_init(struct history *history, const char *key,
    const char *last_event_id, uint64_t back)
{
	struct bytes id = {last_event_id, strlen(last_event_id)};

	*history = (struct history){
	    .key = {key, strlen(key)},
	    .back = back,
	    .batch = HISTORY_BATCH,
	};
	history->placed = entry_id_parse(id, &history->place) == 0;
	history->fresh = !history->placed;
	if (!history->placed)
		history->place = nothing;
}

void
history_begin(struct history *history)
{
	history->step = history->placed ? HISTORY_READ : HISTORY_INFO;
	history->asked = 0;
	history->checked = false;
	history->entries = NULL;
	/* the count is this server's; before all entries it is 0 everywhere */
	history->counted = entry_id_compare(history->place, nothing) == 0;
	history->added = 0;
	history->gone = nothing;
}

bool
history_shrink(struct history *history)
{
	if (history->batch == 1)
		return false;
	history->batch /= 16;
	if (history->batch == 0)
		history->batch = 1;
	return true;
}

static struct bytes
text(const char *literal)
{
	return (struct bytes){literal, strlen(literal)};
}

static struct bytes
count(struct history *history, uint64_t number)
{
	return (struct bytes){
	    history->number, util_digits(history->number, number)};
}

static struct bytes
place(struct history *history)
{
	return (struct bytes){
	    history->id, entry_id_text(history->id, history->place)};
}

/* XREAD COUNT n [BLOCK ms] STREAMS key id */
static size_t
command_read(struct history *history, struct bytes words[HISTORY_WORDS])
{
	size_t n = 0;

	words[n++] = text("XREAD");
	words[n++] = text("COUNT");
	words[n++] = count(history, history->batch);
	/* the first is answered at once: now we know that we may */
	if (history->checked) {
		words[n++] = text("BLOCK");
		words[n].at = history->block;
		words[n++].n = util_digits(history->block, HISTORY_BLOCK_MS);
	}
	words[n++] = text("STREAMS");
	words[n++] = history->key;
	words[n++] = place(history);
	return n;
}

/* XREVRANGE key id - COUNT n */
static size_t
command_back(struct history *history, struct bytes words[HISTORY_WORDS])
{
	words[0] = text("XREVRANGE");
	words[1] = history->key;
	words[2] = place(history);
	words[3] = text("-");
	words[4] = text("COUNT");
	words[5] = count(history,
	    history->back < history->batch ? history->back : history->batch);
	return 6;
}

static size_t
command_info(struct history *history, struct bytes words[HISTORY_WORDS])
{
	words[0] = text("XINFO");
	words[1] = text("STREAM");
	words[2] = history->key;
	return 3;
}

size_t
history_command(struct history *history, struct bytes words[HISTORY_WORDS],
    int64_t *block_ms)
{
	size_t asked = history->asked++;

	*block_ms = 0;
	switch (history->step) {
	case HISTORY_INFO: return asked == 0 ? command_info(history, words) : 0;
	case HISTORY_BACK: return asked == 0 ? command_back(history, words) : 0;
	case HISTORY_READ:
		/* the second waits as long as the first */
		*block_ms = history->checked ? HISTORY_BLOCK_MS : 0;
		if (asked == 0)
			return command_read(history, words);
		return asked == 1 ? command_info(history, words) : 0;
	default: return 0;
	}
}

static enum history_do
go_to(struct history *history, enum history_step step)
{
	history->step = step;
	history->asked = 0;
	return HISTORY_ASK;
}

/* The id of an entry's reply: never 0-0. Returns 0 or -1. */
static int
id_of(const struct reply *entry, struct entry_id *id)
{
	if (entry->type != REPLY_ARRAY || entry->n == 0 ||
	    entry_id_parse(entry->elements[0]->text, id) == -1)
		return -1;
	return entry_id_compare(*id, nothing) == 0 ? -1 : 0;
}

/* The value of a field of XINFO's reply, or NULL. */
static const struct reply *
field(const struct reply *reply, const char *name)
{
	for (size_t i = 0; reply->type == REPLY_ARRAY && i + 1 < reply->n;
	     i += 2)
		if (reply->elements[i]->text.n == strlen(name) &&
		    reply_begins(reply->elements[i], name))
			return reply->elements[i + 1];
	return NULL;
}

/* Reads XINFO's reply. Returns 0, or -1 where it is none. */
static int
look_at(const struct reply *reply, struct look *look)
{
	const struct reply *last = field(reply, "last-generated-id");
	const struct reply *first = field(reply, "first-entry");
	const struct reply *length = field(reply, "length");
	const struct reply *added = field(reply, "entries-added");

	*look = (struct look){.counted = true};
	if (reply->type == REPLY_ERROR) /* no such key: it may come */
		return 0;
	if (last == NULL || first == NULL || length == NULL ||
	    entry_id_parse(last->text, &look->end) == -1)
		return -1;
	look->length = (uint64_t)length->integer;
	look->added = added != NULL ? (uint64_t)added->integer : 0;
	look->counted = added != NULL && look->added >= look->length;
	look->gone = look->end;
	if (first->type == REPLY_NIL)
		return 0;
	if (id_of(first, &look->gone) == -1)
		return -1;
	look->gone = entry_id_before(look->gone);
	return 0;
}

/* What READ brought. */
struct batch {
	size_t n;
	struct entry_id before; /* just before the first, or our place */
	struct entry_id last;   /* the last, or our place */
};

/* Returns 0, or -1: these are no entries. */
static int
measure(const struct history *history, struct batch *batch)
{
	const struct reply *entries = history->entries;

	*batch = (struct batch){0, history->place, history->place};
	if (entries == NULL)
		return 0;
	batch->n = entries->n;
	if (id_of(entries->elements[0], &batch->before) == -1 ||
	    id_of(entries->elements[batch->n - 1], &batch->last) == -1)
		return -1;
	batch->before = entry_id_before(batch->before);
	return 0;
}

/* Whether it is another stream than we have read: none of these goes back. */
static bool
replaced(const struct history *history, const struct look *look,
    const struct batch *batch)
{
	return entry_id_compare(look->end, history->place) < 0 ||
	       entry_id_compare(look->gone, history->gone) < 0 ||
	       (history->counted && look->counted &&
		   look->added < history->added + batch->n);
}

/*
 * Whether entries between our place and the batch may be missing. If they are
 * counted, there are as many as were added since; else nothing is missing
 * where our place, or what is just after it, is not trimmed yet.
 */
static bool
trimmed(const struct history *history, const struct look *look,
    const struct batch *batch)
{
	bool counted = history->counted && look->counted;
	uint64_t since = look->added - history->added;

	if (counted && batch->n > 0 &&
	    entry_id_compare(batch->last, look->end) == 0)
		return since != batch->n;
	if (entry_id_compare(look->gone, history->place) <= 0)
		return false;
	if (batch->n > 0 &&
	    entry_id_compare(batch->before, history->place) <= 0)
		return false;
	return !counted || since != look->length;
}

/* Afterwards the viewer has had the batch. */
static void
count_up(
    struct history *history, const struct look *look, const struct batch *batch)
{
	history->gone = look->gone;
	history->added += batch->n;
	if (entry_id_compare(batch->last, look->end) != 0)
		return;
	history->counted = look->counted;
	history->added = look->added;
}

/* What READ brought and what CHECK says of it. Returns 0 or -1. */
static int
judge(struct history *history, const struct look *look)
{
	struct batch batch;

	if (measure(history, &batch) == -1)
		return -1;
	if (replaced(history, look, &batch)) {
		/* what came may be of either: again, from the beginning */
		history->entries = NULL;
		history->gap = "reset";
		batch = (struct batch){0, look->gone, look->gone};
	} else if (trimmed(history, look, &batch)) {
		history->gap = "trimmed";
		if (batch.n == 0)
			batch = (struct batch){0, look->gone, look->gone};
	}
	if (history->gap != NULL) {
		history->place = batch.before;
		history->counted = false;
	}
	count_up(history, look, &batch);
	return 0;
}

static enum history_do
take_info(struct history *history, const struct reply *reply)
{
	struct look look;

	if (look_at(reply, &look) == -1)
		return HISTORY_BROKEN;
	/* the end, and never "the end" again: that moves on by itself */
	history->place = look.end;
	if (history->back > 0 && look.length > 0) {
		history->counted = false;
		return go_to(history, HISTORY_BACK);
	}
	history->placed = true;
	count_up(history, &look, &(struct batch){0, look.end, look.end});
	return go_to(history, HISTORY_READ);
}

static enum history_do
take_back(struct history *history, const struct reply *reply)
{
	struct entry_id oldest;

	if (reply->type != REPLY_ARRAY || reply->n > history->back)
		return HISTORY_BROKEN;
	if (reply->n > 0) {
		if (id_of(reply->elements[reply->n - 1], &oldest) == -1 ||
		    entry_id_compare(oldest, history->place) > 0)
			return HISTORY_BROKEN;
		history->place = entry_id_before(oldest);
		history->back -= reply->n;
	}
	if (reply->n > 0 && history->back > 0)
		return go_to(history, HISTORY_BACK);
	history->placed = true;
	return go_to(history, HISTORY_READ);
}

/* nil, or [[KEY, [ENTRY, ...]]] */
static enum history_do
take_read(struct history *history, const struct reply *reply)
{
	const struct reply *stream;

	history->entries = NULL;
	if (reply->type == REPLY_ARRAY) {
		stream = reply->n == 1 ? reply->elements[0] : reply;
		if (stream->type != REPLY_ARRAY || stream->n != 2 ||
		    stream->elements[1]->type != REPLY_ARRAY ||
		    stream->elements[1]->n == 0)
			return HISTORY_BROKEN;
		history->entries = stream->elements[1];
	} else if (reply->type != REPLY_NIL) {
		return HISTORY_BROKEN;
	}
	history->checked = true;
	if (history->entries == NULL || history->entries->n < history->batch)
		history->batch = HISTORY_BATCH; /* that was all there was */
	history->step = HISTORY_CHECK;
	return HISTORY_KEEP;
}

static enum history_do
take_check(struct history *history, const struct reply *reply)
{
	struct look look;

	if (look_at(reply, &look) == -1 || judge(history, &look) == -1)
		return HISTORY_BROKEN;
	(void)go_to(history, HISTORY_READ);
	return HISTORY_ENTRIES;
}

enum history_do
history_reply(struct history *history, const struct reply *reply)
{
	switch (history->step) {
	case HISTORY_INFO: return take_info(history, reply);
	case HISTORY_BACK: return take_back(history, reply);
	case HISTORY_READ: return take_read(history, reply);
	default: return take_check(history, reply);
	}
}

int
history_sent(struct history *history, struct entry_id id)
{
	int order = entry_id_compare(id, history->place);

	if (order < 0 || (order == 0 && history->gap == NULL)) {
		errno = EPROTO;
		return -1;
	}
	history->place = id;
	history->gap = NULL;
	history->fresh = false;
	return 0;
}
