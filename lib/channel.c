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
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cgi.h"
#include "child.h"
#include "cut.h"
#include "guard.h"
#include "hand.h"
#include "header.h"
#include "record.h"
#include "ring.h"
#include "source.h"
#include "util.h"
#include "viewers.h"

#define NEVER VIEWERS_NEVER
#define MS INT64_C(1000000) /* nanoseconds */

#define READ_SIZE 32768
#define EVENTS 256
#define GUESTS_MAX 64
#define GUEST_NS (5000 * MS)    /* for a guest's message */
#define FIRST_NS (5000 * MS)    /* for the first viewer to come */
#define PAUSE_NS (5000 * MS)    /* for viewers that all lag */
#define DRAIN_NS (10000 * MS)   /* for one of the last to take something */
#define EXIT_MS 100             /* for the program, from its last byte */
#define LOCK_MS 1000            /* for the lock, at the end */
#define ANSWER_MAX 32768        /* of the body of an answer */
#define LINE_MAX_ERR 1000       /* of the program's stderr */
#define RETRY_DEFAULT_MS 3000   /* what browsers take by themselves */
#define ID_MAX 64               /* of ids that are made here */
#define FRAME_ROOM (ID_MAX + 8) /* for such an id, in front of a frame */

enum kind { SIGNALS = 1, SOCKET, OUT, ERR, GUEST, VIEWER };
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
	struct guard guard;
	struct splitter err;
	struct header header;
	struct cut cut;
	struct ring ring;
	struct viewers viewers;
	struct guest guests[GUESTS_MAX];
	size_t guests_n;

	char start[ID_MAX / 2]; /* of the channel: ids begin with it */
	uint64_t number;        /* of the last id that was made */
	uint64_t events;
	bool scarce;   /* something ran out where the program was to be run */
	bool end_seen; /* the last event's id is "end" */
	bool said_long;
	bool had_viewer;
	bool paused;    /* the program is not read: all viewers lag */
	bool impatient; /* they did so for too long: it is */

	int64_t born_ns;
	int64_t sent_ns;   /* when something was last sent to everybody */
	int64_t empty_ns;  /* since when there is no viewer, or NEVER */
	int64_t ended_ns;  /* with ENDED and LEAVING */
	int64_t exited_ns; /* when the program exited, or NEVER */
	int64_t paused_ns;

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

/* A greeting is one write to an empty pipe: what it cannot hold is cut off. */
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

static void
put_gap(const struct channel *channel, struct frame *frame)
{
	/* a viewer of an earlier channel, or one that was away too long */
	const char *why = channel->ring.tail == 0 ? "restart" : "overtaken";
	struct event gap = {
	    .event = {"gap", 3},
	    .data = {why, strlen(why)},
	};

	frame_event(frame, &gap);
}

static int64_t
retry_ms(const struct channel *channel)
{
	if (channel->setup->retry_ms >= 0)
		return channel->setup->retry_ms;
	return channel->cut.retry_ms;
}

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
	    viewer->flags >> HAND_ORIGIN_SHIFT, extra->field, setup->extras);
}

