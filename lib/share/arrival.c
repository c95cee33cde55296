/*
 * arrival: accepts connections, waits for the message of each with a limit of
 * time and number, and answers it.
 */
#define _GNU_SOURCE /* accept4 */
#include "arrival.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../proc.h"
#include "../util.h"
#include "handover.h"

#define MESSAGE_NS (5000 * POLLER_MS) /* for a connection's message */
#define FULL_NS (1000 * POLLER_MS)    /* if no descriptor is left */
#define FIRST_NS (5000 * POLLER_MS)   /* for a viewer that is to come */
#define EARLY_NS                                                     \
	(500 * POLLER_MS) /* for the first event, if an id is sought \
			   */
#define NO_VIEWER (HANDOVER_LIST | HANDOVER_ASK | HANDOVER_QUIT)

struct request {
	struct handover_message message;
	int fd;     /* for the answer */
	int viewer; /* or -1 if none came */
};

/* What a viewer's Last-Event-ID makes of it. */
enum place {
	REPLAY,   /* it is served here */
	NOT_HERE, /* the program is run for it (-f) */
	EARLY,    /* it asks again: that may change at once */
	FINISHED, /* it has had the end: 204 */
};

/* An id that the ring does not have. */
static enum place
find_unknown(const struct arrival *arrival, struct viewer *viewer)
{
	const struct events *events = arrival->events;

	if (arrival->ended && viewer->place == events->ring.head)
		return FINISHED;
	/* the program cannot know ids that are made here */
	if (viewer->flags & HANDOVER_FURTHER && events->number == 0)
		return events->count == 0 && arrival->setup->after == NULL &&
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
	if (bytes_equal(id, (struct bytes)BYTES("end")))
		return FINISHED;
	if (!ring_after(ring, ring_digest(id), &viewer->place))
		return find_unknown(arrival, viewer);
	viewer->flags &= ~(unsigned int)VIEWER_NEW;
	return arrival->ended && viewer->place == ring->head ? FINISHED
							     : REPLAY;
}

/*
 * A viewer goes to a channel of -f first, which brings it here when it has
 * caught up.
 */
static void
expect(struct arrival *arrival)
{
	if (arrival->setup->after != NULL)
		return;
	arrival->had_viewer = true;
	arrival->expected_ns = util_now_ns() + FIRST_NS;
}

static void
take_viewer(struct arrival *arrival, const struct request *request)
{
	const struct handover_message *message = &request->message;
	struct viewers *viewers = arrival->viewers;
	struct viewer new = {
	    .fd = request->viewer,
	    .flags = (message->flags & HANDOVER_VIEWER) | VIEWER_WAITS,
	    .over_ns = UTIL_NEVER,
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
	arrival->newcomer |= message->id_n == 0;
}

/* Whether a viewer with this id could go on here. */
static void
answer_question(struct arrival *arrival, const struct request *request)
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
	char *const *word = arrival->setup->command;
	size_t n = 0;

	for (; *word != NULL && n < sizeof(command) - 1; word++) {
		int done = snprintf(command + n, sizeof(command) - n, "%s%s",
		    n > 0 ? " " : "", *word);

		n += done < 0 ? 0 : (size_t)done;
	}
	util_no_controls(command);
	(void)snprintf(line, sizeof(line), "%s\t%s\t%zu\t%ju\t%ju\t%jd\n",
	    arrival->setup->key, command, arrival->viewers->n,
	    (uintmax_t)arrival->events->count,
	    (uintmax_t)arrival->events->ring.head,
	    (intmax_t)((util_now_ns() - arrival->born_ns) / UTIL_SECOND_NS));
	(void)handover_answer_line(fd, line); /* or nobody asks any more */
}

