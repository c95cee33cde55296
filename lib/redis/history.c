/*
 * history: decides what to ask and, in judge, whether entries are missing. It
 * is handed replies and neither sends nor receives.
 */
#include "history.h"

#include <errno.h>
#include <string.h>

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define BLOCK_TEXT TEXT(HISTORY_BLOCK_MS)

static const struct entry_id nothing = {0, 0};

/* What XINFO says about a stream. */
struct info {
	struct entry_id end;  /* the greatest id there ever was */
	struct entry_id gone; /* up to here no entry is left */
	uint64_t length;      /* entries there are */
	bool counted;         /* added is known: Redis 7 */
	uint64_t added;       /* entries there ever were */
};

void
history_init(struct history *history, const char *key,
    const char *last_event_id, uint64_t back)
{
	struct bytes id = {last_event_id, strlen(last_event_id)};

	*history = (struct history){
	    .key = key,
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
	history->batch = history->batch > 16 ? history->batch / 16 : 1;
	return true;
}

struct history_command
history_command(struct history *history)
{
	const char *key = history->key, *number = history->number;
	const char *id = history->id;
	size_t asked = history->asked++;
	bool back = history->step == HISTORY_BACK;
	bool read = history->step == HISTORY_READ;
	bool less = back && history->back < history->batch;
	/* what is asked after READ waits as long as that */
	int64_t block_ms = history->checked ? HISTORY_BLOCK_MS : 0;
	size_t digits =
	    util_digits(history->number, less ? history->back : history->batch);

	history->number[digits] = '\0';
	(void)entry_id_text(history->id, history->place);
	if (asked > (read ? 1 : 0))
		return (struct history_command){{NULL}, 0};
	if (back)
		return (struct history_command){
		    {"XREVRANGE", key, id, "-", "COUNT", number}, 0};
	if (!read || asked == 1)
		return (struct history_command){
		    {"XINFO", "STREAM", key}, block_ms};
	/* the first READ is answered at once: it shows whether we may read */
	if (!history->checked)
		return (struct history_command){
		    {"XREAD", "COUNT", number, "STREAMS", key, id}, 0};
	return (struct history_command){
	    {"XREAD", "COUNT", number, "BLOCK", BLOCK_TEXT, "STREAMS", key, id},
	    block_ms};
}

static enum history_do
go_to(struct history *history, enum history_step step)
{
	history->step = step;
	history->asked = 0;
	return HISTORY_ASK;
}

/* Reads the id of an entry's reply, which is not 0-0. Returns 0 or -1. */
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
		if (reply_is(reply->elements[i], name))
			return reply->elements[i + 1];
	return NULL;
}

/* Reads XINFO's reply. Returns 0, or -1 if it is something else. */
static int
read_info(const struct reply *reply, struct info *info)
{
	const struct reply *last = field(reply, "last-generated-id");
	const struct reply *first = field(reply, "first-entry");
	const struct reply *length = field(reply, "length");
	const struct reply *added = field(reply, "entries-added");

	*info = (struct info){.counted = true};
	if (reply->type == REPLY_ERROR) /* no such key: it may come yet */
		return 0;
	if (last == NULL || first == NULL || length == NULL ||
	    entry_id_parse(last->text, &info->end) == -1)
		return -1;
	info->length = (uint64_t)length->integer;
	info->added = added != NULL ? (uint64_t)added->integer : 0;
	info->counted = added != NULL && info->added >= info->length;
	info->gone = info->end;
	if (first->type == REPLY_NIL)
		return 0;
	if (id_of(first, &info->gone) == -1)
		return -1;
	info->gone = entry_id_before(info->gone);
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

/* Whether it is another stream than before: in one, all of these only grow. */
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
 * Whether entries between our place and the batch may be missing. If they are
 * counted, there must be as many as were added since. If not, none is missing
 * as long as our place, or the id just after it, has not been trimmed.
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

/* Counts the batch, as if the client had had it. */
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
		/* the batch may be of either: read again from the beginning */
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
take_info(struct history *history, const struct reply *reply)
{
	struct info info;

	if (read_info(reply, &info) == -1)
		return HISTORY_BROKEN;
	/* an id, and not "$", which would move on by itself */
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

/* The reply is nil, or [[KEY, [ENTRY, ...]]]. */
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
		history->batch = HISTORY_BATCH; /* no large one is left */
	history->step = HISTORY_CHECK;
	return HISTORY_KEEP;
}

/* What to tell the client next, of what READ and CHECK have brought. */
static enum history_do
next_of(struct history *history)
{
	const struct reply *entries = history->entries;

	history->after = history->place;
	if (history->gap != NULL)
		return HISTORY_GAP;
	if (history->fresh && history->idle)
		return HISTORY_START;
	if (entries == NULL || history->next == entries->n)
		return HISTORY_DONE;
	history->entry = entries->elements[history->next++];
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
take_check(struct history *history, const struct reply *reply)
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
history_reply(struct history *history, const struct reply *reply)
{
	switch (history->step) {
	case HISTORY_INFO: return take_info(history, reply);
	case HISTORY_BACK: return take_back(history, reply);
	case HISTORY_READ: return take_read(history, reply);
	default: return take_check(history, reply);
	}
}
