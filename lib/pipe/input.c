/*
 * input: reads bytes, splits them with record, finds fields with columns, and
 * encodes each record as an event with frame and json.
 */
#include "input.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "../json.h"
#include "../proc.h"
#include "../util.h"

#define DRAIN_READS 32 /* more than the largest pipe holds */

int
input_open(struct input *input, struct frame *frame, enum record_end record_end,
    size_t max)
{
	input->frame = frame;
	input->torn_ns = UTIL_NEVER;
	return record_init(&input->splitter, record_end, max);
}

static void
put_event(const struct input *input, const struct event *event)
{
	if (!input->json && input->cast == NULL) {
		frame_event(input->frame, event);
		return;
	}
	frame_fields(input->frame, event);
	frame_raw(input->frame, "data: ", 6);
	if (input->cast != NULL)
		terminal_data(input->cast, input->frame, event->data);
	else
		json_string(input->frame, event->data);
	frame_raw(input->frame, "\n\n", 2);
}

static int
put_record(struct input *input, const struct record *record)
{
	struct event event = {.type = input->type};

	if (columns_event(&input->columns, record, &event) == -1)
		return -1;
	if (!record->first || !record->last)
		input->was_long = true;
	if (!frame_field_ok(event.id) || !frame_field_ok(event.type))
		input->was_wrong = true;
	put_event(input, &event);
	return 0;
}

/* Takes the next record that the fast path for plain lines did not encode. */
static bool
next_record(struct input *input, struct record *record)
{
	if (input->columns.n <= 1 && !input->json && input->cast == NULL)
		record_frame_lines(&input->splitter, input->frame, input->type);
	return record_next(&input->splitter, record);
}

static int
put_records(struct input *input)
{
	struct record record;

	while (next_record(input, &record)) {
		if (put_record(input, &record) == -1)
			return -1;
		input->torn_ns = UTIL_NEVER; /* a torn character is new now */
	}
	if (input->torn_ns == UTIL_NEVER && record_torn(&input->splitter))
		input->torn_ns =
		    util_now_ns() + INPUT_TORN_MS * INT64_C(1000000);
	return 0;
}

/* The input has ended: takes its last record, even if incomplete. */
static int
end(struct input *input)
{
	if (*input->fd == -1)
		return 0;
	proc_close(input->fd);
	record_ended(&input->splitter);
	return put_records(input);
}

int
input_read(struct input *input)
{
	size_t room;
	char *to = record_room(&input->splitter, &room);
	ssize_t n;

	if (to == NULL)
		return -1;
	if (room > input->left)
		room = (size_t)input->left;
	n = read(*input->fd, to, room);
	if (n > 0) {
		input->left -= input->left < UINT64_MAX ? (size_t)n : 0;
		record_filled(&input->splitter, (size_t)n);
		if (put_records(input) == -1)
			return -1;
		return input->left == 0 ? end(input) : 0;
	}
	/* EIO is the end of file on the master of a pseudo-terminal */
	if (n == 0 || (errno == EIO && input->pty))
		return end(input);
	return errno == EINTR || errno == EAGAIN ? 0 : -1;
}

int64_t
input_due(const struct input *input)
{
	return *input->fd == -1 ? UTIL_NEVER : input->torn_ns;
}

int
input_late(struct input *input)
{
	record_hurry(&input->splitter);
	return put_records(input);
}

int
input_drain(struct input *input)
{
	struct pollfd ready = {.events = POLLIN};

	for (int i = 0; i < DRAIN_READS && *input->fd != -1; i++) {
		ready.fd = *input->fd;
		if (poll(&ready, 1, 0) != 1)
			break;
		if (input_read(input) == -1)
			return -1;
	}
	return end(input);
}
