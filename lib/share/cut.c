/*
 * cut: see cut.h.
 */
#include "cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4096

void
cut_init(struct cut *cut, size_t max)
{
	*cut = (struct cut){.max = max, .retry_ms = -1};
	/* holds an earlier id, too: max bytes are never too long for it */
	decode_init(&cut->decoder, 2 * max);
}

void
cut_free(struct cut *cut)
{
	decode_free(&cut->decoder);
	free(cut->bytes);
	cut->bytes = NULL;
}

/* Keeps n bytes of the frame. Returns 0, or -1 with errno ENOMEM. */
static int
keep(struct cut *cut, const char *at, size_t n)
{
	size_t room = cut->room;
	char *larger;

	if (cut->long_ || n == 0)
		return 0;
	if (n > cut->max - cut->n) {
		cut->long_ = true;
		return 0;
	}
	while (room < cut->n + n)
		room = room == 0 ? ROOM_FIRST : room * 2;
	if (room > cut->room) {
		larger = realloc(cut->bytes, room);
		if (larger == NULL)
			return -1;
		cut->bytes = larger;
		cut->room = room;
	}
	memcpy(cut->bytes + cut->n, at, n);
	cut->n += n;
	return 0;
}

/*
 * The decoder gave up inside an event: a new one goes on, somewhere inside
 * a line, or after its CR. What it makes of the rest is left out.
 */
static void
start_again(struct cut *cut)
{
	const char *begun = cut->last == '\n'   ? ""
			    : cut->last == '\r' ? "x\r"
						: "x";
	struct bytes input = {begun, strlen(begun)};

	cut->long_ = true;
	decode_free(&cut->decoder);
	(void)decode_next(&cut->decoder, &input); /* there is nothing to say */
}

/* A frame has ended at the end of piece. */
static enum cut_result
finish(struct cut *cut, struct bytes piece, bool event)
{
	bool other = cut->decoder.has_id || cut->retry;

	cut->given = true;
	if (cut->n == 0 && piece.n <= cut->max)
		cut->frame = piece; /* all of it in this input */
	else if (keep(cut, piece.at, piece.n) == -1)
		return CUT_FAILED;
	else
		cut->frame = (struct bytes){cut->bytes, cut->n};
	if (cut->long_ || piece.n > cut->max)
		return event || other ? CUT_LONG : CUT_COMMENT;
	if (!cut->started && cut->frame.n >= 3 &&
	    memcmp(cut->frame.at, "\xef\xbb\xbf", 3) == 0) {
		cut->frame.at += 3;
		cut->frame.n -= 3;
	}
	cut->started = true;
	cut->has_id = cut->decoder.has_id;
	cut->gap = event && cut->decoder.event.type.n == 3 &&
		   memcmp(cut->decoder.event.type.at, "gap", 3) == 0;
	cut->id = cut->has_id ? cut->decoder.event.id : (struct bytes){NULL, 0};
	return event ? CUT_EVENT : other ? CUT_OTHER : CUT_COMMENT;
}

static void
begin(struct cut *cut, struct bytes *input)
{
	if (cut->given) {
		cut->n = 0;
		cut->retry = false;
		cut->long_ = false;
		cut->given = false;
	}
	/* the other half of the last frame's CRLF; the decoder knows it, too */
	if (cut->n == 0 && cut->last == '\r' && input->n > 0 &&
	    *input->at == '\n') {
		struct bytes lf = {input->at, 1};

		(void)decode_next(&cut->decoder, &lf);
		cut->last = '\n';
		input->at++;
		input->n--;
	}
}

enum cut_result
cut_next(struct cut *cut, struct bytes *input)
{
	struct bytes piece;
	enum decode_result result;

	begin(cut, input);
	piece.at = input->at;
	do {
		result = decode_next(&cut->decoder, input);
		if (input->at > piece.at)
			cut->last = input->at[-1];
		if (result == DECODE_RETRY) {
			cut->retry = true;
			cut->retry_ms = cut->decoder.retry_ms > INT32_MAX
					    ? INT32_MAX
					    : (int64_t)cut->decoder.retry_ms;
		} else if (result == DECODE_LONG) {
			start_again(cut);
		}
	} while (result == DECODE_RETRY || result == DECODE_LONG);
	piece.n = (size_t)(input->at - piece.at);
	switch (result) {
	case DECODE_EVENT: return finish(cut, piece, true);
	case DECODE_EMPTY: return finish(cut, piece, cut->long_);
	case DECODE_MORE:
		if (keep(cut, piece.at, piece.n) == 0)
			return CUT_MORE;
		break;
	default: break;
	}
	return CUT_FAILED;
}
