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
#include "greeting.h"
#include "handover.h"

#define MESSAGE_NS (5000 * POLLER_MS) /* for a connection's message */
#define FULL_NS (1000 * POLLER_MS)    /* if descriptors run out */
#define EARLY_NS (500 * POLLER_MS) /* for the first event, if id is unknown */
#define NO_VIEWER (HANDOVER_LIST | HANDOVER_ASK | HANDOVER_QUIT)

struct request {
	struct handover_message message;
	int fd;     /* the connection, for the answer */
	int viewer; /* its descriptor, or -1 if none came */
};

/* What to do with a viewer, by its Last-Event-ID. */
enum place {
	REPLAY,   /* it is served here */
	NOT_HERE, /* the program is to be run from its id on (-f) */
	EARLY,    /* it must try again: the first event may come soon */
	FINISHED, /* it has the end already: 204 */
};

/* Decides on a viewer whose id is not in the ring. */
static enum place
find_unknown(const struct arrival *arrival, struct viewer *viewer)
{
	const struct relay *relay = arrival->relay;

	if (arrival->ended && viewer->place == relay->ring.head)
		return FINISHED;
	/* ids that are made here mean nothing to the program */
	if (viewer->flags & HANDOVER_FURTHER && relay->number == 0)
		return relay->count == 0 && relay->setup->after == NULL &&
			       util_now_ns() < arrival->born_ns + EARLY_NS
			   ? EARLY
			   : NOT_HERE;
	viewer->place = relay->ring.tail;
	viewer->flags |= VIEWER_GAP;
	return REPLAY;
}

static enum place
find_place(const struct arrival *arrival,
    const struct handover_message *message, struct viewer *viewer)
{
	const struct ring *ring = &arrival->relay->ring;
	struct bytes id = {message->id, message->id_n};
	uint64_t replay = message->replay;

	if (arrival->ended && replay == 0)
		replay = 1; /* the event "end" */
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
 * Keeps this channel for a viewer that is first sent to another channel (-f),
 * which hands it over when it has caught up.
 */
static void
expect(struct arrival *arrival)
{
	if (arrival->relay->setup->after != NULL)
		return;
	arrival->had_viewer = true;
	arrival->expected_ns = util_now_ns() + ARRIVAL_FIRST_NS;
}

static void
take_viewer(struct arrival *arrival, const struct request *request)
{
	const struct handover_message *message = &request->message;
	struct viewers *viewers = arrival->relay->viewers;
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
		(void)close(new.fd); /* nothing was written to it here */
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
		greeting_answer(arrival->relay, viewer, 204);
	else if (arrival->streams)
		greeting_send(arrival->relay, viewer);
	arrival->newcomer |= message->id_n == 0;
}

/* Answers whether a viewer with this id could resume here. */
static void
answer_question(struct arrival *arrival, const struct request *request)
{
	struct bytes id = {request->message.id, request->message.id_n};
	uint64_t place;

	expect(arrival);
	(void)handover_answer(request->fd,
	    ring_after(&arrival->relay->ring, ring_digest(id), &place)
		? HANDOVER_TAKEN
		: HANDOVER_UNKNOWN);
}

/* Answers with KEY, PROGRAM, viewers, events, bytes, age in seconds. */
static void
answer_list(const struct arrival *arrival, int fd)
{
	const struct relay *relay = arrival->relay;
	char line[HANDOVER_LINE_MAX], command[256] = "";
	char *const *word = relay->setup->command;
	size_t n = 0;

	for (; *word != NULL && n < sizeof(command) - 1; word++) {
		int done = snprintf(command + n, sizeof(command) - n, "%s%s",
		    n > 0 ? " " : "", *word);

		n += done < 0 ? 0 : (size_t)done;
	}
	util_no_controls(command);
	(void)snprintf(line, sizeof(line), "%s\t%s\t%zu\t%ju\t%ju\t%jd\n",
	    relay->setup->key, command, relay->viewers->n,
	    (uintmax_t)relay->count, (uintmax_t)relay->ring.head,
	    (intmax_t)((util_now_ns() - arrival->born_ns) / UTIL_SECOND_NS));
	(void)handover_answer_line(fd, line); /* the client may have left */
}

/* Answers a request, and takes or closes its viewer. */
static void
take_request(struct arrival *arrival, const struct request *request)
{
	uint32_t flags = request->message.flags;

	if (request->viewer != -1 && flags & NO_VIEWER)
		(void)close(request->viewer); /* not with these flags */
	if (flags & HANDOVER_QUIT) {
		arrival->quit = true; /* arrival_close answers */
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
	(void)close(request->fd);
}

/* Removes a pending connection; its descriptor stays open. */
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
	(void)close(fd); /* the client sees EOF, and tries again */
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

/*
 * A connection is pending until its message comes; if there are too many, the
 * oldest one is closed.
 */
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
	arrival->listener = arrival->relay->setup->socket.fd;
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
