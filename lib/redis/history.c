/*
 * history: chooses the commands and decides, in judge, whether entries are
 * missing. It neither sends nor receives.
 */
#include "history.h"

#include <string.h>

static const struct entry_id nothing = {0, 0};

/* What XINFO says about a stream. */
struct info {
	struct entry_id end;  /* the greatest id there ever was */
	struct entry_id gone; /* no entry is left up to this id */
	uint64_t length;      /* entries in it now */
	bool counted;         /* added is known: Redis 7 */
	uint64_t added;       /* entries ever added */
};

void
history_init(struct history *history, const char *key,
    const char *last_event_id, uint64_t back)
{
	*history = (struct history){
	    .key = key,
	    .back = back,
	    .batch = HISTORY_BATCH,
	};
	history->placed =
	    entry_id_parse(bytes_of(last_event_id), &history->place) == 0;
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
	/* servers may count differently; before the first entry it is 0 */
	history->counted = entry_id_compare(history->place, nothing) == 0;
	history->added = 0;
	history->gone = nothing;
}

bool
history_shrink(struct history *history)
{
	if (history->batch == 1)
		return false;
	history->batch = history->batch > 16 ? history->batch / 16 : 1;
	return true;
}

int
history_command(struct history *history, char **command)
{
	const char *key = history->key;
	unsigned int batch = history->batch;
	size_t asked = history->asked++;
	bool read = history->step == HISTORY_READ;
	char id[ENTRY_ID_MAX];

	(void)entry_id_text(id, history->place);
	if (asked > (read ? 1 : 0))
		return 0;
	if (history->step == HISTORY_BACK)
		return redisFormatCommand(command, "XREVRANGE %s %s - COUNT %u",
		    key, id,
		    history->back < batch ? (unsigned int)history->back
					  : batch);
	if (!read || asked == 1)
		return redisFormatCommand(command, "XINFO STREAM %s", key);
	/* the first READ does not wait: it shows whether we may read */
	if (!history->checked)
		return redisFormatCommand(
		    command, "XREAD COUNT %u STREAMS %s %s", batch, key, id);
	return redisFormatCommand(command,
	    "XREAD COUNT %u BLOCK %d STREAMS %s %s", batch, HISTORY_BLOCK_MS,
	    key, id);
}

static enum history_do
go_to(struct history *history, enum history_step step)
{
	history->step = step;
	history->asked = 0;
	return HISTORY_ASK;
}

/* Reads the id of an entry. Returns 0, or -1 if there is none, or 0-0. */
static int
id_of(const redisReply *entry, struct entry_id *id)
{
	if (!reply_has(entry, 2) ||
	    entry_id_parse(reply_text(entry->element[0]), id) == -1)
		return -1;
	return entry_id_compare(*id, nothing) == 0 ? -1 : 0;
}

/* The value of a field of XINFO's reply, or NULL. */
static const redisReply *
field(const redisReply *reply, const char *name)
{
	for (size_t i = 0;
	     reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements;
	     i += 2)
		if (reply_is(reply->element[i], name))
			return reply->element[i + 1];
	return NULL;
}

/* Reads XINFO's reply. Returns 0, or -1 if it is malformed. */
static int
read_info(const redisReply *reply, struct info *info)
{
	const redisReply *last = field(reply, "last-generated-id");
	const redisReply *first = field(reply, "first-entry");
	const redisReply *length = field(reply, "length");
	const redisReply *added = field(reply, "entries-added");

	*info = (struct info){.counted = true};
	if (reply->type == REDIS_REPLY_ERROR) /* no such key yet */
		return 0;
	if (last == NULL || first == NULL || length == NULL ||
	    entry_id_parse(reply_text(last), &info->end) == -1)
		return -1;
	info->length = (uint64_t)length->integer;
	info->added = added != NULL ? (uint64_t)added->integer : 0;
	info->counted = added != NULL && info->added >= info->length;
	info->gone = info->end;
	if (first->type == REDIS_REPLY_NIL)
		return 0;
	if (id_of(first, &info->gone) == -1)
		return -1;
	info->gone = entry_id_before(info->gone);
	return 0;
}

/* The entries of READ. */
struct batch {
	size_t n;
	struct entry_id before; /* the id before the first, or the place */
	struct entry_id last;   /* the id of the last, or the place */
};

/* Measures the entries of READ. Returns 0, or -1 if they are malformed. */
static int
measure(const struct history *history, struct batch *batch)
{
	const redisReply *entries = history->entries;

	*batch = (struct batch){0, history->place, history->place};
	if (entries == NULL)
		return 0;
	batch->n = entries->elements;
	if (id_of(entries->element[0], &batch->before) == -1 ||
	    id_of(entries->element[batch->n - 1], &batch->last) == -1)
		return -1;
	batch->before = entry_id_before(batch->before);
	return 0;
}

/* Whether the key holds another stream now: in one stream, these only grow. */
static bool
replaced(const struct history *history, const struct info *info,
    const struct batch *batch)
{
	return entry_id_compare(info->end, history->place) < 0 ||
	       entry_id_compare(info->gone, history->gone) < 0 ||
	       (history->counted && info->counted &&
		   info->added < history->added + batch->n);
}

/*
 * Whether entries between the place and the batch may be missing. If the server
 * counts them, as many must have been read as were added. If not, none is
 * missing as long as the place, or the id just after it, has not been trimmed.
 */
