/*
 * Fuzzes conn, history and entry of lib/redis: a server that answers any
 * bytes, whole or byte by byte. The client gets the same events from both,
 * their ids go up, and no event is broken.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "../../lib/redis/conn.c"
#include "../../lib/redis/entry.h"
#include "../../lib/redis/history.h"

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
	char *command;

	while (history_command(history, &command) > 0)
		redisFreeCommand(command);
}

/* What feed does with a reply. Returns 0, or -1 at its end. */
static int
take(struct history *history, redisReply *reply, struct frame *frame,
    struct result *result)
{
	enum history_do what = history_reply(history, reply);
	struct entry_id before;
	struct entry entry;
	bool is_entry;

	for (;;) {
		switch (what) {
		case HISTORY_BROKEN: return -1;
		case HISTORY_DONE:
		case HISTORY_ASK: ask(history); return 0;
		case HISTORY_START: break;
		case HISTORY_GAP:
			if (history->gap == NULL)
				abort();
			break;
		case HISTORY_ENTRY:
			if (entry_read(&entry, history->entry,
				(struct bytes){"type", 4}) == -1)
				return -1;
			entry_put(&entry, frame);
			result->events++;
		}
		before = history->place;
		is_entry = what == HISTORY_ENTRY;
		what = history_next(history);
		if (is_entry && entry_id_compare(before, history->place) >= 0)
			abort();
	}
}

static struct result
run(const char *bytes, size_t n, size_t piece, const char *last_event_id)
{
	static struct frame frame;
	struct conn conn;
	struct history history;
	struct result result = {0, 0};
	redisReply *reply;
	int got = 1;

	conn_init(&conn);
	if (open_reader(&conn) == -1)
		abort();
	frame_init(&frame, drop, &result);
	history_init(&history, "key", last_event_id, 5);
	history_begin(&history);
	ask(&history);
	for (size_t at = 0; at < n && got != -1; at += piece) {
		if (piece > n - at)
			piece = n - at;
		if (feed(&conn, bytes + at, piece) == -1)
			break;
		while ((got = parse(&conn, &reply)) == 1)
			if (take(&history, reply, &frame, &result) == -1) {
				got = -1;
				break;
			}
	}
	(void)frame_flush(&frame);
	history_free(&history);
	conn_close(&conn);
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
