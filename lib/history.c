/*
 * history: see history.h.
 */
#include "history.h"

#include <errno.h>
#include <string.h>

static const struct entry_id nothing = {0, 0};

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
	if (!history->placed)
		history->place = nothing;
}

void
history_begin(struct history *history)
{
	history->step = HISTORY_INFO;
	history->asked = 0;
	history->checked = false;
	history->entries = NULL;
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
command_read(struct history *history, struct bytes words[HISTORY_WORDS],
    int64_t *block_ms)
{
	size_t n = 0;

	words[n++] = text("XREAD");
	words[n++] = text("COUNT");
	words[n++] = count(history, history->batch);
	/* the first is answered at once: now we know that we may */
	if (history->checked) {
		*block_ms = HISTORY_BLOCK_MS;
		words[n++] = text("BLOCK");
		words[n].at = history->block;
		words[n++].n = util_digits(history->block, HISTORY_BLOCK_MS);
	}
	words[n++] = text("STREAMS");
	words[n++] = history->key;
	words[n++] = place(history);
	return n;
}

/* XREVRANGE key id - COUNT n, or XRANGE key - + COUNT 1 */
static size_t
command_range(struct history *history, struct bytes words[HISTORY_WORDS])
{
	bool back = history->step == HISTORY_BACK;
	uint64_t n = 1;

	if (back)
		n = history->back < history->batch ? history->back
						   : history->batch;
	words[0] = text(back ? "XREVRANGE" : "XRANGE");
	words[1] = history->key;
	words[2] = back ? place(history) : text("-");
	words[3] = text(back ? "-" : "+");
	words[4] = text("COUNT");
	words[5] = count(history, n);
	return 6;
}

size_t
history_command(struct history *history, struct bytes words[HISTORY_WORDS],
    int64_t *block_ms)
{
	size_t asked = history->asked++;

	*block_ms = 0;
	switch (history->step) {
	case HISTORY_INFO:
		words[0] = text("XINFO");
		words[1] = text("STREAM");
		words[2] = history->key;
		return asked == 0 ? 3 : 0;
	case HISTORY_BACK:
		return asked == 0 ? command_range(history, words) : 0;
	case HISTORY_OLDEST:
		if (asked == 0)
			return command_range(history, words);
		return asked == 1 ? command_read(history, words, block_ms) : 0;
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

/* The id of an entry's reply. Returns 0 or -1. */
static int
id_of(const struct reply *entry, struct entry_id *id)
{
	if (entry->type != REPLY_ARRAY || entry->n == 0)
		return -1;
	return entry_id_parse(entry->elements[0]->text, id);
}

/* The value of a field of XINFO's reply, or NULL. */
static const struct reply *
info(const struct reply *reply, const char *name)
{
	for (size_t i = 0; reply->type == REPLY_ARRAY && i + 1 < reply->n;
	     i += 2)
		if (reply->elements[i]->text.n == strlen(name) &&
		    reply_begins(reply->elements[i], name))
			return reply->elements[i + 1];
	return NULL;
}

/* Entries may be missing: from here it is the oldest that there is. */
static void
set_gap(struct history *history, const char *why, const struct entry_id *oldest)
{
	history->gap = why;
	history->place =
	    oldest != NULL ? entry_id_before(*oldest) : history->end;
}

/* Whether what followed place may be gone: place is, and not just before. */
static bool
trimmed(const struct history *history, struct entry_id oldest)
{
	return entry_id_compare(history->place, nothing) != 0 &&
	       entry_id_compare(oldest, history->place) > 0 &&
	       entry_id_compare(entry_id_before(oldest), history->place) != 0;
}

/* A viewer's place, after its absence. oldest is NULL in an empty stream. */
static void
check_place(struct history *history, const struct entry_id *oldest)
{
	int behind = entry_id_compare(history->end, history->place);

	if (behind < 0)
		set_gap(history, "reset", oldest);
	else if (oldest != NULL ? trimmed(history, *oldest)
				: behind > 0 && entry_id_compare(history->place,
						    nothing) != 0)
		set_gap(history, "trimmed", oldest);
}

static enum history_do
take_info(struct history *history, const struct reply *reply)
{
	const struct reply *last = info(reply, "last-generated-id");
	const struct reply *first = info(reply, "first-entry");
	struct entry_id oldest = nothing;

	history->end = nothing;
	if (reply->type != REPLY_ERROR && /* no such key: it may come */
	    (last == NULL || first == NULL ||
		entry_id_parse(last->text, &history->end) == -1 ||
		(first->type != REPLY_NIL && id_of(first, &oldest) == -1)))
		return HISTORY_BROKEN;
	if (history->placed) {
		check_place(history,
		    entry_id_compare(oldest, nothing) == 0 ? NULL : &oldest);
		return go_to(history, HISTORY_OLDEST);
	}
	/* the end, and never "the end" again: that moves on by itself */
	history->place = history->end;
	if (history->back > 0 && entry_id_compare(history->end, nothing) != 0)
		return go_to(history, HISTORY_BACK);
	history->placed = true;
	return go_to(history, HISTORY_OLDEST);
}

static enum history_do
take_back(struct history *history, const struct reply *reply)
{
	struct entry_id oldest;

	if (reply->type != REPLY_ARRAY || reply->n > history->back)
		return HISTORY_BROKEN;
	if (reply->n > 0) {
		if (id_of(reply->elements[reply->n - 1], &oldest) == -1 ||
		    entry_id_compare(oldest, history->place) > 0 ||
		    entry_id_compare(oldest, nothing) == 0)
			return HISTORY_BROKEN;
		history->place = entry_id_before(oldest);
		history->back -= reply->n;
	}
	if (reply->n > 0 && history->back > 0)
		return go_to(history, HISTORY_BACK);
	history->placed = true;
	return go_to(history, HISTORY_OLDEST);
}

static enum history_do
take_oldest(struct history *history, const struct reply *reply)
{
	struct entry_id oldest;

	history->step = HISTORY_READ;
	if (reply->type != REPLY_ARRAY)
		return HISTORY_BROKEN;
	if (reply->n == 0)
		return HISTORY_EXPECT;
	if (id_of(reply->elements[0], &oldest) == -1 ||
	    entry_id_compare(oldest, nothing) == 0)
		return HISTORY_BROKEN;
	if (trimmed(history, oldest))
		set_gap(history, "trimmed", &oldest);
	return HISTORY_EXPECT;
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
		    stream->elements[1]->type != REPLY_ARRAY)
			return HISTORY_BROKEN;
		history->entries = stream->elements[1];
	} else if (reply->type != REPLY_NIL) {
		return HISTORY_BROKEN;
	}
	history->checked = true;
	if (history->entries == NULL || history->entries->n < history->batch)
		history->batch = HISTORY_BATCH; /* that was all there was */
	(void)go_to(history, HISTORY_OLDEST);
	return HISTORY_ENTRIES;
}

enum history_do
history_reply(struct history *history, const struct reply *reply)
{
	switch (history->step) {
	case HISTORY_INFO: return take_info(history, reply);
	case HISTORY_BACK: return take_back(history, reply);
	case HISTORY_OLDEST: return take_oldest(history, reply);
	default: return take_read(history, reply);
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
	return 0;
}
