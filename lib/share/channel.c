/*
 * channel: see channel.h. One epoll loop; nothing in it blocks but the end
 * of a program that does not want to end.
 */
#define _GNU_SOURCE /* accept4, syscall for close_range, NSIG */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../cgi.h"
#include "../child.h"
#include "../proc.h"
#include "../record.h"
#include "../util.h"
#include "cut.h"
#include "handover.h"
#include "response.h"
#include "ring.h"
#include "viewers.h"

extern char **environ;

#define NEVER VIEWERS_NEVER
#define MS INT64_C(1000000) /* nanoseconds */

#define READ_SIZE 32768
#define EVENTS 256
#define GUESTS_MAX 64
#define GUEST_NS (5000 * MS) /* for a guest's message */
#define FIRST_NS (5000 * MS) /* for a viewer that is to come */
#define EARLY_NS (500 * MS)  /* for the first event, where an id is sought */
#define START_NS (200 * MS)  /* for an event, before a start is sent */
#define ASK_NS (1000 * MS)   /* for an answer to the question for an id */
#define ASK_MIN_NS (20 * MS) /* from one such question to the next */
#define ASK_MAX_NS (1000 * MS)
#define PAUSE_NS (5000 * MS)    /* for viewers that all lag */
#define DRAIN_NS (10000 * MS)   /* for one of the last to take something */
#define EXIT_NS (100 * MS)      /* for the program, from its last byte */
#define FULL_NS (100 * MS)      /* for a guest where no descriptor is left */
#define SHUT_NS (1000 * MS)     /* where there is not even one for a guest */
#define ANSWER_MAX 32768        /* of the body of an answer */
#define LINE_MAX_ERR 1000       /* of the program's stderr */
#define RETRY_DEFAULT_MS 3000   /* what browsers take by themselves */
#define ID_MAX 64               /* of ids that are made here */
#define FRAME_ROOM (ID_MAX + 8) /* for such an id, in front of a frame */

enum kind { SIGNALS = 1, SOCKET, OUT, ERR, EXIT, GUEST, ANSWERED, VIEWER };
#define NO_VIEWER (HANDOVER_LIST | HANDOVER_ASK | HANDOVER_QUIT)
#define TAG(kind) ((uint64_t)(kind) << 32)

enum state {
	HEADER, /* the program has not written its header yet */
	ANSWER, /* it answers something else than a stream */
	STREAM,
	ENDED,   /* it has ended, with an event "end" */
	LEAVING, /* nobody comes any more; the last ones get the rest */
};

struct guest {
	int fd;
	int64_t until_ns;
};

struct channel {
	const struct channel_setup *setup;
	enum state state;
	int epoll;
	int signals;
	int spare; /* a descriptor to give up where there are no more */

	struct child child;
	struct splitter err;
	struct response response;
	struct cut cut;
	struct ring ring;
	struct viewers viewers;
	struct guest guests[GUESTS_MAX];
	size_t guests_n;

	char start[ID_MAX / 2]; /* of the channel: ids begin with it */
	uint64_t number;        /* of the last id that was made */
	bool made;              /* the last id was made; else it is: */
	size_t last_id_n;
	char last_id[HANDOVER_ID_MAX];
	uint64_t events;
	bool scarce;   /* something ran out where the program was to be run */
	bool end_seen; /* the last event's id is "end" */
	bool no_id;    /* an event without an id of its own came after that */
	bool said_long;
	bool had_viewer;
	bool reading;   /* the program's output is waited for */
	bool paused;    /* it is not: all viewers lag */
	bool impatient; /* they did so for too long: it is */
	bool quits;     /* it was told to end, or has nowhere to go */
	int question;   /* a connection to home, or -1 */

	int64_t born_ns;
	int64_t sent_ns;   /* when something was last sent to everybody */
	int64_t empty_ns;  /* since when there is no viewer, or NEVER */
	int64_t ended_ns;  /* with ENDED and LEAVING */
	int64_t exited_ns; /* when the program exited, or NEVER */
	int64_t silent_ns; /* when its output ended before that, or NEVER */
	int64_t paused_ns;
	int64_t start_ns;    /* for viewers without an event, or NEVER */
	int64_t expected_ns; /* until then somebody may still come */
	int64_t ask_ns;      /* the next question, or the end of this one */
	int64_t ask_again_ns;
	int64_t shut_ns; /* until then no guest is let in; NEVER: it is open */

	size_t answer_n;
	char answer[ANSWER_MAX];
	char input[READ_SIZE];
	struct frame frame; /* of a greeting */
};

