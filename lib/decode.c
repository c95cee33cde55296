/*
 * decode: reads each line in pieces, as the chunks bring them: first the name
 * of its field, then its value, which is stored at once.
 */
#include "decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

enum state {
	BYTE_ORDER_MARK, /* of which name_n bytes are in name */
	NAME,            /* of which name_n bytes are in name */
	SPACE,           /* after the colon */
	VALUE,
	LONG, /* the event is too long: decode_next calls skip_frame */
	FAILED,
};

enum field { OTHER, DATA, TYPE, ID, RETRY };

void
decode_init(struct decoder *decoder, size_t max)
{
	*decoder = (struct decoder){.max = max, .state = BYTE_ORDER_MARK};
}

void
decode_free(struct decoder *decoder)
{
	free(decoder->data.at);
	free(decoder->type.at);
	free(decoder->id.at);
	free(decoder->new_id.at);
	decode_init(decoder, decoder->max);
}

static void
empty(struct decoder *decoder, struct decode_text *text)
{
	decoder->held -= text->n;
	text->n = 0;
}

/* Makes room for n more bytes: doubles the size, up to max. */
static int
grow(struct decoder *decoder, struct decode_text *text, size_t n)
{
	size_t size = text->size * 2;
	char *larger;

	if (size < text->n + n)
		size = text->n + n;
	if (size < 64)
		size = 64;
	if (size > decoder->max)
		size = decoder->max;
	larger = realloc(text->at, size);
	if (larger == NULL) {
		decoder->state = FAILED;
		return -1;
	}
	text->at = larger;
	text->size = size;
	return 0;
}

/* Sets decoder->state on failure. */
static void
append(struct decoder *decoder, struct decode_text *text, const char *bytes,
    size_t n)
{
	if (n == 0)
		return;
	if (n > decoder->max - decoder->held) {
		decoder->state = LONG;
		return;
	}
	if (n > text->size - text->n && grow(decoder, text, n) == -1)
		return;
	memcpy(text->at + text->n, bytes, n);
	text->n += n;
	decoder->held += n;
}

static enum field
find_field(const char *name, size_t n)
{
	if (n == 4 && memcmp(name, "data", 4) == 0)
		return DATA;
	if (n == 5 && memcmp(name, "event", 5) == 0)
		return TYPE;
	if (n == 2 && memcmp(name, "id", 2) == 0)
		return ID;
	if (n == 5 && memcmp(name, "retry", 5) == 0)
		return RETRY;
	return OTHER; /* also a comment, whose name is empty */
}

/* The field's name is complete: prepares for its value. */
static void
begin_value(struct decoder *decoder, enum field field)
{
	if (decoder->skips && field != RETRY)
		field = OTHER;
	decoder->state = SPACE;
	decoder->field = (int)field;
	decoder->ignored = false;
	switch (field) {
	case DATA:
		if (decoder->has_data)
			append(decoder, &decoder->data, "\n", 1);
		decoder->has_data = true;
		break;
	case TYPE: empty(decoder, &decoder->type); break;
	case RETRY:
		decoder->new_retry_ms = 0;
		decoder->ignored = true; /* until a digit comes */
		break;
	default: break;
	}
}

/* An id with NUL is ignored. */
static void
add_id(struct decoder *decoder, const char *at, size_t n)
{
	const char *nul = n > 0 ? memchr(at, '\0', n) : NULL;

	if (decoder->ignored)
		return;
	append(decoder, &decoder->new_id, at,
	    nul == NULL ? n : (size_t)(nul - at));
	if (nul == NULL)
		return;
	empty(decoder, &decoder->new_id);
	decoder->ignored = true;
}

/* A retry field is ignored unless all its bytes are digits. */
static void
add_retry(struct decoder *decoder, const char *at, size_t n)
{
	uint64_t *ms = &decoder->new_retry_ms;

	for (size_t i = 0; i < n; i++) {
		uint64_t digit = (uint64_t)((unsigned char)at[i] - '0');

		if (digit > 9) {
			decoder->field = OTHER;
			return;
		}
		decoder->ignored = false;
		if (*ms > (UINT64_MAX - digit) / 10)
			*ms = UINT64_MAX;
		else
			*ms = *ms * 10 + digit;
	}
}

static void
add_value(struct decoder *decoder, const char *at, size_t n)
{
	switch ((enum field)decoder->field) {
	case DATA: append(decoder, &decoder->data, at, n); break;
	case TYPE: append(decoder, &decoder->type, at, n); break;
	case ID: add_id(decoder, at, n); break;
	case RETRY: add_retry(decoder, at, n); break;
	case OTHER: break;
	}
}

/* Adds the part of a line that is in this chunk, without its line end. */
static void
add_piece(struct decoder *decoder, const char *at, const char *end)
{
	if (decoder->state == NAME) {
		while (
		    at < end && *at != ':' && decoder->name_n < DECODE_NAME_MAX)
			decoder->name[decoder->name_n++] = *at++;
		if (decoder->name_n == DECODE_NAME_MAX)
			begin_value(decoder, OTHER);
		else if (at < end) {
			at++;
			begin_value(decoder,
			    find_field(decoder->name, decoder->name_n));
		}
	}
	if (decoder->state == SPACE && at < end) {
		if (*at == ' ')
			at++;
		decoder->state = VALUE;
	}
	if (decoder->state == VALUE)
		add_value(decoder, at, (size_t)(end - at));
}