/* Answers a request, and takes its viewer, or closes that. */
static void
take_request(struct arrival *arrival, const struct request *request)
{
	uint32_t flags = request->message.flags;

	if (request->viewer != -1 && flags & NO_VIEWER)
		(void)close(request->viewer); /* it has no business there */
	if (flags & HANDOVER_QUIT) {
		arrival->quit = true; /* the answer is arrival_close's */
		return;
	}
	if (flags & HANDOVER_LIST)
		answer_list(arrival, request->fd);
	else if (flags & HANDOVER_ASK)
		answer_question(arrival, request);
	else if (request->viewer == -1)
		(void)handover_answer(request->fd, HANDOVER_FULL);
	else
		take_viewer(arrival, request);
	(void)close(request->fd); /* it has its answer */
}

/* Not pending any more; the descriptor stays. */
static void
take_out(struct arrival *arrival, size_t i)
{
	poller_forget(arrival->poller, arrival->pending[i].fd);
	for (arrival->n--; i < arrival->n; i++)
		arrival->pending[i] = arrival->pending[i + 1];
}

static void
drop(struct arrival *arrival, size_t i)
{
	int fd = arrival->pending[i].fd;

	take_out(arrival, i);
	(void)close(fd); /* the client sees it, and tries again */
}

/* Takes the message of a connection, if it has come. */
static void
take_message(struct arrival *arrival, size_t i)
{
	struct request request = {.fd = arrival->pending[i].fd};

	if (handover_receive(request.fd, &request.message, &request.viewer) ==
	    -1) {
		if (errno != EAGAIN)
			drop(arrival, i);
		return;
	}
	if (!(request.message.flags & HANDOVER_QUIT))
		take_out(arrival, i);
	take_request(arrival, &request);
}

/* It waits for its message, in the place of the oldest of too many. */
static void
add(struct arrival *arrival, int fd)
{
	if (arrival->n == ARRIVAL_MAX)
		drop(arrival, 0);
	if (!sockdir_same_user(fd) ||
	    poller_watch(arrival->poller, fd, POLLER_PENDING, EPOLLIN) == -1) {
		(void)close(fd);
		return;
	}
	arrival->pending[arrival->n++] =
	    (struct arrival_pending){fd, util_now_ns() + MESSAGE_NS};
	take_message(arrival, arrival->n - 1);
}

static void
stop_listening(struct arrival *arrival, int64_t open_ns)
{
	poller_forget(arrival->poller, arrival->listener);
	arrival->open_ns = open_ns;
}

int
arrival_open(struct arrival *arrival)
{
	arrival->listener = arrival->setup->socket.fd;
	arrival->open_ns = UTIL_NEVER;
	return poller_watch(
	    arrival->poller, arrival->listener, POLLER_LISTENER, EPOLLIN);
}

void
arrival_ready(struct arrival *arrival, int fd)
{
	for (int i = 0; fd == arrival->listener && i < ARRIVAL_MAX; i++) {
		int next =
		    accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (next == -1 && errno != EAGAIN && util_scarce(errno))
			stop_listening(arrival, util_now_ns() + FULL_NS);
		if (next == -1)
			return;
		add(arrival, next);
	}
	for (size_t i = 0; i < arrival->n; i++)
		if (arrival->pending[i].fd == fd) {
			take_message(arrival, i);
			return;
		}
}

int64_t
arrival_due(const struct arrival *arrival)
{
	return arrival->n == 0 ? arrival->open_ns
			       : poller_earlier(arrival->open_ns,
				     arrival->pending[0].until_ns);
}

void
arrival_expire(struct arrival *arrival, int64_t now_ns)
{
	while (arrival->n > 0 && arrival->pending[0].until_ns <= now_ns)
		drop(arrival, 0);
	if (arrival->open_ns <= now_ns && arrival_open(arrival) == -1)
		arrival->open_ns = now_ns + FULL_NS;
}

void
arrival_close(struct arrival *arrival)
{
	int fd;

	if (arrival->listener == -1)
		return;
	while (
	    (fd = accept4(arrival->listener, NULL, NULL, SOCK_CLOEXEC)) != -1)
		(void)close(fd);
	stop_listening(arrival, UTIL_NEVER);
	proc_close(&arrival->listener);
	while (arrival->n > 0)
		drop(arrival, 0);
}
