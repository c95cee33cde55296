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

/* Where to, for a frame. */
struct target {
	struct viewers *viewers;
	struct viewer *viewer;
};

/* A frame's sink. */
static int
write_greeting(void *to, const char *bytes, size_t n)
{
	const struct target *target = to;

	return viewers_write(target->viewers, target->viewer, bytes, n);
}

/* Of a response with status, or with 0 of the program's. */
static void
put_header(
    const struct greeting *greeting, const struct viewer *viewer, int status)
{
	const struct channel_setup *setup = greeting->setup;
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
		response_write(greeting->response, greeting->frame, request.nph,
		    extra, response.extras);
	else
		cgi_respond(greeting->frame, &request, &response);
}

static void
put_gap(const struct greeting *greeting)
{
	struct event gap = {
	    .type = BYTES("gap"),
	    .data = BYTES("overtaken"),
	};

	/* nothing was dropped: it is a viewer of an earlier channel */
	if (greeting->events->ring.tail == 0)
		gap.data = bytes_of("restart");
	frame_event(greeting->frame, &gap);
}

int64_t
greeting_retry_ms(const struct greeting *greeting)
{
	return greeting->setup->retry_ms >= 0 ? greeting->setup->retry_ms
					      : greeting->events->retry_ms;
}

void
greeting_send(struct greeting *greeting, struct viewer *viewer)
{
	struct frame *frame = greeting->frame;
	struct target target = {greeting->viewers, viewer};
	int64_t retry_ms = greeting_retry_ms(greeting);

	frame_init(frame, write_greeting, &target);
	if (!(viewer->flags & HANDOVER_GREETED)) {
		put_header(greeting, viewer, 0);
		if (retry_ms >= 0)
			frame_retry(frame, (uint64_t)retry_ms);
		else
			frame_comment(frame);
	}
	if (viewer->flags & VIEWER_GAP)
		put_gap(greeting);
	if (viewer->place < greeting->events->ring.head)
		viewer->flags &= ~(unsigned int)VIEWER_NEW;
	else if (viewer->flags & VIEWER_NEW)
		greeting->starts_ns = poller_earlier(
		    greeting->starts_ns, util_now_ns() + START_NS);
	if (greeting->setup->limit_ns > 0)
		viewer->over_ns = util_now_ns() + greeting->setup->limit_ns;
	if (frame_flush(frame) == -1)
		viewers_remove(greeting->viewers, viewer);
	else
		viewers_greeted(greeting->viewers, viewer);
}

void
greeting_send_all(struct greeting *greeting)
{
	for (size_t i = greeting->viewers->n; i-- > 0;)
		if (greeting->viewers->all[i].flags & VIEWER_WAITS)
			greeting_send(greeting, greeting->viewers->all + i);
}

/*
 * With -f the program knows only ids of its own, so a viewer gets none that
 * was made here.
 */
static void
send_start(struct greeting *greeting, struct viewer *viewer)
{
	const struct events *events = greeting->events;
	struct target target = {greeting->viewers, viewer};
	struct event start = {
	    .id = {events->last_id, events->last_id_n},
	    .type = BYTES("start"),
	};

	viewer->flags &= ~(unsigned int)VIEWER_NEW;
	if (viewer->flags & VIEWER_LAGS || viewer->place != events->ring.head ||
	    events->end || (events->made && viewer->flags & HANDOVER_FURTHER))
		return;
	frame_init(greeting->frame, write_greeting, &target);
	frame_event(greeting->frame, &start);
	if (frame_flush(greeting->frame) == -1 || viewer->rest != NULL)
		viewers_remove(greeting->viewers, viewer);
}

void
greeting_send_starts(struct greeting *greeting)
{
	const unsigned int new = VIEWER_NEW, waits = VIEWER_WAITS;
	struct viewers *viewers = greeting->viewers;

	greeting->starts_ns = UTIL_NEVER;
	for (size_t i = viewers->n; i-- > 0;)
		if ((viewers->all[i].flags & (new | waits)) == new)
			send_start(greeting, viewers->all + i);
}

void
greeting_forget_starts(struct greeting *greeting)
{
	struct viewers *viewers = greeting->viewers;

	greeting->starts_ns = UTIL_NEVER;
	for (size_t i = 0; i < viewers->n; i++)
		if (!(viewers->all[i].flags & VIEWER_WAITS))
			viewers->all[i].flags &= ~(unsigned int)VIEWER_NEW;
}

void
greeting_answer(struct greeting *greeting, struct viewer *viewer, int status)
{
	struct target target = {greeting->viewers, viewer};

	frame_init(greeting->frame, write_greeting, &target);
	put_header(greeting, viewer, status);
	if (status == 200)
		frame_retry(
		    greeting->frame, (uint64_t)util_random(GREETING_RETRY_MS,
					 3 * GREETING_RETRY_MS - 1));
	(void)frame_flush(greeting->frame); /* it is over either way */
	viewers_remove(greeting->viewers, viewer);
}

void
greeting_answer_all(struct greeting *greeting, int status)
{
	for (size_t i = greeting->viewers->n; i-- > 0;)
		if (greeting->viewers->all[i].flags & VIEWER_WAITS)
			greeting_answer(
			    greeting, greeting->viewers->all + i, status);
}