static bool
trimmed(const struct history *history, const struct info *info,
    const struct batch *batch)
{
	bool counted = history->counted && info->counted;
	uint64_t since = info->added - history->added;

	if (counted && batch->n > 0 &&
	    entry_id_compare(batch->last, info->end) == 0)
		return since != batch->n;
	if (entry_id_compare(info->gone, history->place) <= 0)
		return false;
	if (batch->n > 0 &&
	    entry_id_compare(batch->before, history->place) <= 0)
		return false;
	return !counted || since != info->length;
}

/* Counts the batch, as if it had been sent. */
static void
count_up(
    struct history *history, const struct info *info, const struct batch *batch)
{
	history->gone = info->gone;
	history->added += batch->n;
	if (entry_id_compare(batch->last, info->end) != 0)
		return;
	history->counted = info->counted;
	history->added = info->added;
}

/* Sets gap and place from READ and CHECK. Returns 0 or -1. */
static int
judge(struct history *history, const struct info *info)
{
	struct batch batch;

	if (measure(history, &batch) == -1)
		return -1;
	if (replaced(history, info, &batch)) {
		/* the batch may be of the old stream: read from the start */
		history->entries = NULL;
		history->gap = "reset";
		batch = (struct batch){0, info->gone, info->gone};
	} else if (trimmed(history, info, &batch)) {
		history->gap = "trimmed";
		if (batch.n == 0)
			batch = (struct batch){0, info->gone, info->gone};
	}
	if (history->gap != NULL) {
		history->place = batch.before;
		history->counted = false;
	}
	count_up(history, info, &batch);
	return 0;
}

static enum history_do
take_info(struct history *history, const redisReply *reply)
{
	struct info info;

	if (read_info(reply, &info) == -1)
		return HISTORY_BROKEN;
	/* not "$", which would mean a later id in each READ */
	history->place = info.end;
	if (history->back > 0 && info.length > 0) {
		history->counted = false;
		return go_to(history, HISTORY_BACK);
	}
	history->placed = true;
	count_up(history, &info, &(struct batch){0, info.end, info.end});
	return go_to(history, HISTORY_READ);
}

static enum history_do
take_back(struct history *history, const redisReply *reply)
{
	struct entry_id oldest;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements > history->back)
		return HISTORY_BROKEN;
	if (reply->elements > 0) {
		if (id_of(reply->element[reply->elements - 1], &oldest) == -1 ||
		    entry_id_compare(oldest, history->place) > 0)
			return HISTORY_BROKEN;
		history->place = entry_id_before(oldest);
		history->back -= reply->elements;
	}
	if (reply->elements > 0 && history->back > 0)
		return go_to(history, HISTORY_BACK);
	history->placed = true;
	return go_to(history, HISTORY_READ);
}

/* The reply is nil, or [[KEY, [ENTRY, ...]]]; it is kept. */
static enum history_do
take_read(struct history *history, redisReply *reply)
{
	const redisReply *entries = NULL;

	history_free(history);
	history->read = reply;
	if (reply->type != REDIS_REPLY_NIL) {
		if (!reply_has(reply, 1) || !reply_has(reply->element[0], 2))
			return HISTORY_BROKEN;
		entries = reply->element[0]->element[1];
		if (entries->type != REDIS_REPLY_ARRAY ||
		    entries->elements == 0)
			return HISTORY_BROKEN;
	}
	history->entries = entries;
	history->checked = true;
	if (entries == NULL || entries->elements < history->batch)
		history->batch = HISTORY_BATCH; /* the large ones are read */
	history->step = HISTORY_CHECK;
	return HISTORY_ASK; /* no new command: CHECK was sent with READ */
}

/* What to send the client next, after READ and CHECK. */
static enum history_do
next_of(struct history *history)
{
	const redisReply *entries = history->entries;

	history->after = history->place;
	if (history->gap != NULL)
		return HISTORY_GAP;
	if (history->fresh && history->idle)
		return HISTORY_START;
	if (entries == NULL || history->next == entries->elements)
		return HISTORY_DONE;
	history->entry = entries->element[history->next++];
	if (id_of(history->entry, &history->after) == -1 ||
	    entry_id_compare(history->after, history->place) <= 0)
		return HISTORY_BROKEN;
	return HISTORY_ENTRY;
}

enum history_do
history_next(struct history *history)
{
	history->place = history->after;
	history->gap = NULL;
	history->fresh = false;
	return next_of(history);
}

static enum history_do
take_check(struct history *history, const redisReply *reply)
{
	struct info info;

	if (read_info(reply, &info) == -1 || judge(history, &info) == -1)
		return HISTORY_BROKEN;
	(void)go_to(history, HISTORY_READ);
	history->idle = history->entries == NULL;
	history->next = 0;
	return next_of(history);
}

enum history_do
history_reply(struct history *history, redisReply *reply)
{
	enum history_do what;

	switch (history->step) {
	case HISTORY_READ: return take_read(history, reply);
	case HISTORY_INFO: what = take_info(history, reply); break;
	case HISTORY_BACK: what = take_back(history, reply); break;
	default: what = take_check(history, reply);
	}
	freeReplyObject(reply);
	return what;
}

void
history_free(struct history *history)
{
	freeReplyObject(history->read); /* or NULL */
	history->read = NULL;
	history->entries = NULL;
}
