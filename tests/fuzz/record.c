/*
 * record: a fuzzer of the splitter. Input that comes in pieces is split as
 * if it had come at once, as a plain splitter does it, and the fast way makes
 * of it what frame_event makes of each record. Chunks, joined, are the input,
 * and no character is cut: their JSON strings, joined, are that of the whole.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/json.h"
#include "../../lib/record.h"

#define TEXT_MAX (1 << 20)

/* Records or frames as text, to be compared. */
struct text {
	size_t n;
	char at[TEXT_MAX];
};

static void
put(struct text *text, const char *at, size_t n)
{
	assert(text->n + n <= sizeof(text->at));
	if (n > 0)
		memcpy(text->at + text->n, at, n);
	text->n += n;
}

static int
sink(void *to, const char *bytes, size_t n)
{
	put(to, bytes, n);
	return 0;
}

/* How the input is split, from the first bytes of what the fuzzer gives. */
struct how {
	enum record_end mode;
	size_t max;
	size_t chunk;
	int fast; /* with record_frame_lines */
};

/* A piece has max bytes at most, or is a character of four. */
static size_t
longest(size_t max)
{
	return max < 4 ? 4 : max;
}

static void
take(struct splitter *splitter, struct frame *frame, const struct how *how)
{
	struct record record;

	for (;;) {
		if (how->fast)
			record_frame_lines(
			    splitter, frame, (struct bytes){"t", 1});
		if (!record_next(splitter, &record))
			return;
		assert(record.bytes.n <= longest(how->max));
		frame_event(frame, &(struct event){
				       .type = {record.last ? "t" : "piece",
					   record.last ? 1 : 5},
				       .data = record.bytes,
				   });
	}
}

/* A string's JSON without its quotes, after what is in text. */
static void
put_json(struct text *text, struct bytes bytes)
{
	static struct frame frame;
	size_t at = text->n;

	frame_init(&frame, sink, text);
	json_string(&frame, bytes);
	assert(frame_flush(&frame) == 0);
	memmove(text->at + at, text->at + at + 1, text->n - at - 2);
	text->n -= 2;
}

static void
take_chunks(struct splitter *splitter, struct text *text, size_t max)
{
	struct record record;

	while (record_next(splitter, &record)) {
		assert(record.first && record.last && record.bytes.n > 0 &&
		       record.bytes.n <= longest(max));
		put_json(text, record.bytes);
	}
	assert(splitter->end - splitter->start <= 3);
	assert(record_torn(splitter) == (splitter->end > splitter->start));
}

static void
split_chunks(struct text *text, const struct how *how, const char *at, size_t n)
{
	struct splitter splitter;
	size_t room, part;
	char *to;

	text->n = 0;
	assert(record_init(&splitter, RECORD_CHUNK, how->max) == 0);
	for (size_t done = 0; done < n; done += part) {
		to = record_room(&splitter, &room);
		assert(to != NULL && room >= RECORD_READ);
		part = n - done < how->chunk ? n - done : how->chunk;
		memcpy(to, at + done, part);
		record_filled(&splitter, part);
		take_chunks(&splitter, text, how->max);
	}
	record_ended(&splitter);
	take_chunks(&splitter, text, how->max);
	assert(!record_torn(&splitter) && splitter.offset == n);
	record_free(&splitter);
}

static void
split(struct text *text, const struct how *how, const char *at, size_t n)
{
	static struct frame frame;
	struct splitter splitter;
	size_t room, part;
	char *to;

	text->n = 0;
	frame_init(&frame, sink, text);
	assert(record_init(&splitter, how->mode, how->max) == 0);
	for (size_t done = 0; done < n; done += part) {
		to = record_room(&splitter, &room);
		assert(to != NULL && room >= RECORD_READ);
		part = n - done < how->chunk ? n - done : how->chunk;
		part = part < room ? part : room;
		memcpy(to, at + done, part);
		record_filled(&splitter, part);
		take(&splitter, &frame, how);
	}
	record_ended(&splitter);
	take(&splitter, &frame, how);
	assert(splitter.offset <= n);
	record_free(&splitter);
	assert(frame_flush(&frame) == 0);
}

/* The length of a line end at at, 0 where there is none. */
static size_t
line_end(const char *at, const char *end)
{
	if (at == end || (*at != '\n' && *at != '\r'))
		return 0;
	return *at == '\r' && at + 1 < end && at[1] == '\n' ? 2 : 1;
}

/* The end of the record that begins at at; *next is where one may follow. */
static const char *
find_end(
    enum record_end mode, const char *at, const char *end, const char **next)
{
	size_t n;

	for (; at<end; at += n> 0 ? n : 1) {
		n = mode == RECORD_NUL ? *at == '\0' : line_end(at, end);
		*next = at + n;
		if (n > 0 && (mode != RECORD_PARAGRAPH || *next == end ||
				 line_end(*next, end) > 0))
			return at;
	}
	*next = end;
	return end;
}

/* The plainest splitter that can be: records as long as they like. */
static void
split_plainly(struct text *text, enum record_end mode, const char *at, size_t n)
{
	static struct frame frame;
	const char *end = at + n, *to, *next;
	size_t blank;

	text->n = 0;
	frame_init(&frame, sink, text);
	while (at < end) {
		blank = mode == RECORD_PARAGRAPH ? line_end(at, end) : 0;
		at += blank;
		if (blank > 0)
			continue;
		to = find_end(mode, at, end, &next);
		frame_event(&frame, &(struct event){
					.type = {"t", 1},
					.data = {at, (size_t)(to - at)},
				    });
		at = next;
	}
	assert(frame_flush(&frame) == 0);
}

static void
assert_same(const struct text *a, const struct text *b)
{
	assert(a->n == b->n && memcmp(a->at, b->at, a->n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct text whole, other;
	struct how how = {.max = TEXT_MAX, .chunk = TEXT_MAX};

	if (size < 3 || size > 8192)
		return 0;
	how.mode = (enum record_end)(data[0] % 4);
	if (how.mode == RECORD_CHUNK) {
		how.chunk = 1 + data[1] % 32;
		how.max = 1 + data[2] % 64;
		split_chunks(&other, &how, (const char *)data + 3, size - 3);
		whole.n = 0;
		put_json(
		    &whole, (struct bytes){(const char *)data + 3, size - 3});
		assert_same(&whole, &other);
		return 0;
	}
	split(&whole, &how, (const char *)data + 3, size - 3);
	split_plainly(&other, how.mode, (const char *)data + 3, size - 3);
	assert_same(&whole, &other);
	how.chunk = 1 + data[1] % 32;
	how.fast = how.mode == RECORD_LINE;
	split(&other, &how, (const char *)data + 3, size - 3);
	assert_same(&whole, &other);

	/* in pieces: the same, however the input came */
	how.max = 1 + data[2] % 64;
	split(&whole, &how, (const char *)data + 3, size - 3);
	how.chunk = TEXT_MAX;
	how.fast = 0;
	split(&other, &how, (const char *)data + 3, size - 3);
	assert_same(&whole, &other);
	return 0;
}
