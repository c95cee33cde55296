/*
 * format: cases for what splits bytes into records and makes events and JSON
 * of them, and for what reads an event stream.
 */
#include <stdlib.h>
#include <string.h>

#include "../../lib/columns.h"
#include "../../lib/decode.h"
#include "../../lib/json.h"
#include "../../lib/record.h"
#include "../../lib/util.h"
#include "units.h"

/* An LF, and a wrong byte, at each place of a text, or nowhere. */
static void
find_byte(const char *text, size_t n)
{
	char *at = units_place(0, text, n);

	for (size_t i = 0; i <= n; i++) {
		memcpy(at, text, n);
		if (i < n)
			at[i] = '\n';
		units_true("util", "a byte is found at each place",
		    util_line_end(at, at + n) == at + i);
		if (i < n)
			at[i] = '\xff';
		units_true("util", "a byte is found at each place",
		    util_utf8_end(at, at + n) == at + i);
	}
}

/* Characters of two bytes, and the last one without its second byte. */
static void
find_torn(char *text, size_t n)
{
	char *at;

	text[0] = 'x'; /* if n is odd */
	for (size_t i = n % 2; i < n; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	at = units_place(0, text, n);
	units_true("util", "a torn character is found",
	    util_utf8_end(at, at + n) == at + n);
	at = units_place(0, text, n - 1);
	units_true("util", "a torn character is found",
	    util_utf8_end(at, at + n - 1) == at + n - 2);
}

void
test_util(void)
{
	char text[150];

	memset(text, 'x', sizeof(text));
	for (size_t n = 0; n <= sizeof(text); n++)
		find_byte(text, n);
	for (size_t n = 2; n <= sizeof(text); n++)
		find_torn(text, n);
}

static const struct frame_case {
	const char *name;
	struct bytes id, type, data, expected;
} frame_cases[] = {
    {"data alone", S(""), S(""), S("x"), S("data: x\n\n")},
    {"no data", S(""), S(""), S(""), S("data: \n\n")},
    {"all fields", S("7"), S("t"), S("a b"),
	S("id: 7\nevent: t\ndata: a b\n\n")},
    {"a space first", S(" 1"), S(" t"), S(" x"),
	S("id:  1\nevent:  t\ndata:  x\n\n")},
    {"lines", S(""), S(""), S("a\nb"), S("data: a\ndata: b\n\n")},
    {"a last LF", S(""), S(""), S("a\n"), S("data: a\ndata: \n\n")},
    {"CRLF, CR, LF", S(""), S(""), S("a\r\nb\rc\nd"),
	S("data: a\ndata: b\ndata: c\ndata: d\n\n")},
    {"LF and CR are two", S(""), S(""), S("\n\r"),
	S("data: \ndata: \ndata: \n\n")},
    {"an id with LF", S("1\ndata: x"), S("t"), S("y"),
	S("event: t\ndata: y\n\n")},
    {"an id with NUL", S("1\0"), S(""), S("y"), S("data: y\n\n")},
    {"a type with CR", S("1"), S("t\r"), S("y"), S("id: 1\ndata: y\n\n")},
    {"NUL in data", S(""), S(""), S("a\0b"), S("data: a\0b\n\n")},
    {"UTF-8", S("\xc3\xa9"), S("\xe2\x82\xac"), S("\xf0\x9f\x98\x80"),
	S("id: \xc3\xa9\nevent: \xe2\x82\xac\ndata: \xf0\x9f\x98\x80\n\n")},
    {"a wrong byte", S(""), S(""), S("a\xff z"),
	S("data: a\xef\xbf\xbd z\n\n")},
    {"a torn character is one", S(""), S(""), S("\xf0\x9f\x98"),
	S("data: \xef\xbf\xbd\n\n")},
    {"a surrogate is three", S(""), S(""), S("\xed\xa0\x80"),
	S("data: \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n\n")},
    {"a line end in a torn character", S(""), S(""), S("\xe2\x82\nx"),
	S("data: \xef\xbf\xbd\ndata: x\n\n")},
    {"a wrong byte in the id", S("\x80"), S("\xc0\xaf"), S("x"),
	S("id: \xef\xbf\xbd\nevent: \xef\xbf\xbd\xef\xbf\xbd\ndata: x\n\n")},
};

static struct bytes
place_bytes(int slot, struct bytes bytes)
{
	return (struct bytes){units_place(slot, bytes.at, bytes.n), bytes.n};
}

/* Encodes with room for so many bytes before the buffer is full. */
static void
encode(const struct frame_case *given, size_t room,
    void (*put)(struct frame *, const struct event *))
{
	static const struct frame empty;
	static const char filling[FRAME_BUFFER];
	/* its buffer comes last: what is written beyond it is seen */
	struct frame *frame =
	    (void *)units_place(3, (const char *)&empty, sizeof(empty));
	struct event event = {place_bytes(0, given->id),
	    place_bytes(1, given->type), place_bytes(2, given->data)};

	frame_init(frame, units_sink, NULL);
	frame_raw(frame, filling, FRAME_BUFFER - 1 - room);
	put(frame, &event);
	(void)frame_flush(frame); /* units_sink never fails */
	units_drop(FRAME_BUFFER - 1 - room);
}

/* With each room from none to more than enough: the buffer fills anywhere. */
static void
encode_all(const char *function, const struct frame_case *given,
    void (*put)(struct frame *, const struct event *))
{
	for (size_t room = 0; room < given->expected.n + 20; room++) {
		encode(given, room, put);
		units_check(function, given->name, given->expected);
	}
}

/* Whether frame_line may have it. */
static bool
is_line(const struct frame_case *given)
{
	return frame_field_ok(given->id) && frame_field_ok(given->type) &&
	       memchr(given->data.at, '\n', given->data.n) == NULL &&
	       memchr(given->data.at, '\r', given->data.n) == NULL;
}

void
test_frame(void)
{
	const struct frame_case *given = frame_cases;

	for (; given < frame_cases + COUNT(frame_cases); given++) {
		encode_all("frame_event", given, frame_event);
		if (is_line(given))
			encode_all("frame_line", given, frame_line);
	}
}

/* Expected is what the encoder makes of the events, and retry fields. */
static const struct decode_case {
	const char *name;
	struct bytes stream, expected;
} decode_cases[] = {
    {"nothing", S(""), S("")},
    {"an event", S("data: x\n\n"), S("data: x\n\n")},
    {"all fields", S("id: 7\nevent: t\ndata: x\n\n"),
	S("id: 7\nevent: t\ndata: x\n\n")},
    {"the order of fields", S("data: x\nevent: t\nid: 7\ndata: y\n\n"),
	S("id: 7\nevent: t\ndata: x\ndata: y\n\n")},
    {"an unfinished event", S("data: x\n\ndata: y\n"), S("data: x\n\n")},
    {"CR", S("data: x\r\rdata: y\r\r"), S("data: x\n\ndata: y\n\n")},
    {"CRLF within an event", S("data: x\r\ndata: y\r\n\r\n"),
	S("data: x\ndata: y\n\n")},
    {"CRLF", S("data: x\r\n\r\ndata: y\r\n\r\n"), S("data: x\n\ndata: y\n\n")},
    {"line ends of all kinds", S("data: x\r\n\rdata: y\n\r\ndata: z\r\n\n"),
	S("data: x\n\ndata: y\n\ndata: z\n\n")},
    {"a byte order mark",
	S("\xef\xbb\xbf"
	  "data: x\n\n"),
	S("data: x\n\n")},
    {"one mark alone",
	S("\xef\xbb\xbf\xef\xbb\xbf"
	  "data: x\n\n"),
	S("")},
    {"half a mark",
	S("\xef\xbb"
	  "data: x\ndata: y\n\n"),
	S("data: y\n\n")},
    {"comments", S(": x\n:\ndata: x\n:data: y\n\n"), S("data: x\n\n")},
    {"unknown fields", S("dat: x\ndata2: x\nData: x\ndata: y\n\n"),
	S("data: y\n\n")},
    {"a field without a colon", S("data\n\ndata\ndata\n\n"),
	S("data: \n\ndata: \ndata: \n\n")},
    {"no space, or two", S("data:x\n\ndata:  x\n\n"),
	S("data: x\n\ndata:  x\n\n")},
    {"a colon in the value", S("data: a: b\n\n"), S("data: a: b\n\n")},
    {"no data, no event", S("id: 1\nevent: t\n\ndata: x\n\n"),
	S("id: 1\ndata: x\n\n")},
    {"the last id stays", S("id: 1\ndata: x\n\ndata: y\n\nid\ndata: z\n\n"),
	S("id: 1\ndata: x\n\nid: 1\ndata: y\n\ndata: z\n\n")},
    {"an id with NUL", S("id: 1\ndata: x\n\nid: 2\0\ndata: y\n\n"),
	S("id: 1\ndata: x\n\nid: 1\ndata: y\n\n")},
    {"the type is one event's", S("event: t\ndata: x\n\ndata: y\n\n"),
	S("event: t\ndata: x\n\ndata: y\n\n")},
    {"the last type counts", S("event: t\nevent: u\ndata: x\n\n"),
	S("event: u\ndata: x\n\n")},
    {"retry", S("retry: 10\n\nretry: 007\nretry: 1x\nretry:\nretry\n"),
	S("retry: 10\n\nretry: 7\n\n")},
    {"retry beyond 64 bits", S("retry: 99999999999999999999\n"),
	S("retry: 18446744073709551615\n\n")},
    {"a wrong byte", S("data: \xff\n\n"), S("data: \xef\xbf\xbd\n\n")},
};

static void
decode_bytes(struct decoder *decoder, struct frame *frame, struct bytes chunk)
{
	enum decode_result result;

	while ((result = decode_next(decoder, &chunk)) != DECODE_MORE) {
		if (result == DECODE_EVENT)
			frame_event(frame, &decoder->event);
		if (result == DECODE_RETRY)
			frame_retry(frame, decoder->retry_ms);
		if (result == DECODE_LONG || result == DECODE_FAILED)
			abort();
	}
}

/* Decodes stream in chunks of n bytes. */
static void
decode_stream(struct bytes stream, size_t n)
{
	static struct frame frame;
	struct decoder decoder;

	frame_init(&frame, units_sink, NULL);
	decode_init(&decoder, 100);
	for (; stream.n > 0; stream.at += n, stream.n -= n) {
		if (n > stream.n)
			n = stream.n;
		decode_bytes(&decoder, &frame,
		    (struct bytes){units_place(0, stream.at, n), n});
	}
	(void)frame_flush(&frame); /* units_sink never fails */
	decode_free(&decoder);
}

void
test_decode(void)
{
	static const size_t chunks[] = {100, 1, 2, 3, 4};
	const struct decode_case *given = decode_cases;

	for (; given < decode_cases + COUNT(decode_cases); given++) {
		for (size_t i = 0; i < COUNT(chunks); i++) {
			decode_stream(given->stream, chunks[i]);
			units_check("decode", given->name, given->expected);
		}
	}
}

static const struct json_case {
	const char *name;
	struct bytes text, expected;
} json_cases[] = {
    {"nothing", S(""), S("")},
    {"plain", S("abcdefgh ~\x7f"), S("abcdefgh ~\x7f")},
    {"a quote and a backslash", S("\"\\"), S("\\\"\\\\")},
    {"controls", S("\b\f\n\r\t\0\x1f"), S("\\b\\f\\n\\r\\t\\u0000\\u001f")},
    {"UTF-8", S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	S("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")},
    {"wrong bytes", S("\xff\x80"), S("\xef\xbf\xbd\xef\xbf\xbd")},
    {"a torn character", S("\xf0\x9f\x98"), S("\xef\xbf\xbd")},
    {"overlong", S("\xc0\xaf"), S("\xef\xbf\xbd\xef\xbf\xbd")},
    {"beyond U+10FFFF", S("\xf4\x90\x80\x80"),
	S("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")},
};

/* Each case after so many plain bytes: eight of them are looked at at once. */
void
test_json(void)
{
	static struct frame frame;
	const struct json_case *given = json_cases;
	char text[64], expected[64];
	size_t n;

	for (; given < json_cases + COUNT(json_cases); given++) {
		for (size_t before = 0; before < 18; before++) {
			memset(text, 'x', before);
			n = before + given->text.n;
			memcpy(text + before, given->text.at, given->text.n);
			frame_init(&frame, units_sink, NULL);
			json_string(
			    &frame, (struct bytes){units_place(0, text, n), n});
			(void)frame_flush(&frame); /* units_sink never fails */
			expected[0] = '"';
			memset(expected + 1, 'x', before);
			n = 1 + before + given->expected.n;
			memcpy(expected + 1 + before, given->expected.at,
			    given->expected.n);
			expected[n] = '"';
			units_check("json", given->name,
			    (struct bytes){expected, n + 1});
		}
	}
}

/* Expected has "|" after each record, "+" after a piece that goes on. */
static const struct record_case {
	const char *name;
	enum record_end end;
	size_t max;
	struct bytes input, expected;
} record_cases[] = {
    {"nothing", RECORD_LINE, 9, S(""), S("")},
    {"lines", RECORD_LINE, 9, S("a\nb\n"), S("a|b|")},
    {"no last line end", RECORD_LINE, 9, S("a\nb"), S("a|b|")},
    {"line ends of all kinds", RECORD_LINE, 9, S("a\r\nb\rc\n\nd\r\r\n"),
	S("a|b|c||d||")},
    {"NUL in a line", RECORD_LINE, 9, S("a\0b\n"), S("a\0b|")},
    {"a line of max", RECORD_LINE, 3, S("abc\nd\n"), S("abc|d|")},
    {"a longer line", RECORD_LINE, 3, S("abcdefgh\nx\n"), S("abc+def+gh|x|")},
    {"a piece cuts no character", RECORD_LINE, 4,
	S("ab\xe2\x82\xac"
	  "c\n"),
	S("ab+\xe2\x82\xac"
	  "c|")},
    {"NUL", RECORD_NUL, 9, S("a\nb\0\0c"), S("a\nb||c|")},
    {"a piece cuts no CRLF", RECORD_NUL, 2, S("a\r\nb\0"), S("a+\r\n+b|")},
    {"paragraphs", RECORD_PARAGRAPH, 9, S("a\nb\n\nc\n\n\n\nd\n"),
	S("a\nb|c|d|")},
    {"paragraphs after CRLF", RECORD_PARAGRAPH, 9, S("\r\n\r\na\r\n\r\nb"),
	S("a|b|")},
    {"a longer paragraph", RECORD_PARAGRAPH, 3, S("ab\ncd\n\ne\n"),
	S("ab\n+cd|e|")},
};

static void
take_records(struct splitter *splitter)
{
	struct record record;

	while (record_next(splitter, &record)) {
		units_bytes(record.bytes.at, record.bytes.n);
		units_text(record.last ? "|" : "+");
	}
}

static void
split(const struct record_case *given, size_t step)
{
	struct splitter splitter;
	size_t n, room;
	char *to;

	if (record_init(&splitter, given->end, given->max) == -1)
		abort();
	for (size_t at = 0; at < given->input.n; at += n) {
		n = given->input.n - at;
		if (step > 0 && step < n)
			n = step;
		to = record_room(&splitter, &room);
		if (to == NULL || room < n)
			abort();
		memcpy(to, given->input.at + at, n);
		record_filled(&splitter, n);
		take_records(&splitter);
	}
	record_ended(&splitter);
	take_records(&splitter);
	record_free(&splitter);
}

void
test_record(void)
{
	const struct record_case *given = record_cases;
	/* a torn character waits for its rest */
	static const struct record_case chunks = {"chunks", RECORD_CHUNK, 9,
	    S("ab\n\xe2\x82\xac\xff"), S("ab\n\xe2\x82\xac\xff|")};
	struct bytes single = S("a|b|\n|\xe2\x82\xac|\xff|");

	for (; given < record_cases + COUNT(record_cases); given++) {
		for (size_t step = 0; step < 4; step++) {
			split(given, step);
			units_check("record", given->name, given->expected);
		}
	}
	split(&chunks, 0);
	units_check("record", chunks.name, chunks.expected);
	split(&chunks, 1);
	units_check("record", "chunks of a byte", single);
}

/* Expected is the type in angles, the id and "|", data and "/" for each piece;
 * NULL: no list of columns. */
static const struct columns_case {
	const char *list;
	size_t max;
	struct bytes input, expected;
} columns_cases[] = {
    {"data", 99, S("a\tb"), S("<t>|a\tb/")},
    {"event,data", 99, S("a\tb\tc"), S("<a>|b\tc/")},
    {"event,data", 99, S("\tb"), S("<t>|b/")},
    {"event,data", 99, S("b"), S("<t>|b/")},
    {"event,data", 99, S("a\nb\tc"), S("<t>|a\nb\tc/")},
    {"event,data", 99, S("a\tb\nc\td"), S("<a>|b\nc\td/")},
    {"id,event,data", 99, S("1\ta\tb"), S("<a>1|b/")},
    {"event,id,data", 99, S("a\t1\tb"), S("<a>1|b/")},
    {"id,event,data", 99, S("1\ta\nb\tc"), S("<t>|1\ta\nb\tc/")},
    {"id,data", 4, S("1\tabcdef"), S("<t>|ab/<t>1|cdef/")},
    {"event,data", 4, S("a\tbcde\tf"), S("<a>|bc/<a>|de\tf/")},
    {"event,data", 4, S("abc\td"), S("<abc>|/<abc>|d/")},
    {"event,data", 4, S("abcd\te"), S("<t>|abcd/<t>|\te/")},
    {"id", 0, S(""), S("none")},
    {"data,id", 0, S(""), S("none")},
    {"event,event,data", 0, S(""), S("none")},
    {"", 0, S(""), S("none")},
};

static void
take_columns(struct columns *columns, const struct columns_case *given)
{
	struct splitter splitter;
	struct record record;
	struct event event;
	size_t room;

	if (record_init(&splitter, RECORD_NUL, given->max) == -1)
		abort();
	memcpy(record_room(&splitter, &room), given->input.at, given->input.n);
	record_filled(&splitter, given->input.n);
	record_ended(&splitter);
	while (record_next(&splitter, &record)) {
		event = (struct event){.type = S("t")};
		if (columns_event(columns, &record, &event) == -1)
			abort();
		units_text("<");
		units_bytes(event.type.at, event.type.n);
		units_text(">");
		units_bytes(event.id.at, event.id.n);
		units_text("|");
		units_bytes(event.data.at, event.data.n);
		units_text("/");
	}
	record_free(&splitter);
}

void
test_columns(void)
{
	const struct columns_case *given = columns_cases;
	struct columns columns = {0};

	for (; given < columns_cases + COUNT(columns_cases); given++) {
		if (columns_parse(&columns, given->list) == 0)
			take_columns(&columns, given);
		else
			units_text("none");
		units_check("columns", given->list, given->expected);
	}
	columns_free(&columns);
}
