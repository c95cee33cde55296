/*
 * decoded: what the decoder makes of a stream, as text: a line of JSON an
 * event, retry field or failure. The chunks' sizes are the caller's, so that
 * the test driver and the fuzzer can compare them.
 */
#ifndef DECODED_H
#define DECODED_H

#include <stdlib.h>
#include <string.h>

#include "../../lib/decode.h"
#include "../../lib/json.h"

struct text {
	char *at;
	size_t n;
};

/* The size of the next chunk, from 1 to left. */
typedef size_t chunk_size(void *with, size_t left);

static int
text_append(void *to, const char *bytes, size_t n)
{
	struct text *text = to;
	char *larger = realloc(text->at, text->n + n + 1);

	if (larger == NULL)
		abort();
	memcpy(larger + text->n, bytes, n);
	text->at = larger;
	text->n += n;
	return 0;
}

static void
put(struct frame *frame, const char *text)
{
	frame_raw(frame, text, strlen(text));
}

static void
put_result(struct frame *frame, const struct decoder *decoder,
    enum decode_result result)
{
	switch (result) {
	case DECODE_MORE:
	case DECODE_EMPTY: break;
	case DECODE_EVENT:
		put(frame, "{\"event\":");
		json_string(frame, decoder->event.type);
		put(frame, ",\"id\":");
		json_string(frame, decoder->event.id);
		put(frame, ",\"data\":");
		json_string(frame, decoder->event.data);
		put(frame, decoder->has_id ? ",\"own\":1}\n" : "}\n");
		break;
	case DECODE_RETRY:
		put(frame, "{\"retry\":");
		json_number(frame, decoder->retry_ms);
		put(frame, "}\n");
		break;
	case DECODE_LONG: put(frame, "\"long\"\n"); break;
	case DECODE_FAILED: put(frame, "\"failed\"\n"); break;
	}
}

/*
 * Each chunk is a copy of its own, so that a sanitizer sees a byte read
 * beyond it. The text is the caller's to free.
 */
static struct text
decoded(struct bytes stream, size_t max, chunk_size *size, void *with)
{
	struct text text = {NULL, 0};
	struct decoder decoder;
	static struct frame frame;
	enum decode_result result = DECODE_MORE;

	frame_init(&frame, text_append, &text);
	decode_init(&decoder, max);
	while (stream.n > 0 && result != DECODE_FAILED) {
		size_t n = size(with, stream.n);
		char *copy = malloc(n);
		struct bytes chunk = {copy, n};

		if (copy == NULL)
			abort();
		memcpy(copy, stream.at, n);
		do {
			result = decode_next(&decoder, &chunk);
			put_result(&frame, &decoder, result);
		} while (result != DECODE_MORE && result != DECODE_FAILED);
		free(copy);
		stream.at += n;
		stream.n -= n;
	}
	(void)frame_flush(&frame); /* text_append never fails */
	decode_free(&decoder);
	return text;
}

#endif