/* Header, retry field or comment, gap; then the ring. It may be gone then. */
static void
greet(struct channel *channel, struct viewer *viewer)
{
	struct frame *frame = &channel->frame;
	int64_t retry = retry_ms(channel);
	struct extra extra;

	find_extra(channel, viewer, &extra);
	frame_init(frame, write_whole, viewer);
	header_write(&channel->header, frame, (viewer->flags & VIEWER_NPH) != 0,
	    extra.field, extra.n);
	if (retry >= 0)
		frame_retry(frame, (uint64_t)retry);
	else
		frame_comment(frame);
	if (viewer->flags & VIEWER_GAP)
		put_gap(channel, frame);
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
		header_write(&channel->header, frame,
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
	if (child->err != -1) {
		read_err(channel);
		if (child->err != -1)
			unwatch(channel, child->err);
	}
	if (child->group > 0)
		child_stop(child);
	child->group = 0;
	channel->exited_ns = NEVER;
	channel->paused = false;
	guard_stop(&channel->guard);
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
	int lock, fd;

	if (channel->state == LEAVING)
		return;
	channel->state = LEAVING;
	channel->ended_ns = util_now_ns();
	lock = meet_lock(setup->meet, LOCK_MS);
	meet_leave(setup->meet, setup->key, &setup->socket);
	if (lock != -1)
		meet_unlock(lock);
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
	char lead[FRAME_ROOM];
	struct bytes made = {lead, 0};
	uint64_t tail;
	int n;

	if (event && !own_id) {
		n = snprintf(lead, sizeof(lead), "id: %s-%ju\n", channel->start,
		    (uintmax_t)++channel->number);
		made.n = (size_t)n;
		id = (struct bytes){lead + 4, made.n - 5};
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
	int complete = header_take(&channel->header, input);

	if (complete == -1) {
		fail(channel, "its response header is none, or too long");
	} else if (complete == 1) {
		if (channel->header.status != 200) {
			channel->state = ANSWER;
		} else if (!channel->header.stream) {
			fail(channel, "its Content-Type is not "
				      "text/event-stream");
		} else {
			channel->state = STREAM;
			channel->sent_ns = util_now_ns();
			greet_all(channel);
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

/*
 * The program waits where otherwise all viewers would lose what it writes:
 * the fastest one sets the pace. Only for so long, if none of them moves.
 */
static void
pace(struct channel *channel)
{
	int64_t now_ns;
	bool wait;

	if (channel->viewers.moved) {
		channel->viewers.moved = false;
		channel->impatient = false;
		channel->paused_ns = util_now_ns();
	}
	if (channel->child.out == -1)
		return;
	wait = !channel->impatient && all_lag(channel);
	if (wait == channel->paused) {
		if (!wait)
			return;
		now_ns = util_now_ns();
		if (now_ns < channel->paused_ns + PAUSE_NS)
			return;
		channel->impatient = true;
		wait = false;
	}
	channel->paused = wait;
	if (wait) {
		unwatch(channel, channel->child.out);
		channel->paused_ns = util_now_ns();
		return;
	}
	if (channel->exited_ns != NEVER)
		channel->exited_ns = util_now_ns();
	if (watch(channel, channel->child.out, OUT) == -1)
		fail(channel, strerror(errno));
}

/* Its output is closed a moment before it can be reaped. */
static void
await_exit(struct channel *channel)
{
	for (int ms = 0; ms < EXIT_MS && !child_reap(&channel->child); ms++)
		(void)poll(NULL, 0, 1);
}

static void
read_out(struct channel *channel)
{
	struct bytes input = {channel->input, 0};
	size_t most = channel->ring.size / 8; /* for pace: ids are added */
	ssize_t n;

	if (most > sizeof(channel->input))
		most = sizeof(channel->input);
	n = read(channel->child.out, channel->input, most);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		await_exit(channel);
		end_program(channel);
		return;
	}
	input.n = (size_t)n;
	if (channel->state == HEADER)
		take_header(channel, &input);
	if (channel->state == ANSWER)
		take_answer(channel, input);
	else if (channel->state == STREAM)
		take_frames(channel, input);
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
	child_close(&channel->child.err);
}

/* --- who comes --- */

/* KEY, PROGRAM, viewers, events, bytes, seconds. */
static void
answer_list(const struct channel *channel, int guest)
{
	char line[HAND_LINE_MAX], command[256] = "";
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
	(void)hand_answer_line(guest, line); /* or nobody asks any more */
}

/* What a viewer's Last-Event-ID makes of it. */
enum arrival {
	WELCOME,
	UNKNOWN,  /* it goes elsewhere with its id */
	FINISHED, /* it has had the end: 204 */
};

static enum arrival
find_place(const struct channel *channel, const struct hand_message *message,
    struct viewer *viewer)
{
	const struct ring *ring = &channel->ring;
	struct bytes id = {message->id, message->id_n};
	uint64_t replay = message->replay;

	if (channel->state == ENDED && replay == 0)
		replay = 1; /* the end itself */
	viewer->place = ring_back(ring, replay);
	if (id.n == 0)
		return WELCOME;
	if (id.n == 3 && memcmp(id.at, "end", 3) == 0)
		return FINISHED;
	if (ring_after(ring, ring_digest(id), &viewer->place) &&
	    !(channel->state == ENDED && viewer->place == ring->head))
		return WELCOME;
	if (channel->state == ENDED && viewer->place == ring->head)
		return FINISHED;
	if (message->flags & HAND_IN_PLACE)
		return UNKNOWN;
	viewer->place = ring->tail;
	viewer->flags |= VIEWER_GAP;
	return WELCOME;
}

static void
take_viewer(struct channel *channel, int guest,
    const struct hand_message *message, int fd)
{
	struct viewers *viewers = &channel->viewers;
	struct viewer new = {.fd = fd, .flags = VIEWER_WAITS, .over_ns = NEVER};
	enum arrival arrival = find_place(channel, message, &new);
	struct viewer *viewer;

	if (arrival == UNKNOWN) {
		(void)close(fd); /* nothing was written there */
		(void)hand_answer(guest, HAND_UNKNOWN);
		return;
	}
	if (message->flags & HAND_NPH)
		new.flags |= VIEWER_NPH;
	new.flags |= message->flags &HAND_ORIGIN;
	if (viewers_add(viewers, &new) == -1) {
		(void)hand_answer(guest, HAND_FULL);
		return;
	}
	viewer = viewers->all + viewers->n - 1;
	channel->had_viewer = true;
	if (hand_answer(guest, HAND_TAKEN) == -1)
		viewers_remove(viewers, viewer);
	else if (arrival == FINISHED)
		respond(channel, viewer, 204);
	else if (channel->state == STREAM || channel->state == ENDED)
		greet(channel, viewer);
}

/* What a guest says. True: it is done with. */
static bool
hear(struct channel *channel, int guest)
{
	struct hand_message message;
	int viewer;

	if (hand_receive(guest, &message, &viewer) == -1)
		return errno != EAGAIN && errno != EWOULDBLOCK;
	if (message.flags & HAND_LIST) {
		answer_list(channel, guest);
		if (viewer != -1)
			(void)close(viewer); /* it has no business there */
	} else if (viewer == -1) {
		(void)hand_answer(guest, HAND_FULL);
	} else {
		take_viewer(channel, guest, &message, viewer);
	}
	return true;
}

static void
hear_guest(struct channel *channel, int fd)
{
	for (size_t i = 0; i < channel->guests_n; i++)
		if (channel->guests[i].fd == fd) {
			if (hear(channel, fd))
				drop_guest(channel, i);
			return;
		}
}

static void
add_guest(struct channel *channel, int fd)
{
	struct guest *guest = channel->guests;

	if (!meet_same_user(fd) || hear(channel, fd)) {
		(void)close(fd);
		return;
	}
	/* its message has not come yet; one of too many gives way */
	if (channel->guests_n == GUESTS_MAX)
		drop_guest(channel, 0);
	guest += channel->guests_n;
	*guest = (struct guest){fd, util_now_ns() + GUEST_NS};
	if (watch(channel, fd, GUEST) == -1)
		(void)close(fd);
	else
		channel->guests_n++;
}

/*
 * No descriptor is left: the spare one lets a guest in, to be told so once
 * its message is there, which must not be left unread.
 */
static void
refuse_guest(struct channel *channel)
{
	struct pollfd wait = {.events = POLLIN};

	(void)close(channel->spare);
	wait.fd = accept4(channel->setup->socket.fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (wait.fd != -1) {
		if (meet_same_user(wait.fd) && poll(&wait, 1, 100) == 1)
			(void)hear(channel, wait.fd);
		(void)close(wait.fd);
	}
	channel->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
take_guests(struct channel *channel)
{
	/* a bound, so that a crowd at the door stops nothing else */
	for (int i = 0; i < GUESTS_MAX && channel->state != LEAVING; i++) {
		int fd = accept4(channel->setup->socket.fd, NULL, NULL,
		    SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd != -1) {
			add_guest(channel, fd);
			continue;
		}
		if (errno != EMFILE && errno != ENFILE)
			return;
		refuse_guest(channel);
	}
}

/* --- times and signals --- */

static void
take_signals(struct channel *channel)
{
	struct signalfd_siginfo signal;

	while (read(channel->signals, &signal, sizeof(signal)) ==
	       (ssize_t)sizeof(signal)) {
		if (signal.ssi_signo != SIGCHLD) {
			stop_program(channel);
			respond_all(channel, 200);
			send_away(channel);
			leave(channel);
			continue;
		}
		if (channel->child.group > 0 && child_reap(&channel->child) &&
		    channel->exited_ns == NEVER && channel->child.out != -1)
			channel->exited_ns = util_now_ns();
	}
}

/* When the channel has nobody to live for any more; or NEVER. */
static int64_t
end_due(const struct channel *channel)
{
	int64_t linger_ns = channel->setup->linger_ns;

	switch (channel->state) {
	case LEAVING: return channel->ended_ns + DRAIN_NS;
	case ENDED: return channel->ended_ns + linger_ns;
	default: break;
	}
	if (channel->empty_ns == NEVER)
		return NEVER;
	if (!channel->had_viewer && linger_ns < FIRST_NS)
		linger_ns = FIRST_NS;
	return channel->empty_ns + linger_ns;
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
	if (channel->exited_ns == NEVER || channel->paused)
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
	return channel->state == HEADER && channel->child.out == -1 &&
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
	if (is_due(exit_due(channel), now_ns) || never_began(channel))
		end_program(channel);
	if (is_due(beat_due(channel), now_ns)) {
		frame_init(&channel->frame, write_beat, viewers);
		frame_beat(&channel->frame, &channel->setup->beat);
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
		if (fd == channel->child.out)
			read_out(channel);
		break;
	case ERR:
		if (fd == channel->child.err)
			read_err(channel);
		break;
	case GUEST: hear_guest(channel, fd); break;
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
	static const int caught[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
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

/*
 * The guard comes first, so that there is no moment without it. The program
 * starts where the request was; everything else of the channel is in /.
 */
static int
start_program(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	struct child *child = &channel->child;

	if (guard_start(&channel->guard) == -1 || source_environment() == -1)
		return -1;
	if (child_start(child, setup->command,
		setup->keep_stderr ? 0 : CHILD_STDERR) == -1) {
		channel->scarce = util_scarce(errno);
		say(channel, "%s: %s", setup->command[0], strerror(errno));
		child->group = 0;
		return 0; /* the first viewers shall hear of it */
	}
	if (guard_watch(&channel->guard, child->group) == -1 ||
	    set_nonblocking(child->out) == -1 ||
	    watch(channel, child->out, OUT) == -1)
		return -1;
	if (child->err == -1)
		return 0;
	if (record_init(&channel->err, RECORD_LINE, LINE_MAX_ERR) == -1 ||
	    set_nonblocking(child->err) == -1)
		return -1;
	return watch(channel, child->err, ERR);
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

static int
begin(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;

	if (setsid() == -1 || keep_only(setup->socket.fd, setup->meet->folder,
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
	header_init(&channel->header);
	cut_init(&channel->cut, setup->ring_size - FRAME_ROOM);
	viewers_init(
	    &channel->viewers, &channel->ring, channel->epoll, TAG(VIEWER));
	name_start(channel);
	channel->born_ns = channel->sent_ns = util_now_ns();
	channel->empty_ns = channel->born_ns;
	channel->exited_ns = NEVER;
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

	channel.child.out = channel.child.err = channel.guard.pipe = -1;
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
