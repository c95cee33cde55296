/*
 * arrival: answers each request to the channel, and finds a viewer's place in
 * the ring. What the viewer is sent is left to greeting.
 */
#include "arrival.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../poller.h"
#include "../util.h"
#include "handover.h"

#define FIRST_NS (5000 * POLLER_MS) /* for a viewer that is to come */
#define NO_VIEWER (HANDOVER_LIST | HANDOVER_ASK | HANDOVER_QUIT)
#define EARLY_NS                                                     \
	(500 * POLLER_MS) /* for the first event, if an id is sought \
			   */

/* What a viewer's Last-Event-ID makes of it. */
enum place {
	REPLAY,   /* it is served here */
	NOT_HERE, /* the program is run for it (-f) */
	EARLY,    /* it asks again: that may change at once */
	FINISHED, /* it has had the end: 204 */
};

/* An id that the ring does not have. */
static enum place
find_unknown(const struct arrival *arrival,
    const struct handover_message *message, struct viewer *viewer)
{
	const struct events *events = arrival->events;

	if (arrival->ended && viewer->place == events->ring.head)
		return FINISHED;
	/* the program cannot know ids that are made here */
	if (message->flags & HANDOVER_FURTHER && events->number == 0)
		return events->count == 0 && !arrival->catches_up &&
			       util_now_ns() < arrival->born_ns + EARLY_NS
			   ? EARLY
			   : NOT_HERE;
	viewer->place = events->ring.tail;
	viewer->flags |= VIEWER_GAP;
	return REPLAY;
}

static enum place
find_place(const struct arrival *arrival,
    const struct handover_message *message, struct viewer *viewer)
{
	const struct ring *ring = &arrival->events->ring;
	struct bytes id = {message->id, message->id_n};
	uint64_t replay = message->replay;

	if (arrival->ended && replay == 0)
		replay = 1; /* the end itself */
	viewer->place = ring_back(ring, replay);
	viewer->flags |= VIEWER_NEW;
	if (id.n == 0)
		return REPLAY;
	if (id.n == 3 && memcmp(id.at, "end", 3) == 0)
		return FINISHED;
	if (!ring_after(ring, ring_digest(id), &viewer->place))
		return find_unknown(arrival, message, viewer);
	viewer->flags &= ~(unsigned int)VIEWER_NEW;
	return arrival->ended && viewer->place == ring->head ? FINISHED
							     : REPLAY;
}

/* A viewer is caught up with elsewhere, and will be brought here then. */
static void
expect(struct arrival *arrival)
{
	if (arrival->catches_up)
		return;
	arrival->had_viewer = true;
	arrival->expected_ns = util_now_ns() + FIRST_NS;
}

static unsigned int
viewer_flags(const struct handover_message *message)
{
	unsigned int flags = VIEWER_WAITS | (message->flags & HANDOVER_ORIGIN);

	if (message->flags & HANDOVER_GREETED)
		flags |= VIEWER_GREETED;
	if (message->flags & HANDOVER_NPH)
		flags |= VIEWER_NPH;
	if (message->flags & HANDOVER_FURTHER)
		flags |= VIEWER_FURTHER;
	return flags;
}

static void
take_viewer(struct arrival *arrival, const struct pending_request *request)
{
	const struct handover_message *message = &request->message;
	struct viewers *viewers = arrival->viewers;
	struct viewer new = {
	    .fd = request->viewer,
	    .flags = viewer_flags(message),
	    .over_ns = POLLER_NEVER,
	};
	enum place place = find_place(arrival, message, &new);
	bool greeted = (message->flags & HANDOVER_GREETED) != 0;
	struct viewer *viewer;

	if (place == NOT_HERE || place == EARLY ||
	    (greeted && (place == FINISHED || !arrival->streams))) {
		expect(arrival);
		(void)close(new.fd); /* nothing was written there by us */
		if (place == NOT_HERE)
			(void)handover_answer(request->fd, HANDOVER_UNKNOWN);
		return;
	}
	if (viewers_add(viewers, &new) == -1) {
		(void)handover_answer(request->fd, HANDOVER_FULL);
		return;
	}
	viewer = viewers->all + viewers->n - 1;
	arrival->had_viewer = true;
	arrival->expected_ns = 0;
	if (handover_answer(request->fd, HANDOVER_TAKEN) == -1 && !greeted)
		viewers_remove(viewers, viewer);
	else if (place == FINISHED)
		greeting_answer(arrival->greeting, viewer, 204);
	else if (arrival->streams)
		greeting_send(arrival->greeting, viewer);
}

/* Whether a viewer with this id could go on here. */
static void
answer_question(struct arrival *arrival, const struct pending_request *request)
{
	struct bytes id = {request->message.id, request->message.id_n};
	uint64_t place;

	expect(arrival);
	(void)handover_answer(request->fd,
	    ring_after(&arrival->events->ring, ring_digest(id), &place)
		? HANDOVER_TAKEN
		: HANDOVER_UNKNOWN);
}

/* KEY, PROGRAM, viewers, events, bytes, seconds. */
static void
answer_list(const struct arrival *arrival, int fd)
{
	char line[HANDOVER_LINE_MAX], command[256] = "";
	char *const *word = arrival->command;
	size_t n = 0;

	for (; *word != NULL && n < sizeof(command) - 1; word++) {
		int done = snprintf(command + n, sizeof(command) - n, "%s%s",
		    n > 0 ? " " : "", *word);

		n += done < 0 ? 0 : (size_t)done;
	}
	for (char *c = command; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	(void)snprintf(line, sizeof(line), "%s\t%s\t%zu\t%ju\t%ju\t%jd\n",
	    arrival->key, command, arrival->viewers->n,
	    (uintmax_t)arrival->events->count,
	    (uintmax_t)arrival->events->ring.head,
	    (intmax_t)((util_now_ns() - arrival->born_ns) / UTIL_SECOND_NS));
	(void)handover_answer_line(fd, line); /* or nobody asks any more */
}

void
arrival_take(struct arrival *arrival, const struct pending_request *request)
{
	uint32_t flags = request->message.flags;

	if (request->viewer != -1 && flags & NO_VIEWER)
		(void)close(request->viewer); /* it has no business there */
	if (flags & HANDOVER_QUIT)
		arrival->quit = true; /* the answer is pending_close's */
	else if (flags & HANDOVER_LIST)
		answer_list(arrival, request->fd);
	else if (flags & HANDOVER_ASK)
		answer_question(arrival, request);
	else if (request->viewer == -1)
		(void)handover_answer(request->fd, HANDOVER_FULL);
	else
		take_viewer(arrival, request);
	if (request->fd != -1)
		(void)close(request->fd); /* it has its answer */
}
