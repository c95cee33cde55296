/*
 * greeting: headers and first events, written to one viewer at a time. What
 * its pipe does not take is kept by viewers.
 */
#include "greeting.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../cgi.h"
#include "../util.h"
#include "handover.h"

#define START_NS (200 * POLLER_MS) /* for an event, before a start is sent */

/* Where to, for a frame. */
struct target {
	struct viewers *viewers;
	struct viewer *viewer;
};

static ssize_t
write_some(int fd, const char *bytes, size_t n)
{
	ssize_t done;

	do {
		done = write(fd, bytes, n);
	} while (done == -1 && errno == EINTR);
	if (done == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	return done;
}

/* An answer is one write to an empty pipe: what it cannot hold is cut. */
static int
write_answer(void *to, const char *bytes, size_t n)
{
	const struct target *target = to;
	ssize_t done = write_some(target->viewer->fd, bytes, n);

	if (done == -1)
		return -1;
	errno = EAGAIN;
	return (size_t)done == n ? 0 : -1;
}

static int
write_greeting(void *to, const char *bytes, size_t n)
{
	const struct target *target = to;
	ssize_t done;

	errno = EMSGSIZE; /* more than a frame holds */
	if (target->viewer->rest != NULL)
		return -1;
	done = write_some(target->viewer->fd, bytes, n);
	if (done == -1 || (size_t)done == n)
		return done == -1 ? -1 : 0;
	return viewers_owe(
	    target->viewers, target->viewer, bytes + done, n - (size_t)done);
}

/* Header fields for a viewer: the operator's, and for its origin. */
struct extra {
	const char *field[GREETING_EXTRA_MAX + ORIGIN_FIELDS];
	size_t n;
};

static void
find_extra(const struct greeting *greeting, const struct viewer *viewer,
    struct extra *extra)
{
	for (size_t i = 0; i < greeting->extras; i++)
		extra->field[i] = greeting->extra[i];
	extra->n = origin_fields(greeting->origins,
	    viewer->flags >> HANDOVER_ORIGIN_SHIFT, extra->field,
	    greeting->extras);
}

static void
put_response(const struct greeting *greeting, const struct viewer *viewer)
{
	struct extra extra;

	find_extra(greeting, viewer, &extra);
	response_write(greeting->response, greeting->frame,
	    (viewer->flags & VIEWER_NPH) != 0, extra.field, extra.n);
}

static void
put_gap(const struct greeting *greeting)
{
	/* a viewer of an earlier channel, or one that was away too long */
	const char *why =
	    greeting->events->ring.tail == 0 ? "restart" : "overtaken";
	struct event gap = {
	    .type = {"gap", 3},
	    .data = {why, strlen(why)},
	};

	frame_event(greeting->frame, &gap);
}

int64_t
greeting_retry_ms(const struct greeting *greeting)
{
	return greeting->retry_ms >= 0 ? greeting->retry_ms
				       : greeting->events->retry_ms;
}

void
greeting_send(struct greeting *greeting, struct viewer *viewer)
{
	struct frame *frame = greeting->frame;
	struct target target = {greeting->viewers, viewer};
	int64_t retry_ms = greeting_retry_ms(greeting);

	frame_init(frame, write_greeting, &target);
	if (!(viewer->flags & VIEWER_GREETED)) {
		put_response(greeting, viewer);
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
	if (greeting->limit_ns > 0)
		viewer->over_ns = util_now_ns() + greeting->limit_ns;
	if (frame_flush(frame) == -1)
		viewers_remove(greeting->viewers, viewer);
	else
		viewers_greeted(greeting->viewers, viewer);
}

void
greeting_send_all(struct greeting *greeting)
{
	struct viewers *viewers = greeting->viewers;
	size_t i = 0, before;

	while (i < viewers->n) {
		before = viewers->n;
		if (viewers->all[i].flags & VIEWER_WAITS)
			greeting_send(greeting, viewers->all + i);
		if (viewers->n == before)
			i++;
	}
}

/*
 * The program, if it is asked for what the ring does not have, knows only ids
 * of its own. False: the viewer is gone.
 */
static bool
send_start(struct greeting *greeting, struct viewer *viewer)
{
	const struct events *events = greeting->events;
	struct target target = {greeting->viewers, viewer};
	struct event start = {.type = {"start", 5}};
	char made[EVENTS_ID_MAX];
	size_t before = greeting->viewers->n;

	viewer->flags &= ~(unsigned int)VIEWER_NEW;
	if (!(viewer->flags & VIEWER_LAGS) &&
	    viewer->place < events->ring.head) {
		/* events that are gathered have ids, too */
		viewers_greeted(greeting->viewers, viewer);
		return greeting->viewers->n == before;
	}
	if (viewer->flags & VIEWER_LAGS || events->end ||
	    (events->made && viewer->flags & VIEWER_FURTHER))
		return true;
	start.id = events_last_id(events, made);
	frame_init(greeting->frame, write_greeting, &target);
	frame_event(greeting->frame, &start);
	if (frame_flush(greeting->frame) == 0 && viewer->rest == NULL)
		return true;
	viewers_remove(greeting->viewers, viewer);
	return false;
}

void
greeting_send_starts(struct greeting *greeting)
{
	const unsigned int new = VIEWER_NEW, waits = VIEWER_WAITS;
	struct viewers *viewers = greeting->viewers;
	size_t i = 0;

	greeting->starts_ns = POLLER_NEVER;
	while (i < viewers->n)
		if ((viewers->all[i].flags & (new | waits)) != new ||
		    send_start(greeting, viewers->all + i))
			i++;
}

void
greeting_forget_starts(struct greeting *greeting)
{
	struct viewers *viewers = greeting->viewers;

	greeting->starts_ns = POLLER_NEVER;
	for (size_t i = 0; i < viewers->n; i++)
		if (!(viewers->all[i].flags & VIEWER_WAITS))
			viewers->all[i].flags &= ~(unsigned int)VIEWER_NEW;
}

static void
put_answer(
    const struct greeting *greeting, const struct viewer *viewer, int status)
{
	const struct cgi_request request = {
	    .served = true,
	    .nph = (viewer->flags & VIEWER_NPH) != 0,
	    .method = CGI_GET,
	};
	struct extra extra;
	struct cgi_response response = {.status = status};

	find_extra(greeting, viewer, &extra);
	response.extra = extra.field;
	response.extras = extra.n;
	cgi_respond(greeting->frame, &request, &response);
	if (status != 200)
		return;
	frame_retry(greeting->frame, (uint64_t)util_random(GREETING_RETRY_MS,
					 3 * GREETING_RETRY_MS - 1));
}

void
greeting_answer(struct greeting *greeting, struct viewer *viewer, int status)
{
	struct target target = {greeting->viewers, viewer};

	frame_init(greeting->frame, write_answer, &target);
	if (status == 0)
		put_response(greeting, viewer);
	else
		put_answer(greeting, viewer, status);
	(void)frame_flush(greeting->frame); /* it is over either way */
	viewers_remove(greeting->viewers, viewer);
}

void
greeting_answer_all(struct greeting *greeting, int status)
{
	struct viewers *viewers = greeting->viewers;
	size_t i = 0;

	while (i < viewers->n)
		if (viewers->all[i].flags & VIEWER_WAITS)
			greeting_answer(greeting, viewers->all + i, status);
		else
			i++;
}
