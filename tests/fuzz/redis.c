/*
 * Fuzzes reply, history and entry of lib/redis: a server that answers any
 * bytes, whole or byte by byte. The client gets the same events from both,
 * their ids go up, and no event is broken.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/redis/entry.h"
#include "../../lib/redis/history.h"
#include "../../lib/redis/reply.h"

#define MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct result {
	size_t events;
	size_t sum;
};

static int
drop(void *to, const char *bytes, size_t n)
{
	struct result *result = to;

	for (size_t i = 0; i < n; i++)
		result->sum = result->sum * 31 + (unsigned char)bytes[i];
	return 0;
}

static void
ask(struct history *history)
{
	while (history_command(history).words[0] != NULL)
		;
}

/* What feed does with a reply. Returns 0, or -1 at its end. */
static int
take(struct history *history, struct reply_reader *reader,
    const struct reply *reply, struct frame *frame, struct entry_space *space,
    struct result *result)
{
	enum history_do what = history_reply(history, reply);
	struct entry_id before;
	struct event event;
	bool entry;

	for (;;) {
		switch (what) {
		case HISTORY_BROKEN: return -1;
		case HISTORY_KEEP: reply_keep(reader); return 0;
		case HISTORY_DONE:
		case HISTORY_ASK: ask(history); return 0;
		case HISTORY_START: break;
		case HISTORY_GAP:
			if (history->gap == NULL)
				abort();
			break;
		case HISTORY_ENTRY:
			if (entry_event(history->entry,
				(struct bytes){"type", 4}, space, &event) == -1)
				return -1;
			frame_event(frame, &event);
			result->events++;
		}
		before = history->place;
		entry = what == HISTORY_ENTRY;
		what = history_next(history);
		if (entry && entry_id_compare(before, history->place) >= 0)
			abort();
	}
}

static struct result
run(const char *bytes, size_t n, size_t piece, const char *last_event_id)
{
	static struct frame frame;
	static struct entry_space space;
	struct reply_reader reader;
	struct history history;
	struct result result = {0, 0};
	const struct reply *reply;
	int got = 1;

	if (reply_init(&reader, MAX) == -1)
		abort();
	frame_init(&frame, drop, &result);
	entry_init(&space);
	history_init(&history, "key", last_event_id, 5);
	history_begin(&history);
	ask(&history);
	for (size_t at = 0; at < n && got != -1; at += piece) {
		if (piece > n - at)
			piece = n - at;
		if (reply_feed(&reader, bytes + at, piece) == -1)
			break;
		while ((got = reply_next(&reader, &reply)) == 1)
			if (take(&history, &reader, reply, &frame, &space,
				&result) == -1) {
				got = -1;
				break;
			}
	}
	(void)frame_flush(&frame);
	entry_free(&space);
	reply_free(&reader);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const ids[] = {"", "1-1", "5-18446744073709551615"};
	struct result whole, part;

	if (n < 1 || n > MAX / 2)
		return 0;
	whole = run((const char *)bytes + 1, n - 1, n, ids[*bytes % 3]);
	part = run((const char *)bytes + 1, n - 1, 1, ids[*bytes % 3]);
	if (whole.events != part.events || whole.sum != part.sum)
		abort();
	return 0;
}