static void say(const struct channel *channel, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
say(const struct channel *channel, const char *format, ...)
{
	char line[LINE_MAX_ERR + 200];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	channel->setup->say(line);
}

static int
watch(const struct channel *channel, int fd, enum kind kind)
{
	struct epoll_event event = {.events = EPOLLIN};

	event.data.u64 = TAG(kind) | (uint32_t)fd;
	return epoll_ctl(channel->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void
unwatch(const struct channel *channel, int fd)
{
	/* where it is not watched there is nothing to do */
	(void)epoll_ctl(channel->epoll, EPOLL_CTL_DEL, fd, NULL);
}

/* --- what goes to viewers --- */

/* A whole answer is one write to an empty pipe: what it cannot hold is cut. */
static int
write_whole(void *to, const char *bytes, size_t n)
{
	const struct viewer *viewer = to;
	ssize_t done;

	do {
		done = write(viewer->fd, bytes, n);
	} while (done == -1 && errno == EINTR);
	if (done == -1)
		return -1;
	errno = EAGAIN;
	return (size_t)done == n ? 0 : -1;
}

/* Where to, for a greeting: what does not find room is written later. */
struct door {
	struct viewers *viewers;
	struct viewer *viewer;
};

static int
write_greeting(void *to, const char *bytes, size_t n)
{
	const struct door *door = to;
	ssize_t done;

	errno = EMSGSIZE; /* more than a frame holds */
	if (door->viewer->held != NULL)
		return -1;
	do {
		done = write(door->viewer->fd, bytes, n);
	} while (done == -1 && errno == EINTR);
	if (done == -1 && errno != EAGAIN && errno != EWOULDBLOCK)
		return -1;
	if (done == -1)
		done = 0;
	if ((size_t)done == n)
		return 0;
	return viewers_owe(
	    door->viewers, door->viewer, bytes + done, n - (size_t)done);
}

static void
put_gap(const struct channel *channel, struct frame *frame)
{
	/* a viewer of an earlier channel, or one that was away too long */
	const char *why = channel->ring.tail == 0 ? "restart" : "overtaken";
	struct event gap = {
	    .type = {"gap", 3},
	    .data = {why, strlen(why)},
	};

	frame_event(frame, &gap);
}

/* The last id that was made: of the channel's start, and a number. */
static struct bytes
make_id(const struct channel *channel, char made[ID_MAX])
{
	int n = snprintf(
	    made, ID_MAX, "%s-%ju", channel->start, (uintmax_t)channel->number);

	return (struct bytes){made, (size_t)n};
}

static int64_t
retry_ms(const struct channel *channel)
{
	if (channel->setup->retry_ms >= 0)
		return channel->setup->retry_ms;
	return channel->cut.retry_ms;
}

/*
 * Who has had no event yet gets the id of its place: if it is cut off before
 * the next one, it misses nothing. The program, if it is asked for what the
 * ring does not have, knows only ids of its own. False: the viewer is gone.
 */
static bool
send_start(struct channel *channel, struct viewer *viewer)
{
	struct door door = {&channel->viewers, viewer};
	struct frame *frame = &channel->frame;
	struct event start = {.type = {"start", 5}};
	char made[ID_MAX];

	viewer->flags &= ~(unsigned int)VIEWER_NEW;
	if (viewer->flags & VIEWER_LAGS ||
	    viewer->place != channel->ring.head || channel->end_seen ||
	    (channel->made && viewer->flags & VIEWER_FURTHER))
		return true;
	start.id = (struct bytes){channel->last_id, channel->last_id_n};
	if (channel->made)
		start.id = make_id(channel, made);
	frame_init(frame, write_greeting, &door);
	frame_event(frame, &start);
	if (frame_flush(frame) == 0 && viewer->held == NULL)
		return true;
	viewers_remove(&channel->viewers, viewer);
	return false;
}

static void
send_starts(struct channel *channel)
{
	const struct viewers *viewers = &channel->viewers;
	size_t i = 0;

	channel->start_ns = NEVER;
	while (i < viewers->n)
		if ((viewers->all[i].flags & (VIEWER_NEW | VIEWER_WAITS)) !=
			VIEWER_NEW ||
		    send_start(channel, viewers->all + i))
			i++;
}

/* All have had an event. */
static void
forget_starts(struct channel *channel)
{
	channel->start_ns = NEVER;
	for (size_t i = 0; i < channel->viewers.n; i++)
		if (!(channel->viewers.all[i].flags & VIEWER_WAITS))
			channel->viewers.all[i].flags &=
			    ~(unsigned int)VIEWER_NEW;
}

/*
 * Header, retry field or comment, gap; then the ring. It may be gone then.
 */
/* Header fields for a viewer: those of the setup, and for its origin. */
struct extra {
	const char *field[CHANNEL_EXTRA_MAX + ORIGIN_FIELDS];
	size_t n;
};

static void
find_extra(const struct channel *channel, const struct viewer *viewer,
    struct extra *extra)
{
	const struct channel_setup *setup = channel->setup;

	for (size_t i = 0; i < setup->extras; i++)
		extra->field[i] = setup->extra[i];
	extra->n = origin_fields(setup->origins,
	    viewer->flags >> HANDOVER_ORIGIN_SHIFT, extra->field,
	    setup->extras);
}

/* Header, retry field or comment, gap; then the ring. It may be gone then. */
static void
greet(struct channel *channel, struct viewer *viewer)
{
	struct frame *frame = &channel->frame;
	struct door door = {&channel->viewers, viewer};
	int64_t retry = retry_ms(channel);
	struct extra extra;

	find_extra(channel, viewer, &extra);
	frame_init(frame, write_greeting, &door);
	if (!(viewer->flags & VIEWER_GREETED)) {
		response_write(&channel->response, frame,
		    (viewer->flags & VIEWER_NPH) != 0, extra.field, extra.n);
		if (retry >= 0)
			frame_retry(frame, (uint64_t)retry);
		else
			frame_comment(frame);
	}
	if (viewer->flags & VIEWER_GAP)
		put_gap(channel, frame);
	if (viewer->place < channel->ring.head)
		viewer->flags &= ~(unsigned int)VIEWER_NEW;
	else if (viewer->flags & VIEWER_NEW && channel->start_ns == NEVER)
		channel->start_ns = util_now_ns() + START_NS;
	if (channel->setup->limit_ns > 0)
		viewer->over_ns = util_now_ns() + channel->setup->limit_ns;
	if (frame_flush(frame) == -1)
		viewers_remove(&channel->viewers, viewer);
	else
		viewers_greeted(&channel->viewers, viewer);
}

/* A response of our own, whole; the viewer is closed. */
static void
respond(struct channel *channel, struct viewer *viewer, int status)
{
	struct frame *frame = &channel->frame;
	struct cgi_request request = {
	    .served = true,
	    .nph = (viewer->flags & VIEWER_NPH) != 0,
	    .method = CGI_GET,
	};
	struct extra extra;
	struct cgi_response response = {.status = status};

	find_extra(channel, viewer, &extra);
	response.extra = extra.field;
	response.extras = extra.n;
	frame_init(frame, write_whole, viewer);
	cgi_respond(frame, &request, &response);
	if (status == 200)
		frame_retry(frame,
		    RETRY_DEFAULT_MS + viewers_random(&channel->viewers,
					   UINT64_C(2) * RETRY_DEFAULT_MS));
	(void)frame_flush(frame); /* it is over either way */
	viewers_remove(&channel->viewers, viewer);
}

/* Those that wait for the header get status, or the program's answer: 0. */
static void
respond_all(struct channel *channel, int status)
{
	struct frame *frame = &channel->frame;
	struct extra extra;
	size_t i = 0;

	while (i < channel->viewers.n) {
		struct viewer *viewer = channel->viewers.all + i;

		if (!(viewer->flags & VIEWER_WAITS)) {
			i++;
			continue;
		}
		if (status != 0) {
			respond(channel, viewer, status);
			continue;
		}
		find_extra(channel, viewer, &extra);
		frame_init(frame, write_whole, viewer);
		response_write(&channel->response, frame,
		    (viewer->flags & VIEWER_NPH) != 0, extra.field, extra.n);
		frame_raw(frame, channel->answer, channel->answer_n);
		(void)frame_flush(frame); /* it is over either way */
		viewers_remove(&channel->viewers, viewer);
	}
}

static void
greet_all(struct channel *channel)
{
	size_t i = 0, before;

	while (i < channel->viewers.n) {
		before = channel->viewers.n;
		if (channel->viewers.all[i].flags & VIEWER_WAITS)
			greet(channel, channel->viewers.all + i);
		if (channel->viewers.n == before)
			i++;
	}
}

/* --- the end --- */

/* Ends the program and all of its group. Its last words are taken first. */
static void read_err(struct channel *channel);

static void
stop_program(struct channel *channel)
{
	struct child *child = &channel->child;

	if (child->out != -1)
		unwatch(channel, child->out);
	channel->reading = false;
	if (child->err != -1) {
		read_err(channel);
		if (child->err != -1)
			unwatch(channel, child->err);
	}
	if (child->exit != -1) {
		unwatch(channel, child->exit);
		child_stop(child);
	}
	channel->exited_ns = channel->silent_ns = NEVER;
	channel->paused = false;
}

/*
 * Guests are let in again, if there is a descriptor to refuse them with; else
 * that is tried later.
 */
static void
open_door(struct channel *channel)
{
	if (channel->spare == -1)
		channel->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (channel->spare != -1 &&
	    watch(channel, channel->setup->socket.fd, SOCKET) == 0)
		channel->shut_ns = NEVER;
	else
		channel->shut_ns = util_now_ns() + SHUT_NS;
}

static void
shut_door(struct channel *channel, int64_t ns)
{
	unwatch(channel, channel->setup->socket.fd);
	channel->shut_ns = util_now_ns() + ns;
}

static void
drop_guest(struct channel *channel, size_t i)
{
	unwatch(channel, channel->guests[i].fd);
	(void)close(channel->guests[i].fd); /* it learns so, and tries again */
	channel->guests[i] = channel->guests[--channel->guests_n];
}

/*
 * Out of the meeting place. Who has connected, and was not taken, finds the
 * connection closed and the socket gone, and makes a channel of its own.
 */
static void
leave(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	int fd;

	if (channel->state == LEAVING)
		return;
	channel->state = LEAVING;
	channel->ended_ns = util_now_ns();
	channel->shut_ns = NEVER;
	sockdir_leave(setup->sockdir, setup->key, &setup->socket);
	while ((fd = accept4(setup->socket.fd, NULL, NULL, SOCK_CLOEXEC)) != -1)
		(void)close(fd);
	unwatch(channel, setup->socket.fd);
	(void)close(setup->socket.fd);
	while (channel->guests_n > 0)
		drop_guest(channel, 0);
}

/* Viewers come back to a new channel, not all at the same time. */
static void
send_away(struct channel *channel)
{
	int64_t base = retry_ms(channel);

	viewers_finish(&channel->viewers, base > 0 ? base : RETRY_DEFAULT_MS);
}

/* It ends here, and its viewers come back to another one. */
static void
quit(struct channel *channel)
{
	stop_program(channel);
	respond_all(channel, 200);
	send_away(channel);
	leave(channel);
}

/* The program's stream has ended, or must. */
static void
end_program(struct channel *channel)
{
	const char *name = channel->setup->command[0];

	stop_program(channel);
	switch (channel->state) {
	case HEADER:
		if (!channel->scarce)
			say(channel, "%s: ended without a response header",
			    name);
		respond_all(channel, channel->scarce ? 200 : 500);
		break;
	case ANSWER: respond_all(channel, 0); break;
	case STREAM:
		if (channel->end_seen) {
			channel->state = ENDED;
			channel->ended_ns = util_now_ns();
			viewers_finish(&channel->viewers, 0);
			return;
		}
		say(channel, "%s: ended with status %d", name,
		    channel->child.status);
		send_away(channel);
		break;
	default: return;
	}
	leave(channel);
}

/* It cannot go on: what the program says is no use, or memory is out. */
static void
fail(struct channel *channel, const char *why)
{
	say(channel, "%s: %s", channel->setup->command[0], why);
	stop_program(channel);
	respond_all(channel, 500);
	send_away(channel);
	leave(channel);
}

/* --- what comes from the program --- */

/* One of the program's own; one that is too long is as good as none. */
static void
set_last_id(struct channel *channel, struct bytes id)
{
	channel->no_id = false;
	channel->ask_again_ns = ASK_MIN_NS;
	channel->last_id_n = id.n > sizeof(channel->last_id) ? 0 : id.n;
	memcpy(channel->last_id, id.at, channel->last_id_n);
}

/*
 * A frame goes into the ring. Those that would be overtaken by it have had
 * the chance of a write before. An event without own_id is given an id, but
 * no gap: nobody could go on after one, least of all the program (-f).
 */
static int
put(struct channel *channel, struct bytes frame, bool event, bool own_id,
    struct bytes id)
{
	struct ring *ring = &channel->ring;
	char lead[FRAME_ROOM], name[ID_MAX];
	struct bytes made = {lead, 0};
	uint64_t tail;

	/* what the program resumes has the program's ids alone */
	if (event && !own_id && channel->setup->after == NULL) {
		channel->number++;
		id = make_id(channel, name);
		made.n = (size_t)snprintf(
		    lead, sizeof(lead), "id: %.*s\n", (int)id.n, id.at);
	}
	tail = ring_tail_for(ring, made.n + frame.n);
	if (tail > channel->viewers.pushed)
		viewers_push(&channel->viewers);
	if (tail > ring->tail)
		viewers_overtake(&channel->viewers, tail);
	if (ring_put(ring, made, frame, ring_digest(id), event) == -1)
		return -1;
	if (event)
		channel->events++;
	if (event || own_id)
		channel->end_seen = id.n == 3 && memcmp(id.at, "end", 3) == 0;
	channel->no_id |= event && !own_id;
	if (made.n > 0 || id.n > 0)
		channel->made = made.n > 0;
	if (id.n > 0 && made.n == 0)
		set_last_id(channel, id);
	return 0;
}

/* A loss is never silent. */
static int
put_long(struct channel *channel)
{
	static const char gap[] = "event: gap\ndata: too long\n\n";

	if (!channel->said_long)
		say(channel,
		    "%s: an event is longer than %zu bytes (-b): it is left "
		    "out",
		    channel->setup->command[0],
		    channel->setup->ring_size - FRAME_ROOM);
	channel->said_long = true;
	return put(channel, (struct bytes){gap, sizeof(gap) - 1}, true, true,
	    (struct bytes){NULL, 0});
}

static void
take_frames(struct channel *channel, struct bytes input)
{
	struct cut *cut = &channel->cut;
	uint64_t before = channel->events;
	enum cut_result result;
	int put_ok = 0;

	while (put_ok == 0 && (result = cut_next(cut, &input)) != CUT_MORE) {
		switch (result) {
		case CUT_EVENT:
		case CUT_OTHER:
			put_ok = put(channel, cut->frame, result == CUT_EVENT,
			    cut->has_id || cut->gap, cut->id);
			break;
		case CUT_LONG: put_ok = put_long(channel); break;
		case CUT_FAILED: put_ok = -1; break;
		default: break;
		}
	}
	if (channel->ring.head > channel->viewers.pushed)
		channel->sent_ns = util_now_ns();
	viewers_push(&channel->viewers);
	if (channel->events > before && channel->start_ns != NEVER)
		forget_starts(channel);
	if (put_ok == -1)
		fail(channel, strerror(errno));
}

static void
take_answer(struct channel *channel, struct bytes input)
{
	size_t room = sizeof(channel->answer) - channel->answer_n;

	if (input.n > room)
		input.n = room;
	memcpy(channel->answer + channel->answer_n, input.at, input.n);
	channel->answer_n += input.n;
	if (input.n == room)
		end_program(channel);
}

static void
take_header(struct channel *channel, struct bytes *input)
{
	int complete = response_take(&channel->response, input);

	if (complete == -1) {
		fail(channel, "its response header is none, or too long");
	} else if (complete == 1) {
		if (channel->response.status != 200) {
			channel->state = ANSWER;
		} else if (!channel->response.stream) {
			fail(channel, "its Content-Type is not "
				      "text/event-stream");
		} else {
			channel->state = STREAM;
			channel->sent_ns = util_now_ns();
		}
	}
}

/* Nobody came yet, or all lag, and much is before the foremost of them. */
static bool
all_lag(const struct channel *channel)
{
	const struct viewers *viewers = &channel->viewers;

	if (!channel->had_viewer)
		return true;
	return viewers->n > 0 && viewers->lagging == viewers->n &&
	       channel->ring.head - viewers_foremost(viewers) >
		   channel->ring.size / 4;
}

/* Waits for the program's output, or does not. Returns 0, or -1. */
static int
set_reading(struct channel *channel)
{
	bool reads = !channel->paused && channel->question == -1;

	if (reads == channel->reading)
		return 0;
	channel->reading = reads;
	if (!reads) {
		unwatch(channel, channel->child.out);
		return 0;
	}
	if (channel->exited_ns != NEVER)
		channel->exited_ns = util_now_ns();
	return watch(channel, channel->child.out, OUT);
}

/*
 * The program waits where otherwise all viewers would lose what it writes:
 * the fastest one sets the pace. Only for so long, if none of them moves.
 */
static void
pace(struct channel *channel)
{
	bool wait;

	if (channel->viewers.moved) {
		channel->viewers.moved = false;
		channel->impatient = false;
		channel->paused_ns = util_now_ns();
	}
	if (channel->child.out == -1)
		return;
	wait = !channel->impatient && all_lag(channel);
	if (wait && channel->paused &&
	    util_now_ns() >= channel->paused_ns + PAUSE_NS) {
		channel->impatient = true;
		wait = false;
	}
	if (wait && !channel->paused)
		channel->paused_ns = util_now_ns();
	channel->paused = wait;
	if (set_reading(channel) == -1)
		fail(channel, strerror(errno));
}

/* --- what the viewers' own channel has --- */

static void
drop_question(struct channel *channel)
{
	unwatch(channel, channel->question);
	(void)close(channel->question);
	channel->question = -1;
	channel->ask_ns = util_now_ns() + channel->ask_again_ns;
	if (channel->ask_again_ns < ASK_MAX_NS)
		channel->ask_again_ns *= 2;
}

/*
 * Asks home for the id that was sent last. Until it has answered, the program
 * is not read: the answer is about the head of the ring.
 */
static void
ask(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	struct handover_message message = {.flags = HANDOVER_ASK};
	int fd;

	channel->ask_ns = util_now_ns() + ASK_MIN_NS;
	if (!channel->had_viewer)
		return;
	channel->ask_ns = NEVER;
	if (channel->no_id || channel->end_seen || channel->last_id_n == 0)
		return; /* there is no place to go on from */
	handover_set_id(&message, channel->last_id, channel->last_id_n);
	fd = sockdir_connect(setup->sockdir, setup->home, 1);
	if (fd == -1 && errno == ENOENT) {
		channel->quits = true;
		return;
	}
	channel->question = fd;
	channel->ask_ns = util_now_ns() + ASK_NS;
	if (fd != -1 && (handover_send(fd, &message, -1) == -1 ||
			    watch(channel, fd, ANSWERED) == -1))
		drop_question(channel);
}

/* viewers_pass: home's answer is of no use, it closes whom it cannot take. */
static bool
pass_on(void *to, const struct viewer *viewer)
{
	const struct channel *channel = to;
	const struct channel_setup *setup = channel->setup;
	struct handover_message message = {.flags = HANDOVER_FURTHER};
	int fd = sockdir_connect(setup->sockdir, setup->home, 1);
	bool done;

	if (viewer->flags & VIEWER_NPH)
		message.flags |= HANDOVER_NPH;
	message.flags |= viewer->flags & HANDOVER_ORIGIN;
	if (!(viewer->flags & VIEWER_WAITS))
		message.flags |= HANDOVER_GREETED;
	handover_set_id(&message, channel->last_id, channel->last_id_n);
	done = fd != -1 && handover_send(fd, &message, viewer->fd) == 0;
	if (fd != -1)
		(void)close(fd);
	return done;
}

/* Home has what comes after the head of the ring: the viewers go there. */
static void
go_home(struct channel *channel)
{
	struct viewers *viewers = &channel->viewers;
	size_t i = 0;

	viewers->pass = pass_on;
	viewers->to = channel;
	send_away(channel);
	while (i < viewers->n)
		if (!(viewers->all[i].flags & VIEWER_WAITS))
			i++;
		else if (pass_on(channel, viewers->all + i))
			viewers_remove(viewers, viewers->all + i);
		else
			respond(channel, viewers->all + i, 200);
	stop_program(channel);
	leave(channel);
}

static void
hear_home(struct channel *channel)
{
	enum handover_answer answer = handover_wait(channel->question);

	drop_question(channel);
	if (answer == HANDOVER_TAKEN)
		go_home(channel);
}

/* It can be reaped only a moment after its output was closed. */
static void
end_output(struct channel *channel)
{
	unwatch(channel, channel->child.out);
	channel->reading = false;
	proc_close(&channel->child.out);
	channel->silent_ns = util_now_ns();
	if (child_reap(&channel->child))
		end_program(channel);
}

static void
read_out(struct channel *channel)
{
	struct bytes input = {channel->input, 0};
	size_t most = channel->ring.size / 8; /* for pace: ids are added */
	bool first = false;
	ssize_t n;

	if (most > sizeof(channel->input))
		most = sizeof(channel->input);
	n = read(channel->child.out, channel->input, most);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end_output(channel);
		return;
	}
	input.n = (size_t)n;
	if (channel->state == HEADER) {
		take_header(channel, &input);
		first = channel->state == STREAM;
	}
	if (channel->state == ANSWER)
		take_answer(channel, input);
	else if (channel->state == STREAM)
		take_frames(channel, input);
	if (first)
		greet_all(channel);
	if (channel->state == STREAM && channel->setup->after != NULL)
		ask(channel);
}

static void
say_lines(struct channel *channel)
{
	struct record record;

	while (record_next(&channel->err, &record))
		say(channel, "%s: %.*s", channel->setup->command[0],
		    (int)record.bytes.n, record.bytes.at);
}

static void
read_err(struct channel *channel)
{
	size_t room;
	char *to = record_room(&channel->err, &room);
	ssize_t n = to == NULL ? 0 : read(channel->child.err, to, room);

	if (n > 0) {
		record_filled(&channel->err, (size_t)n);
		say_lines(channel);
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	record_ended(&channel->err);
	say_lines(channel);
	unwatch(channel, channel->child.err);
	proc_close(&channel->child.err);
}

/* --- who comes --- */

/* KEY, PROGRAM, viewers, events, bytes, seconds. */
static void
answer_list(const struct channel *channel, int guest)
{
	char line[HANDOVER_LINE_MAX], command[256] = "";
	char *const *word = channel->setup->command;
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
	    channel->setup->key, command, channel->viewers.n,
	    (uintmax_t)channel->events, (uintmax_t)channel->ring.head,
	    (intmax_t)((util_now_ns() - channel->born_ns) / UTIL_SECOND_NS));
	(void)handover_answer_line(guest, line); /* or nobody asks any more */
}

/* What a viewer's Last-Event-ID makes of it. */
enum arrival {
	WELCOME,
	UNKNOWN,  /* it goes elsewhere with its id */
	EARLY,    /* it asks again: that may change at once */
	FINISHED, /* it has had the end: 204 */
};

static enum arrival
find_place(const struct channel *channel,
    const struct handover_message *message, struct viewer *viewer)
{
	const struct ring *ring = &channel->ring;
	struct bytes id = {message->id, message->id_n};
	uint64_t replay = message->replay;

	if (channel->state == ENDED && replay == 0)
		replay = 1; /* the end itself */
	viewer->place = ring_back(ring, replay);
	viewer->flags |= VIEWER_NEW;
	if (id.n == 0)
		return WELCOME;
	if (id.n == 3 && memcmp(id.at, "end", 3) == 0)
		return FINISHED;
	if (ring_after(ring, ring_digest(id), &viewer->place)) {
		viewer->flags &= ~(unsigned int)VIEWER_NEW;
		return channel->state == ENDED && viewer->place == ring->head
			   ? FINISHED
			   : WELCOME;
	}
	if (channel->state == ENDED && viewer->place == ring->head)
		return FINISHED;
	/* where ids are made here, the program cannot know them */
	if (message->flags & HANDOVER_FURTHER && channel->number == 0)
		return channel->events == 0 && channel->setup->after == NULL &&
			       util_now_ns() < channel->born_ns + EARLY_NS
			   ? EARLY
			   : UNKNOWN;
	viewer->place = ring->tail;
	viewer->flags |= VIEWER_GAP;
	return WELCOME;
}

/* A viewer is caught up with elsewhere, and will be brought here then. */
static void
expect(struct channel *channel)
{
	if (channel->setup->after != NULL)
		return;
	channel->had_viewer = true;
	channel->expected_ns = util_now_ns() + FIRST_NS;
}

static void
take_viewer(struct channel *channel, int guest,
    const struct handover_message *message, int fd)
{
	struct viewers *viewers = &channel->viewers;
	struct viewer new = {.fd = fd, .flags = VIEWER_WAITS, .over_ns = NEVER};
	enum arrival arrival = find_place(channel, message, &new);
	bool greeted = (message->flags & HANDOVER_GREETED) != 0;
	struct viewer *viewer;

	if (arrival == UNKNOWN || arrival == EARLY ||
	    (greeted && (arrival == FINISHED || channel->state == HEADER))) {
		expect(channel);
		(void)close(fd); /* nothing was written there by us */
		if (arrival == UNKNOWN)
			(void)handover_answer(guest, HANDOVER_UNKNOWN);
		return;
	}
	if (greeted)
		new.flags |= VIEWER_GREETED;
	if (message->flags & HANDOVER_NPH)
		new.flags |= VIEWER_NPH;
	if (message->flags & HANDOVER_FURTHER)
		new.flags |= VIEWER_FURTHER;
	new.flags |= message->flags &HANDOVER_ORIGIN;
	if (viewers_add(viewers, &new) == -1) {
		(void)handover_answer(guest, HANDOVER_FULL);
		return;
	}
	viewer = viewers->all + viewers->n - 1;
	channel->had_viewer = true;
	channel->expected_ns = 0;
	if (handover_answer(guest, HANDOVER_TAKEN) == -1 && !greeted)
		viewers_remove(viewers, viewer);
	else if (arrival == FINISHED)
		respond(channel, viewer, 204);
	else if (channel->state == STREAM || channel->state == ENDED)
		greet(channel, viewer);
}

/* Whether a viewer with this id could go on here. */
static void
answer_question(
    struct channel *channel, int guest, const struct handover_message *message)
{
	struct bytes id = {message->id, message->id_n};
	uint64_t place;

	expect(channel);
	(void)handover_answer(
	    guest, ring_after(&channel->ring, ring_digest(id), &place)
		       ? HANDOVER_TAKEN
		       : HANDOVER_UNKNOWN);
}

/* What a guest says. True: it is done with. */
static bool
hear(struct channel *channel, int guest)
{
	struct handover_message message;
	int viewer;

	if (handover_receive(guest, &message, &viewer) == -1)
		return errno != EAGAIN && errno != EWOULDBLOCK;
	if (viewer != -1 && message.flags & NO_VIEWER)
		(void)close(viewer); /* it has no business there */
	if (message.flags & HANDOVER_QUIT)
		channel->quits = true; /* what answers is leave */
	else if (message.flags & HANDOVER_LIST)
		answer_list(channel, guest);
	else if (message.flags & HANDOVER_ASK)
		answer_question(channel, guest, &message);
	else if (viewer == -1)
		(void)handover_answer(guest, HANDOVER_FULL);
	else
		take_viewer(channel, guest, &message, viewer);
	return !(message.flags & HANDOVER_QUIT);
}

static void
hear_guest(struct channel *channel, int fd)
{
	for (size_t i = 0; i < channel->guests_n; i++)
		if (channel->guests[i].fd == fd) {
			if (hear(channel, fd))
				drop_guest(channel, i);
			if (channel->spare == -1)
				open_door(channel);
			return;
		}
}

static void
add_guest(struct channel *channel, int fd, int64_t patience_ns)
{
	struct guest *guest = channel->guests;

	if (!sockdir_same_user(fd) || hear(channel, fd)) {
		(void)close(fd);
		return;
	}
	/* its message has not come yet; one of too many gives way */
	if (channel->guests_n == GUESTS_MAX)
		drop_guest(channel, 0);
	guest += channel->guests_n;
	*guest = (struct guest){fd, util_now_ns() + patience_ns};
	if (watch(channel, fd, GUEST) == -1)
		(void)close(fd);
	else
		channel->guests_n++;
}

/*
 * No descriptor is left: the spare one lets a last guest in, to be told so
 * once its message is there. Until then the others wait outside.
 */
static void
take_last_guest(struct channel *channel)
{
	size_t before = channel->guests_n;
	int fd;

	(void)close(channel->spare);
	channel->spare = -1;
	shut_door(channel, SHUT_NS);
	fd = accept4(channel->setup->socket.fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	add_guest(channel, fd, FULL_NS);
	if (channel->guests_n > before)
		channel->shut_ns = util_now_ns() + FULL_NS;
	else
		open_door(channel);
}

static void
take_guests(struct channel *channel)
{
	/* a bound, so that a crowd at the door stops nothing else */
	for (int i = 0; i < GUESTS_MAX && channel->state != LEAVING &&
			channel->shut_ns == NEVER;
	     i++) {
		int fd = accept4(channel->setup->socket.fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd != -1)
			add_guest(channel, fd, GUEST_NS);
		else if (errno != EAGAIN && util_scarce(errno))
			take_last_guest(channel);
		else
			return;
	}
}

/* --- times and signals --- */

static void
take_signals(struct channel *channel)
{
	struct signalfd_siginfo signal;

	while (read(channel->signals, &signal, sizeof(signal)) ==
	       (ssize_t)sizeof(signal)) {
		channel->quits = true;
	}
}

static void
take_exit(struct channel *channel)
{
	if (!child_reap(&channel->child))
		return;
	unwatch(channel, channel->child.exit);
	if (channel->silent_ns != NEVER)
		end_program(channel);
	else
		channel->exited_ns = util_now_ns();
}

/* When the channel has nobody to live for any more; or NEVER. */
static int64_t
end_due(const struct channel *channel)
{
	int64_t linger_ns = channel->setup->linger_ns, due_ns;

	switch (channel->state) {
	case LEAVING: return channel->ended_ns + DRAIN_NS;
	case ENDED: return channel->ended_ns + linger_ns;
	default: break;
	}
	if (channel->empty_ns == NEVER)
		return NEVER;
	due_ns = channel->empty_ns + linger_ns;
	return due_ns < channel->expected_ns ? channel->expected_ns : due_ns;
}

static int64_t
beat_due(const struct channel *channel)
{
	if (channel->setup->beat_ns == 0 || channel->state != STREAM ||
	    channel->viewers.n == 0)
		return NEVER;
	return channel->sent_ns + channel->setup->beat_ns;
}

static int64_t
exit_due(const struct channel *channel)
{
	if (channel->silent_ns != NEVER)
		return channel->silent_ns + EXIT_NS;
	if (channel->exited_ns == NEVER || !channel->reading)
		return NEVER;
	return channel->exited_ns + CHILD_GRACE_MS * MS;
}

static void
sooner(int64_t *due_ns, int64_t other_ns)
{
	if (other_ns != NEVER && (*due_ns == NEVER || other_ns < *due_ns))
		*due_ns = other_ns;
}

/* Milliseconds for epoll_wait: rounded up, so that the time has come. */
static int
time_left(const struct channel *channel)
{
	int64_t due_ns = channel->viewers.next_over_ns, left_ns;

	sooner(&due_ns, end_due(channel));
	sooner(&due_ns, beat_due(channel));
	sooner(&due_ns, exit_due(channel));
	sooner(&due_ns, channel->shut_ns);
	sooner(&due_ns, channel->start_ns);
	if (channel->state != LEAVING)
		sooner(&due_ns, channel->ask_ns);
	if (channel->paused)
		sooner(&due_ns, channel->paused_ns + PAUSE_NS);
	for (size_t i = 0; i < channel->guests_n; i++)
		sooner(&due_ns, channel->guests[i].until_ns);
	if (due_ns == NEVER)
		return -1;
	left_ns = due_ns - util_now_ns();
	if (left_ns <= 0)
		return 0;
	return left_ns > 60000 * MS ? 60000 : (int)((left_ns + MS - 1) / MS);
}

static bool
is_due(int64_t due_ns, int64_t now_ns)
{
	return due_ns != NEVER && due_ns <= now_ns;
}

/* The program could not be run, and somebody is there to be told so. */
static bool
never_began(const struct channel *channel)
{
	return channel->state == HEADER && channel->child.group == 0 &&
	       channel->viewers.n > 0;
}

static int
write_beat(void *to, const char *bytes, size_t n)
{
	viewers_beat(to, bytes, n);
	return 0;
}

/* What is due. False: the channel has ended. */
static bool
keep_time(struct channel *channel)
{
	int64_t now_ns = util_now_ns();
	struct viewers *viewers = &channel->viewers;
	size_t i = 0;

	if (is_due(viewers->next_over_ns, now_ns))
		viewers_expire(viewers, now_ns);
	while (i < channel->guests_n)
		if (is_due(channel->guests[i].until_ns, now_ns))
			drop_guest(channel, i);
		else
			i++;
	if (is_due(channel->shut_ns, now_ns))
		open_door(channel);
	if (is_due(channel->start_ns, now_ns))
		send_starts(channel);
	if (channel->state != LEAVING && is_due(channel->ask_ns, now_ns)) {
		if (channel->question != -1)
			drop_question(channel);
		else
			ask(channel);
	}
	if (is_due(exit_due(channel), now_ns) || never_began(channel))
		end_program(channel);
	if (is_due(beat_due(channel), now_ns)) {
		frame_init(&channel->frame, write_beat, viewers);
		frame_keepalive(&channel->frame, &channel->setup->beat);
		(void)frame_flush(&channel->frame); /* it cannot fail */
		channel->sent_ns = now_ns;
	}
	if (viewers->n > 0)
		channel->empty_ns = NEVER;
	else if (channel->empty_ns == NEVER)
		channel->empty_ns = now_ns;
	if (channel->state == LEAVING && viewers->n == 0)
		return false;
	if (!is_due(end_due(channel), now_ns))
		return true;
	if (channel->state == LEAVING)
		return false;
	stop_program(channel);
	leave(channel);
	return viewers->n > 0;
}

/* Descriptors of viewers are closed before new ones can have their numbers. */
static void
take_viewers_events(
    struct channel *channel, const struct epoll_event *events, int n)
{
	for (int i = 0; i < n; i++)
		if (events[i].data.u64 >> 32 == VIEWER)
			viewers_ready(&channel->viewers,
			    (int)(uint32_t)events[i].data.u64,
			    events[i].events);
}

static void
take_event(struct channel *channel, uint64_t tag)
{
	int fd = (int)(uint32_t)tag;

	switch ((enum kind)(tag >> 32)) {
	case SIGNALS: take_signals(channel); break;
	case OUT:
		if (fd == channel->child.out && channel->question == -1)
			read_out(channel);
		break;
	case ERR:
		if (fd == channel->child.err)
			read_err(channel);
		break;
	case EXIT:
		if (fd == channel->child.exit)
			take_exit(channel);
		break;
	case GUEST: hear_guest(channel, fd); break;
	case ANSWERED:
		if (fd == channel->question && channel->state != LEAVING)
			hear_home(channel);
		break;
	case SOCKET:
		if (channel->state != LEAVING)
			take_guests(channel);
		break;
	case VIEWER: break;
	}
}

static int
share(struct channel *channel)
{
	struct epoll_event events[EVENTS];
	int n;

	while (keep_time(channel)) {
		n = epoll_wait(
		    channel->epoll, events, EVENTS, time_left(channel));
		if (n == -1 && errno != EINTR)
			return -1;
		take_viewers_events(channel, events, n);
		for (int i = 0; i < n; i++)
			take_event(channel, events[i].data.u64);
		if (channel->quits && channel->state != LEAVING)
			quit(channel);
		if (channel->state == LEAVING && channel->viewers.moved) {
			channel->viewers.moved = false;
			channel->ended_ns = util_now_ns();
		}
		pace(channel);
	}
	return 0;
}

/* --- the beginning --- */

/* Of what the web server left open nothing stays, but two descriptors. */
static int
keep_only(int a, int b, bool keep_stderr)
{
	int low = a < b ? a : b, high = a < b ? b : a;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    (!keep_stderr && dup2(null, STDERR_FILENO) == -1))
		return -1;
	for (int fd = 3; fd < high; fd++)
		if (fd != low)
			(void)close(fd); /* most are not open */
#ifdef SYS_close_range
	if (syscall(SYS_close_range, (unsigned int)high + 1, ~0U, 0U) == 0)
		return 0;
#endif
	for (int fd = high + 1; fd < 1024; fd++)
		(void)close(fd);
	return 0;
}

/* Signals come by a descriptor; what handlers there were are gone. */
static int
open_signals(void)
{
	static const int caught[] = {SIGTERM, SIGINT, SIGHUP};
	sigset_t set;

	(void)alarm(0);
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL); /* fails for SIGKILL and SIGSTOP */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		(void)sigaddset(&set, caught[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags == -1 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* The program has started: its output is waited for. Returns 0, or -1. */
static int
watch_program(struct channel *channel)
{
	const struct child *child = &channel->child;

	if (set_nonblocking(child->out) == -1 || set_reading(channel) == -1 ||
	    watch(channel, child->exit, EXIT) == -1)
		return -1;
	if (child->err == -1)
		return 0;
	if (set_nonblocking(child->err) == -1)
		return -1;
	return watch(channel, child->err, ERR);
}

/*
 * The program starts where the request was; everything else of the channel is
 * in /. If it cannot be started, the first viewers shall hear of it.
 */
static int
start_program(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	struct child *child = &channel->child;

	if (record_init(&channel->err, RECORD_LINE, LINE_MAX_ERR) == -1)
		return -1;
	environ = setup->environment;
	if (setup->after != NULL &&
	    setenv("HTTP_LAST_EVENT_ID", setup->after, 1) == -1)
		return -1;
	if (child_start(child, setup->command,
		setup->keep_stderr ? 0 : CHILD_STDERR) == -1) {
		channel->scarce = util_scarce(errno);
		say(channel, "%s: %s", setup->command[0], strerror(errno));
	} else if (watch_program(channel) == -1) {
		channel->scarce = true;
		say(channel, "%s: %s", setup->command[0], strerror(errno));
		proc_close(&child->err); /* it may not be non-blocking */
		stop_program(channel);
	}
	return 0;
}

static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* else there are fewer */
}

/* Made of the time, to the microsecond: no two channels of a key share it. */
static void
name_start(struct channel *channel)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	(void)snprintf(channel->start, sizeof(channel->start), "%jx",
	    (uintmax_t)now.tv_sec * 1000000 + (uintmax_t)now.tv_nsec / 1000);
}

/*
 * An empty frame, so that the ring knows the id before the first event: that
 * of a viewer who had nothing yet, or the one that the program goes on after.
 */
static int
put_origin(struct channel *channel)
{
	const char *after = channel->setup->after;
	struct bytes none = {NULL, 0}, id;
	struct handover_message first;
	char made[ID_MAX];

	if (after == NULL) {
		channel->made = true;
		id = make_id(channel, made);
	} else {
		handover_set_id(&first, after, strlen(after));
		id = (struct bytes){first.id, first.id_n};
		set_last_id(channel, id);
		channel->ask_ns = channel->born_ns + ASK_MIN_NS;
	}
	return ring_put(&channel->ring, none, none, ring_digest(id), false);
}

static int
begin(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;

	if (setsid() == -1 ||
	    keep_only(setup->socket.fd, setup->sockdir->folder,
		setup->keep_stderr) == -1)
		return -1;
	channel->signals = open_signals();
	channel->epoll = epoll_create1(EPOLL_CLOEXEC);
	channel->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (channel->signals == -1 || channel->epoll == -1 ||
	    ring_init(&channel->ring, setup->ring_size) == -1 ||
	    watch(channel, channel->signals, SIGNALS) == -1 ||
	    watch(channel, setup->socket.fd, SOCKET) == -1)
		return -1;
	response_init(&channel->response);
	cut_init(&channel->cut, setup->ring_size - FRAME_ROOM);
	viewers_init(
	    &channel->viewers, &channel->ring, channel->epoll, TAG(VIEWER));
	name_start(channel);
	channel->born_ns = channel->sent_ns = util_now_ns();
	channel->empty_ns = channel->born_ns;
	channel->expected_ns = channel->born_ns + FIRST_NS;
	if (put_origin(channel) == -1)
		return -1;
	channel->exited_ns = channel->silent_ns = NEVER;
	channel->shut_ns = NEVER;
	if (start_program(channel) == -1 || chdir("/") == -1)
		return -1;
	raise_limit();
	return 0;
}

int
channel_run(const struct channel_setup *setup)
{
	static struct channel channel; /* zero: not in the program's file */
	int result = -1, error;

	channel.child.out = channel.child.err = channel.child.exit = -1;
	channel.question = -1;
	channel.ask_ns = NEVER;
	channel.start_ns = NEVER;
	channel.setup = setup;
	if (begin(&channel) == 0)
		result = share(&channel);
	error = errno;
	if (result == -1) {
		stop_program(&channel);
		leave(&channel);
	}
	viewers_free(&channel.viewers);
	cut_free(&channel.cut);
	ring_free(&channel.ring);
	record_free(&channel.err);
	errno = error;
	return result;
}
