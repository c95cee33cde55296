/*
 * greeting: headers and first events, written to one viewer at a time. What a
 * pipe does not take is kept by viewers.
 */
#include "greeting.h"

#include <string.h>

#include "../cgi.h"
#include "../program.h"
#include "../util.h"
#include "handover.h"

#define START_NS (200 * POLLER_MS) /* for an event, before a start */

/* Encodes a response header with status, or the program's if status is 0. */
static void
put_header(const struct relay *relay, const struct viewer *viewer, int status)
{
	const struct channel_setup *setup = relay->setup;
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
		response_write(&relay->producer->response, relay->frame,
		    request.nph, extra, response.extras);
	else
		cgi_respond(relay->frame, &request, &response);
}

static void
put_gap(const struct relay *relay)
{
	struct event gap = {
	    .type = BYTES("gap"),
	    .data = BYTES("overtaken"),
	};

	/* nothing was dropped yet: the id is an earlier channel's */
	if (relay->ring.tail == 0)
		gap.data = bytes_of("restart");
	frame_event(relay->frame, &gap);
}

int64_t
greeting_retry_ms(const struct relay *relay)
{
	return relay->setup->retry_ms >= 0 ? relay->setup->retry_ms
					   : relay->retry_ms;
}

void
greeting_send(struct relay *relay, struct viewer *viewer)
{
	struct frame *frame = relay->frame;
	int64_t retry_ms = greeting_retry_ms(relay);

	relay->greeted = true;
	frame_init(frame, viewers_write, viewer);
	if (!(viewer->flags & HANDOVER_GREETED)) {
		put_header(relay, viewer, 0);
		if (retry_ms >= 0)
			frame_retry(frame, (uint64_t)retry_ms);
		else
			frame_comment(frame);
	}
	if (viewer->flags & VIEWER_GAP)
		put_gap(relay);
	if (viewer->place < relay->ring.head)
		viewer->flags &= ~(unsigned int)VIEWER_NEW;
	else if (viewer->flags & VIEWER_NEW)
		relay->starts_ns =
		    poller_earlier(relay->starts_ns, util_now_ns() + START_NS);
	if (relay->setup->limit_ns > 0)
		viewer->over_ns = util_now_ns() + relay->setup->limit_ns;
	if (frame_flush(frame) == -1)
		viewers_remove(relay->viewers, viewer);
	else
		viewers_greeted(relay->viewers, viewer);
}

void
greeting_send_all(struct relay *relay)
{
	for (size_t i = relay->viewers->n; i-- > 0;)
		if (relay->viewers->all[i].flags & VIEWER_WAITS)
			greeting_send(relay, relay->viewers->all + i);
}

/* Sends a start; not with -f if its id was made here, not by the program. */
static void
send_start(struct relay *relay, struct viewer *viewer)
{
	struct event start = {
	    .id = {relay->last_id, relay->last_id_n},
	    .type = BYTES("start"),
	};

	viewer->flags &= ~(unsigned int)VIEWER_NEW;
	if (viewer->flags & VIEWER_LAGS)
		return;
	if (viewer->place < relay->ring.head) {
		/* with -g: events that were not written yet have ids, too */
		viewers_greeted(relay->viewers, viewer);
		return;
	}
	if (relay->end || (relay->made && viewer->flags & HANDOVER_FURTHER))
		return;
	frame_init(relay->frame, viewers_write, viewer);
	frame_event(relay->frame, &start);
	if (frame_flush(relay->frame) == -1 || viewer->rest != NULL)
		viewers_remove(relay->viewers, viewer);
}

void
greeting_send_starts(struct relay *relay)
{
	const unsigned int new = VIEWER_NEW, waits = VIEWER_WAITS;
	struct viewers *viewers = relay->viewers;

	relay->starts_ns = UTIL_NEVER;
	for (size_t i = viewers->n; i-- > 0;)
		if ((viewers->all[i].flags & (new | waits)) == new)
			send_start(relay, viewers->all + i);
}

void
greeting_forget_starts(struct relay *relay)
{
	struct viewers *viewers = relay->viewers;

	relay->starts_ns = UTIL_NEVER;
	for (size_t i = 0; i < viewers->n; i++)
		if (!(viewers->all[i].flags & VIEWER_WAITS))
			viewers->all[i].flags &= ~(unsigned int)VIEWER_NEW;
}

void
greeting_answer(struct relay *relay, struct viewer *viewer, int status)
{
	frame_init(relay->frame, viewers_write, viewer);
	put_header(relay, viewer, status);
	if (status == 200)
		program_come_back(relay->frame);
	(void)frame_flush(relay->frame); /* it is closed in any case */
	viewers_remove(relay->viewers, viewer);
}

void
greeting_answer_all(struct relay *relay, int status)
{
	for (size_t i = relay->viewers->n; i-- > 0;)
		if (relay->viewers->all[i].flags & VIEWER_WAITS)
			greeting_answer(relay, relay->viewers->all + i, status);
}
