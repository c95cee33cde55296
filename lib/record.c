/*
 * record: finds where records end. Each byte is searched once, however many
 * reads a record takes: scan is where the search goes on.
 */
#include "record.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

#define CHARACTER_MAX 4 /* bytes, in UTF-8 */

int
record_init(struct splitter *splitter, enum record_end mode, size_t max)
{
	*splitter = (struct splitter){.mode = mode,
	    .max = max,
	    .size = (size_t)2 * RECORD_READ,
	    .blank = true};
	splitter->buffer = malloc(splitter->size);
	return splitter->buffer == NULL ? -1 : 0;
}

void
record_begin_after(struct splitter *splitter, struct bytes before)
{
	const char *end = before.at + before.n;

	if (before.n == 0)
		return;
	splitter->middle = *--end != '\0';
	if (splitter->mode == RECORD_NUL)
		return;
	splitter->skip_lf = *end == '\r';
	splitter->blank = *end == '\r' || *end == '\n';
	splitter->middle = splitter->middle && !splitter->blank;
	if (splitter->mode != RECORD_PARAGRAPH || !splitter->blank)
		return;
	/* a paragraph has ended only if the line before is empty */
	if (*end == '\n' && end > before.at && end[-1] == '\r')
		end--;
	splitter->middle =
	    end > before.at && end[-1] != '\r' && end[-1] != '\n';
}

void
record_free(struct splitter *splitter)
{
	free(splitter->buffer);
	splitter->buffer = NULL;
}

/* Moves the bytes from start on, so that they begin at offset to. */
static void
move(struct splitter *splitter, size_t to)
{
	size_t start = splitter->start, left = splitter->end - start;

	memmove(splitter->buffer + to, splitter->buffer + start, left);
	splitter->start = to;
	splitter->scan = to + (splitter->scan - start);
	splitter->end = to + left;
	splitter->body = to + (splitter->body - start);
}

char *
record_room(struct splitter *splitter, size_t *n)
{
	size_t left = splitter->end - splitter->start;
	char *larger;

	/* not if near the front: a move per small read of a long record costs
	 */
	if (left == 0 || splitter->start >= FRAME_ALIGNMENT)
		move(splitter,
		    -(uintptr_t)(splitter->buffer + left) % FRAME_ALIGNMENT);
	splitter->behind = splitter->start;
	if (splitter->size - splitter->end < RECORD_READ) {
		larger = realloc(splitter->buffer, 2 * splitter->size);
		if (larger == NULL)
			return NULL;
		splitter->buffer = larger;
		splitter->size *= 2;
	}
	/* no more, even if there is room: one flush takes the events of this */
	*n = RECORD_READ;
	return splitter->buffer + splitter->end;
}

void
record_filled(struct splitter *splitter, size_t n)
{
	splitter->end += n;
	splitter->ended &= splitter->mode != RECORD_CHUNK;
}

void
record_ended(struct splitter *splitter)
{
	splitter->ended = true;
}

bool
record_torn(const struct splitter *splitter)
{
	return splitter->mode == RECORD_CHUNK &&
	       splitter->end > splitter->start;
}

void
record_hurry(struct splitter *splitter)
{
	splitter->ended = true;
}

