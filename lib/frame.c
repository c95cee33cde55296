/*
 * frame: copies fields into one buffer, without printf, as this is the hot path
 * of every program. The sink writes the buffer out.
 */
#include "frame.h"

#include <errno.h>
#include <string.h>

#include "util.h"

void
frame_init(struct frame *frame, frame_sink *sink, void *to)
{
	frame->sink = sink;
	frame->to = to;
	frame->error = 0;
	frame->used = 0;
}

int
frame_flush(struct frame *frame)
{
	size_t n = frame->used;

	frame->used = 0;
	if (frame->error == 0 && n > 0 &&
	    frame->sink(frame->to, frame->buffer, n) == -1)
		frame->error = errno;
	if (frame->error == 0)
		return 0;
	errno = frame->error;
	return -1;
}

void
frame_raw(struct frame *frame, const char *bytes, size_t n)
{
	while (n > 0 && frame->error == 0) {
		size_t room = sizeof(frame->buffer) - frame->used;
		size_t part = n < room ? n : room;

		memcpy(frame->buffer + frame->used, bytes, part);
		frame->used += part;
		bytes += part;
		n -= part;
		/* a failure stays in frame->error, for the next flush */
		if (frame->used == sizeof(frame->buffer))
			(void)frame_flush(frame);
	}
}

void
frame_text(struct frame *frame, const char *text)
{
	frame_raw(frame, text, strlen(text));
}

static bool
is_utf8(struct bytes text)
{
	return text.n == 0 ||
	       util_utf8_end(text.at, text.at + text.n) == text.at + text.n;
}

void
frame_utf8(struct frame *frame, struct bytes text)
{
	const char *at = text.n > 0 ? text.at : "", *end = at + text.n, *wrong;
	bool whole;

	while ((wrong = util_utf8_end(at, end)) < end) {
		frame_raw(frame, at, (size_t)(wrong - at));
		frame_raw(frame, "\xef\xbf\xbd", 3);
		at = util_character_end(wrong, end, &whole);
	}
	frame_raw(frame, at, (size_t)(end - at));
}

/* One line: name, which includes the colon and space, value, LF. */
static inline void
put_field(struct frame *frame, const char *name, size_t name_n,
    struct bytes value, bool utf8)
{
	char *to = frame->buffer + frame->used;

	if (name_n + value.n + 1 >= sizeof(frame->buffer) - frame->used ||
	    !utf8) {
		frame_raw(frame, name, name_n);
		frame_utf8(frame, value);
		frame_raw(frame, "\n", 1);
		return;
	}
	memcpy(to, name, name_n);
	if (value.n > 0)
		memcpy(to + name_n, value.at, value.n);
	to[name_n + value.n] = '\n';
	frame->used += name_n + value.n + 1;
}

void
frame_retry(struct frame *frame, uint64_t ms)
{
	char digits[UTIL_DIGITS_MAX];

	put_field(frame, "retry: ", 7,
	    (struct bytes){digits, util_digits(digits, ms)}, true);
	frame_raw(frame, "\n", 1);
}

void
frame_comment(struct frame *frame)
{
	frame_raw(frame, ":\n\n", 3);
}

int
frame_field_ok(struct bytes value)
{
	if (value.n == 0)
		return 1;
	return util_line_end(value.at, value.at + value.n) ==
		   value.at + value.n &&
	       memchr(value.at, '\0', value.n) == NULL;
}

static void
put_data(struct frame *frame, struct bytes data)
{
	const char *at = data.n > 0 ? data.at : "", *end = at + data.n;
	const char *line_end;
	bool utf8 = is_utf8(data);

	for (;;) {
		line_end = util_line_end(at, end);
		put_field(frame, "data: ", 6,
		    (struct bytes){at, (size_t)(line_end - at)}, utf8);
		if (line_end == end)
			return;
		at = line_end + 1;
		if (*line_end == '\r' && at < end && *at == '\n')
			at++;
	}
}

void
frame_fields(struct frame *frame, const struct event *event)
{
	if (event->id.n > 0 && frame_field_ok(event->id))
		put_field(frame, "id: ", 4, event->id, is_utf8(event->id));
	if (event->type.n > 0 && frame_field_ok(event->type))
		put_field(
		    frame, "event: ", 7, event->type, is_utf8(event->type));
}

void
frame_event(struct frame *frame, const struct event *event)
{
	frame_fields(frame, event);
	put_data(frame, event->data);
	frame_raw(frame, "\n", 1);
}

void
frame_line(struct frame *frame, const struct event *event)
{
	if (event->id.n > 0)
		put_field(frame, "id: ", 4, event->id, is_utf8(event->id));
	if (event->type.n > 0)
		put_field(
		    frame, "event: ", 7, event->type, is_utf8(event->type));
	put_field(frame, "data: ", 6, event->data, is_utf8(event->data));
	frame_raw(frame, "\n", 1);
}

void
frame_keepalive(struct frame *frame, const struct event *event)
{
	if (event->type.n > 0)
		frame_event(frame, event);
	else
		frame_comment(frame);
}

/* Copies what precedes a line of data; to must have room for it. */
static char *
copy_prefix(char *to, struct bytes type)
{
	if (type.n > 0) {
		memcpy(to, "event: ", 7);
		memcpy(to + 7, type.at, type.n);
		to += 7 + type.n;
		*to++ = '\n';
	}
	memcpy(to, "data: ", 6);
	return to + 6;
}

size_t
frame_lines(struct frame *frame, struct bytes type, const char *at, size_t n,
    size_t line_max)
{
	const size_t fixed = (type.n > 0 ? 7 + type.n + 1 : 0) + 6 + 2;
	const char *from = at, *end = at + n;
	size_t room, most, line;
	bool ascii = false;
	char *to;

	if (fixed >= sizeof(frame->buffer) || !frame_field_ok(type) ||
	    !is_utf8(type))
		return 0;
	while (at < end && frame->error == 0) {
		room = sizeof(frame->buffer) - frame->used;
		most = room > fixed ? room - fixed : 0;
		if (most > (size_t)(end - at))
			most = (size_t)(end - at);
		to = frame->buffer + frame->used;
		line = most;
		if (most > 0) {
			to = copy_prefix(to, type);
			line = util_copy_line(to, at, most, &ascii);
		}
		if (line == most && frame->used > 0 &&
		    most < (size_t)(end - at)) {
			(void)frame_flush(frame); /* frame->error keeps it */
			continue;
		}
		if (line == most || at[line] == '\r' || line > line_max)
			break;
		if (!ascii && !is_utf8((struct bytes){at, line}))
			break;
		to[line] = '\n';
		to[line + 1] = '\n';
		frame->used += fixed + line;
		at += line + 1;
	}
	return (size_t)(at - from);
}