static struct bytes
text_of(const struct decode_text *text)
{
	return (struct bytes){text->at, text->n};
}

/* An empty line: the frame has ended. */
static enum decode_result
end_frame(struct decoder *decoder)
{
	decoder->event = (struct event){
	    .id = text_of(&decoder->id),
	    .type = text_of(&decoder->type),
	    .data = text_of(&decoder->data),
	};
	decoder->ended = true;
	return decoder->has_data ? DECODE_EVENT : DECODE_EMPTY;
}

/* The id's line is complete: the id becomes the last event id. */
static void
take_id(struct decoder *decoder)
{
	struct decode_text old = decoder->id;

	decoder->id = decoder->new_id;
	decoder->new_id = old;
	empty(decoder, &decoder->new_id);
	decoder->has_id = true;
}

/* The line is complete. Returns DECODE_MORE if that gives no result yet. */
static enum decode_result
end_line(struct decoder *decoder)
{
	if (decoder->state == NAME && decoder->name_n == 0)
		return end_frame(decoder);
	if (decoder->state == NAME) /* without a colon */
		begin_value(
		    decoder, find_field(decoder->name, decoder->name_n));
	decoder->name_n = 0;
	if (decoder->state >= LONG)
		return DECODE_MORE; /* decode_next looks at state */
	decoder->state = NAME;
	if (decoder->field == ID && !decoder->ignored)
		take_id(decoder);
	if (decoder->field != RETRY || decoder->ignored)
		return DECODE_MORE;
	decoder->retry_ms = decoder->new_retry_ms;
	return DECODE_RETRY;
}

/* Skips one byte order mark at the start of the stream. */
static void
skip_mark(struct decoder *decoder, struct bytes *input)
{
	static const char mark[3] = {'\xef', '\xbb', '\xbf'};

	while (input->n > 0 && *input->at == mark[decoder->name_n]) {
		decoder->name[decoder->name_n++] = *input->at++;
		input->n--;
		if (decoder->name_n < sizeof(mark))
			continue;
		decoder->name_n = 0;
		break;
	}
	if (input->n > 0 || decoder->name_n == 0)
		decoder->state = NAME;
}

/* Drops the frame that was returned last. */
static void
begin_frame(struct decoder *decoder)
{
	empty(decoder, &decoder->data);
	empty(decoder, &decoder->type);
	decoder->has_data = false;
	decoder->has_id = false;
	decoder->ended = false;
	decoder->skips = false;
}

int
decode_begin(struct decoder *decoder, struct bytes id)
{
	begin_frame(decoder);
	empty(decoder, &decoder->new_id);
	empty(decoder, &decoder->id);
	decoder->state = BYTE_ORDER_MARK;
	decoder->name_n = 0;
	decoder->skip_lf = false;
	append(decoder, &decoder->id, id.at, id.n);
	if (decoder->state == BYTE_ORDER_MARK)
		return 0;
	errno = decoder->state == LONG ? EMSGSIZE : ENOMEM;
	return -1;
}

/*
 * The event is too long: drops what is held, with the last event id, which
 * counts towards max as well, and ignores the rest of the frame.
 */
static void
skip_frame(struct decoder *decoder, bool in_line)
{
	begin_frame(decoder);
	empty(decoder, &decoder->id);
	empty(decoder, &decoder->new_id);
	decoder->skips = true;
	decoder->state = in_line ? VALUE : NAME;
	decoder->field = OTHER;
}

static void
skip_lf(struct decoder *decoder, struct bytes *input)
{
	if (!decoder->skip_lf || input->n == 0)
		return;
	if (*input->at == '\n') {
		input->at++;
		input->n--;
	}
	decoder->skip_lf = false;
}

enum decode_result
decode_next(struct decoder *decoder, struct bytes *input)
{
	enum decode_result result = DECODE_MORE;
	const char *line_end, *end;
	bool in_line = false;

	if (decoder->ended)
		begin_frame(decoder);
	end = input->n > 0 ? input->at + input->n : input->at;
	skip_lf(decoder, input);
	if (decoder->state == BYTE_ORDER_MARK && input->n > 0)
		skip_mark(decoder, input);
	while (result == DECODE_MORE && input->n > 0 && decoder->state < LONG) {
		line_end = util_line_end(input->at, end);
		add_piece(decoder, input->at, line_end);
		input->at = line_end;
		input->n = (size_t)(end - line_end);
		in_line = input->n == 0;
		if (in_line)
			break;
		decoder->skip_lf = *input->at++ == '\r';
		input->n--;
		skip_lf(decoder, input);
		result = end_line(decoder);
	}
	if (decoder->state == LONG) {
		skip_frame(decoder, in_line);
		return DECODE_LONG;
	}
	if (decoder->state != FAILED)
		return result;
	errno = ENOMEM;
	return DECODE_FAILED;
}