/* Whether it is a byte of a UTF-8 character, but not the first. */
static bool
continues(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/*
 * Length of a piece of n bytes, more than max: at most max bytes, that split no
 * character or CRLF; or a longer first character.
 */
static size_t
piece(const char *at, size_t n, size_t max)
{
	size_t cut = max;

	while (cut > 0 && max - cut < 3 && continues(at[cut]))
		cut--;
	if (continues(at[cut]))
		cut = max; /* not UTF-8 */
	if (cut > 0 && at[cut] == '\n' && at[cut - 1] == '\r')
		cut--;
	if (cut > 0)
		return cut;
	for (cut = max; cut < n && cut < CHARACTER_MAX && continues(at[cut]);)
		cut++;
	return cut;
}

/*
 * Returns in *record the n bytes left of the current record, or a piece if that
 * is more than max. True if it was all of them: the next record begins at next.
 */
static bool
give(struct splitter *splitter, struct record *record, size_t n, size_t next)
{
	const char *at = splitter->buffer + splitter->start;
	size_t cut = n <= splitter->max ? n : piece(at, n, splitter->max);

	record->first = !splitter->middle;
	record->last = cut == n;
	if (!record->last)
		next = splitter->start + cut;
	record->bytes = (struct bytes){at, cut};
	splitter->offset += next - splitter->start;
	splitter->start = next;
	if (splitter->body < next)
		splitter->body = next; /* the next record is empty so far */
	splitter->middle = !record->last;
	return record->last;
}

/*
 * n bytes of the current record are here, but not its end. Returns a piece if
 * that is more than max and a character, or the rest if the input has ended;
 * else false.
 */
static bool
give_unended(struct splitter *splitter, struct record *record, size_t n)
{
	splitter->scan = splitter->end;
	if (splitter->ended ? n == 0 : n <= splitter->max || n <= CHARACTER_MAX)
		return false;
	(void)give(splitter, record, n, splitter->end);
	return true;
}

/* Skips an LF after a CR, also if they came in two reads. */
static void
skip_lf(struct splitter *splitter)
{
	if (!splitter->skip_lf || splitter->scan == splitter->end)
		return;
	if (splitter->buffer[splitter->scan] == '\n')
		splitter->scan++;
	splitter->skip_lf = false;
}

/* Lets the current record, which is empty so far, begin at scan. */
static void
begin(struct splitter *splitter)
{
	splitter->offset += splitter->scan - splitter->start;
	splitter->start = splitter->scan;
	splitter->body = splitter->scan;
}

static bool
next_short(struct splitter *splitter, struct record *record)
{
	const char *from, *end = splitter->buffer + splitter->end, *mark;
	size_t at;

	if (splitter->skip_lf) {
		skip_lf(splitter);
		begin(splitter);
	}
	from = splitter->buffer + splitter->scan;
	if (splitter->mode == RECORD_LINE)
		mark = util_line_end(from, end);
	else if ((mark = memchr(from, '\0', (size_t)(end - from))) == NULL)
		mark = end;
	if (mark == end)
		return give_unended(
		    splitter, record, splitter->end - splitter->start);

	at = (size_t)(mark - splitter->buffer);
	splitter->scan = at;
	if (give(splitter, record, at - splitter->start, at + 1)) {
		splitter->skip_lf = *mark == '\r';
		splitter->scan = at + 1;
	}
	return true;
}

static bool
next_paragraph(struct splitter *splitter, struct record *record)
{
	const char *end = splitter->buffer + splitter->end, *mark;
	bool whole;
	size_t at;

	for (;;) {
		skip_lf(splitter);
		if (splitter->blank && !splitter->middle &&
		    splitter->body == splitter->start)
			begin(splitter);
		mark = util_line_end(splitter->buffer + splitter->scan, end);
		at = (size_t)(mark - splitter->buffer);
		if (at > splitter->scan)
			splitter->blank = false;
		if (mark == end)
			return give_unended(splitter, record,
			    (splitter->blank ? splitter->body : at) -
				splitter->start);
		if (splitter->blank && splitter->body > splitter->start)
			break;
		if (!splitter->blank)
			splitter->body = at;
		else
			splitter->middle = false; /* the pieces were all */
		splitter->blank = true;
		splitter->scan = at + 1;
		splitter->skip_lf = *mark == '\r';
	}
	splitter->scan = at;
	whole =
	    give(splitter, record, splitter->body - splitter->start, at + 1);
	if (whole) {
		splitter->skip_lf = *mark == '\r';
		splitter->scan = at + 1;
		splitter->body = at + 1;
	}
	return true;
}

/* How many of the last of n bytes are an incomplete UTF-8 character. */
static size_t
torn(const char *at, size_t n)
{
	const char *end = at + n, *first = end - 1;
	bool whole;

	while (first > at && end - first < CHARACTER_MAX && continues(*first))
		first--;
	if ((unsigned char)*first < 0xc2 || (unsigned char)*first > 0xf4 ||
	    util_character_end(first, end, &whole) < end || whole)
		return 0;
	return (size_t)(end - first);
}

static bool
next_chunk(struct splitter *splitter, struct record *record)
{
	const char *at = splitter->buffer + splitter->start;
	size_t n = splitter->end - splitter->start;

	if (n > 0 && !splitter->ended)
		n -= torn(at, n);
	if (n == 0)
		return false;
	if (n > splitter->max)
		n = piece(at, n, splitter->max);
	(void)give(splitter, record, n, splitter->start + n);
	splitter->scan = splitter->start;
	return true;
}

bool
record_next(struct splitter *splitter, struct record *record)
{
	if (splitter->mode == RECORD_CHUNK)
		return next_chunk(splitter, record);
	if (splitter->mode == RECORD_PARAGRAPH)
		return next_paragraph(splitter, record);
	return next_short(splitter, record);
}

void
record_frame_lines(
    struct splitter *splitter, struct frame *frame, struct bytes type)
{
	size_t start = splitter->start, n;

	if (splitter->mode != RECORD_LINE || splitter->scan != start ||
	    splitter->middle || splitter->skip_lf)
		return;
	n = frame_lines(frame, type, splitter->buffer + start,
	    splitter->end - start, splitter->max);
	splitter->offset += n;
	splitter->start = splitter->scan = splitter->body = start + n;
}

size_t
record_behind(const struct splitter *splitter, const char **end)
{
	*end = splitter->buffer + splitter->start;
	return splitter->start - splitter->behind;
}
