/*
 * printer: which events are printed, and how. A record must be read back as
 * one record of the same columns, whatever bytes an event has.
 */
#include "printer.h"

#include <string.h>

#include "../json.h"

/* "message" is what the standard calls the type of an event without one. */
static struct bytes
type_of(struct bytes type)
{
	return type.n > 0 ? type : bytes_of("message");
}

/* Whether it is a start, with only an id, or the end, with an exit status. */
static bool
is_mark(const struct decoder *decoder)
{
	const struct event *event = &decoder->event;

	if (!decoder->has_id)
		return false;
	if (bytes_equal(event->id, bytes_of("end")))
		return bytes_equal(event->type, bytes_of("end")) ||
		       bytes_equal(event->data, bytes_of("0"));
	return bytes_equal(event->type, bytes_of("start")) &&
	       event->data.n == 0;
}

/* Marks have no data: printed as JSON, with the column event, or by -e. */
static bool
is_wanted(const struct printer *printer, const struct decoder *decoder)
{
	if (printer->type != NULL)
		return bytes_equal(type_of(decoder->event.type),
		    type_of(bytes_of(printer->type)));
	return printer->json || !is_mark(decoder) ||
	       columns_have(&printer->columns, COLUMN_EVENT);
}

static void
put_json(
    struct printer *printer, const struct decoder *decoder, struct frame *frame)
{
	const struct event *event = &decoder->event;

	frame_text(frame, "{\"event\":");
	json_string(frame, type_of(event->type));
	frame_text(frame, ",\"id\":");
	json_string(frame, event->id);
	frame_text(frame, ",\"data\":");
	json_string(frame, event->data);
	if (printer->retried) {
		frame_text(frame, ",\"retry\":");
		json_number(frame, decoder->retry_ms);
	}
	printer->retried = false;
	frame_text(frame, "}\n");
}

/* Prints a column. Without an id, a client resumes after the id before it. */
static void
put_field(struct printer *printer, struct bytes field, struct frame *frame)
{
	if (!frame_field_ok(field) ||
	    (field.n > 0 && memchr(field.at, '\t', field.n) != NULL))
		printer->left_out = true;
	else
		frame_raw(frame, field.at, field.n);
	frame_raw(frame, "\t", 1);
}

/* No byte of data may end the record: a forged record could follow it. */
static void
put_data(struct printer *printer, struct bytes data, struct frame *frame)
{
	const char end = printer->null ? '\0' : '\n';
	const char *found;

	while (data.n > 0 && (found = memchr(data.at, end, data.n)) != NULL) {
		size_t n = (size_t)(found - data.at);

		printer->replaced = true;
		frame_raw(frame, data.at, n);
		frame_text(frame, printer->null ? "\xef\xbf\xbd" : " ");
		data.at += n + 1;
		data.n -= n + 1;
	}
	frame_raw(frame, data.at, data.n);
}

static void
put_columns(
    struct printer *printer, const struct event *event, struct frame *frame)
{
	const struct columns *columns = &printer->columns;
	struct bytes id = event->id;

	if (!printer->id_came)
		id.n = 0;
	for (size_t i = 0; i < columns->n; i++) {
		switch (columns->column[i]) {
		case COLUMN_ID: put_field(printer, id, frame); break;
		case COLUMN_EVENT:
			put_field(printer, event->type, frame);
			break;
		case COLUMN_DATA: put_data(printer, event->data, frame); break;
		}
	}
}

void
printer_retry(struct printer *printer)
{
	printer->retried = true;
}

void
printer_frame(struct printer *printer, const struct decoder *decoder,
    enum decode_result result, struct frame *frame)
{
	const struct event *event = &decoder->event;

	printer->id_came |= decoder->has_id;
	if (result != DECODE_EVENT || !is_wanted(printer, decoder))
		return;
	if (printer->json) {
		put_json(printer, decoder, frame);
		return;
	}
	if (printer->columns.n > 0)
		put_columns(printer, event, frame);
	else if (printer->null)
		put_data(printer, event->data, frame);
	else
		frame_raw(frame, event->data.at, event->data.n);
	frame_raw(frame, printer->null ? "" : "\n", 1);
	printer->id_came = false;
}
