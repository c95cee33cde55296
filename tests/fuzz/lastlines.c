/*
 * lastlines: a fuzzer of the search for the last records. What is split from
 * where it says are the last ones of what is split from the start; and whoever
 * begins again where a record began gets the same pieces.
 */
#define _GNU_SOURCE /* memfd_create */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../lib/tail/lastlines.h"

#define INPUT_MAX 512
#define RECORDS_MAX (INPUT_MAX + 1)
#define WINDOW 32 /* bytes that sse-tail knows before the place */

/* A record as its place in the input. */
struct piece {
	bool first, last;
	uint64_t began; /* its record */
	uint64_t end;   /* and what belongs to it */
	size_t n;
	char bytes[INPUT_MAX];
};

struct pieces {
	size_t n;
	struct piece at[RECORDS_MAX];
};

struct input {
	const char *at;
	size_t n;
	enum record_end mode;
};

/* Splits input from an offset on; its end has not come. */
static void
split(const struct input *input, uint64_t from, size_t max, struct pieces *got)
{
	size_t before = from < WINDOW ? (size_t)from : WINDOW, room;
	uint64_t began = from;
	struct splitter splitter;
	struct record record;
	struct piece *piece;

	got->n = 0;
	assert(record_init(&splitter, input->mode, max) == 0);
	record_begin_after(
	    &splitter, (struct bytes){input->at + from - before, before});
	memcpy(record_room(&splitter, &room), input->at + from,
	    input->n - (size_t)from);
	record_filled(&splitter, input->n - (size_t)from);
	while (record_next(&splitter, &record)) {
		assert(got->n < RECORDS_MAX);
		piece = got->at + got->n++;
		piece->first = record.first;
		piece->last = record.last;
		piece->n = record.bytes.n;
		if (piece->n > 0)
			memcpy(piece->bytes, record.bytes.at, piece->n);
		piece->end = from + splitter.offset;
		piece->began = began;
		if (record.last)
			began = piece->end;
	}
	record_free(&splitter);
}

/* Whether all that was got is the end of what there is. */
static void
assert_end(const struct pieces *all, const struct piece *got, size_t n)
{
	const struct piece *last = all->at + all->n - n;

	assert(n <= all->n);
	for (size_t i = 0; i < n; i++)
		assert(last[i].first == got[i].first &&
		       last[i].last == got[i].last && last[i].n == got[i].n &&
		       last[i].end == got[i].end &&
		       memcmp(last[i].bytes, got[i].bytes, got[i].n) == 0);
}

static void
begin_again(const struct input *input, const struct pieces *all, size_t max)
{
	static struct pieces again;
	size_t skip;

	for (size_t i = 0; i < all->n; i++) {
		split(input,
		    all->at[i].last ? all->at[i].end : all->at[i].began, max,
		    &again);
		skip = 0;
		while (skip < again.n && again.at[skip].end <= all->at[i].end)
			skip++;
		assert(again.n - skip == all->n - i - 1);
		assert_end(all, again.at + skip, again.n - skip);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* what matters, and little else */
	static const char bytes[8] = "ab\n\n\r\0\xc3\x80";
	static struct pieces all, got;
	static char text[INPUT_MAX];
	static int fd = -1;
	struct input input;
	uint64_t offset, n;

	if (size < 3 || size - 3 > INPUT_MAX)
		return 0;
	for (size_t i = 3; i < size; i++)
		text[i - 3] = bytes[data[i] % 8];
	input = (struct input){text, size - 3, (enum record_end)(data[0] % 3)};
	if (fd == -1)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	assert(fd != -1 && ftruncate(fd, 0) == 0 &&
	       pwrite(fd, input.at, input.n, 0) == (ssize_t)input.n);

	split(&input, 0, INPUT_MAX, &all);
	n = data[1] % 8;
	assert(lastlines_find(fd, input.n, input.mode, n, INPUT_MAX, &offset) ==
	       0);
	split(&input, offset, INPUT_MAX, &got);
	assert(got.n == (n < all.n ? n : all.n));
	assert_end(&all, got.at, got.n);

	/* the last bytes of a longer record */
	assert(lastlines_find(
		   fd, input.n, input.mode, n, 2 + data[2] % 16, &offset) == 0);
	assert(offset <= input.n);

	split(&input, 0, 2 + data[2] % 16, &all);
	begin_again(&input, &all, 2 + data[2] % 16);
	return 0;
}
