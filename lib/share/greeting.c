/*
 * greeting: headers and first events, written to one viewer at a time. What
 * its pipe does not take is kept by viewers.
 */
#include "greeting.h"

#include <string.h>

#include "../cgi.h"
#include "../util.h"
#include "handover.h"

#define START_NS (200 * POLLER_MS) /* for an event, before a start is sent */

/* Of a response with status, or with 0 of the program's. */
static void
put_header(
    const struct greeting *greeting, const struct viewer *viewer, int status)
{
	const struct channel_setup *setup = greeting->relay->setup;
	const char *extra[CHANNEL_EXTRA_MAX + ORIGIN_FIELDS];
	const struct cgi_request request = {
	    .served = true,
	    .nph = (viewer->flags & HANDOVER_NPH) != 0,
	    .method = CGI_GET,
	};
	struct cgi_response response = {.status = status, .extra = extra};

	memcpy(extra, setup->extra, setup->extras * sizeof(*extra));
	response.extras = origin_fields(setup->origins,
	    viewer->flags >> HANDOVER_ORIGIN_SHIFT, extra, setup->extras);
	if (status == 0)
		response_write(&greeting->relay->producer->response,
		    greeting->relay->frame, request.nph, extra,
		    response.extras);
	else
		cgi_respond(greeting->relay->frame, &request, &response);
}

static void
put_gap(const struct greeting *greeting)
{
	struct event gap = {
	    .type = BYTES("gap"),
	    .data = BYTES("overtaken"),
	};

	/* nothing was dropped: it is a viewer of an earlier channel */
	if (greeting->relay->ring.tail == 0)
		gap.data = bytes_of("restart");
	frame_event(greeting->relay->frame, &gap);
}

int64_t
greeting_retry_ms(const struct greeting *greeting)
{
	return greeting->relay->setup->retry_ms >= 0
		   ? greeting->relay->setup->retry_ms
		   : greeting->relay->retry_ms;
}

void
greeting_send(struct greeting *greeting, struct viewer *viewer)
{
	struct frame *frame = greeting->relay->frame;
	int64_t retry_ms = greeting_retry_ms(greeting);

	frame_init(frame, viewers_write, viewer);
	if (!(viewer->flags & HANDOVER_GREETED)) {
		put_header(greeting, viewer, 0);
		if (retry_ms >= 0)
			frame_retry(frame, (uint64_t)retry_ms);
		else
			frame_comment(frame);
	}
	if (viewer->flags & VIEWER_GAP)
		put_gap(greeting);
	if (viewer->place < greeting->relay->ring.head)
		viewer->flags &= ~(unsigned int)VIEWER_NEW;
	else if (viewer->flags & VIEWER_NEW)
		greeting->starts_ns = poller_earlier(
		    greeting->starts_ns, util_now_ns() + START_NS);
	if (greeting->relay->setup->limit_ns > 0)
		viewer->over_ns =
		    util_now_ns() + greeting->relay->setup->limit_ns;
	if (frame_flush(frame) == -1)
		viewers_remove(greeting->relay->viewers, viewer);
	else
		viewers_greeted(greeting->relay->viewers, viewer);
}

void
greeting_send_all(struct greeting *greeting)
{
	for (size_t i = greeting->relay->viewers->n; i-- > 0;)
		if (greeting->relay->viewers->all[i].flags & VIEWER_WAITS)
			greeting_send(
			    greeting, greeting->relay->viewers->all + i);
}

/*
 * With -f the program knows only ids of its own, so a viewer gets none that
 * was made here.
 */
static void
send_start(struct greeting *greeting, struct viewer *viewer)
{
	const struct relay *relay = greeting->relay;
	struct event start = {
	    .id = {relay->last_id, relay->last_id_n},
	    .type = BYTES("start"),
	};

	viewer->flags &= ~(unsigned int)VIEWER_NEW;
	if (viewer->flags & VIEWER_LAGS || viewer->place != relay->ring.head ||
	    relay->end || (relay->made && viewer->flags & HANDOVER_FURTHER))
		return;
	frame_init(greeting->relay->frame, viewers_write, viewer);
	frame_event(greeting->relay->frame, &start);
	if (frame_flush(greeting->relay->frame) == -1 || viewer->rest != NULL)
		viewers_remove(greeting->relay->viewers, viewer);
}

void
greeting_send_starts(struct greeting *greeting)
{
	const unsigned int new = VIEWER_NEW, waits = VIEWER_WAITS;
	struct viewers *viewers = greeting->relay->viewers;

	greeting->starts_ns = UTIL_NEVER;
	for (size_t i = viewers->n; i-- > 0;)
		if ((viewers->all[i].flags & (new | waits)) == new)
			send_start(greeting, viewers->all + i);
}

void
greeting_forget_starts(struct greeting *greeting)
{
	struct viewers *viewers = greeting->relay->viewers;

	greeting->starts_ns = UTIL_NEVER;
	for (size_t i = 0; i < viewers->n; i++)
		if (!(viewers->all[i].flags & VIEWER_WAITS))
			viewers->all[i].flags &= ~(unsigned int)VIEWER_NEW;
}

void
greeting_answer(struct greeting *greeting, struct viewer *viewer, int status)
{

	frame_init(greeting->relay->frame, viewers_write, viewer);
	put_header(greeting, viewer, status);
	if (status == 200)
		frame_retry(greeting->relay->frame,
		    (uint64_t)util_random(
			GREETING_RETRY_MS, 3 * GREETING_RETRY_MS - 1));
	(void)frame_flush(greeting->relay->frame); /* it is over either way */
	viewers_remove(greeting->relay->viewers, viewer);
}

void
greeting_answer_all(struct greeting *greeting, int status)
{
	for (size_t i = greeting->relay->viewers->n; i-- > 0;)
		if (greeting->relay->viewers->all[i].flags & VIEWER_WAITS)
			greeting_answer(greeting,
			    greeting->relay->viewers->all + i, status);
}
