/*
 * channel: one loop over the program, the viewers and the connections: its
 * states and times, and what follows from each event. Nothing in it blocks but
 * the end of a program that does not want to end.
 */
#define _GNU_SOURCE /* prlimit */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../util.h"
#include "arrival.h"
#include "home.h"
#include "relay.h"

#define POLLED_MAX 256              /* descriptors in a turn */
#define DESCRIPTORS 1024            /* that may be open at the start */
#define FIRST_NS (5000 * POLLER_MS) /* for a viewer that is to come */
#define DRAIN_NS                                                     \
	(10000 * POLLER_MS) /* for one of the last to take something \
			     */

enum state {
	HEADER, /* the program has not written its header yet */
	STREAM,
	ENDED,   /* it has ended, with an event "end" */
	LEAVING, /* no viewer comes any more; the last ones get the rest */
};

struct channel {
	const struct channel_setup *setup;
	enum state state;
	int poller;
	int signals;

	struct producer producer;
	struct events events;
	struct viewers viewers;
	struct greeting greeting;
	struct relay relay;
	struct arrival arrival;
	struct home home;

	bool quits;       /* it was told to end, or has no viewer to serve */
	int64_t empty_ns; /* since when there is no viewer, or UTIL_NEVER */
	int64_t ended_ns; /* with ENDED and LEAVING */

	struct frame frame;
};

/* --- the end --- */

/*
 * Removes the socket. Clients that have connected and were not accepted see the
 * end of the connection, and start a new channel.
 */
static void
leave(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;

	if (channel->state == LEAVING)
		return;
	channel->state = LEAVING;
	channel->ended_ns = util_now_ns();
	sockdir_leave(setup->sockdir, setup->key, &setup->socket);
	arrival_close(&channel->arrival);
}

/* Viewers come back to a new channel, not all at the same time. */
static void
send_away(struct channel *channel)
{
	int64_t base_ms = greeting_retry_ms(&channel->greeting);

	viewers_finish(
	    &channel->viewers, base_ms > 0 ? base_ms : GREETING_RETRY_MS);
}

/* Ends the channel; those that wait for their header are answered. */
static void
end_channel(struct channel *channel, int status)
{
	producer_stop(&channel->producer);
	greeting_answer_all(&channel->greeting, status);
	send_away(channel);
	leave(channel);
}

/* The program's stream has ended, or must. */
static void
end_program(struct channel *channel)
{
	const struct producer *producer = &channel->producer;
	const char *name = channel->setup->command[0];
	int status = 500;

	producer_stop(&channel->producer);
	if (channel->state == STREAM && channel->events.end) {
		channel->state = ENDED;
		channel->arrival.ended = true;
		channel->ended_ns = util_now_ns();
		viewers_finish(&channel->viewers, 0);
		return;
	}
	if (channel->state == STREAM)
		logger_line(&channel->setup->log, "%s: ended with status %d",
		    name, producer->status);
	else if (producer->answers)
		status = 0;
	else if (producer->scarce)
		status = 200;
	else
		logger_line(&channel->setup->log,
		    "%s: ended without a response header", name);
	end_channel(channel, status);
}

/* It cannot go on: what the program says is no use, or memory is out. */
static void
fail(struct channel *channel, const char *why)
{
	logger_line(
	    &channel->setup->log, "%s: %s", channel->setup->command[0], why);
	end_channel(channel, 500);
}

/* --- what the home channel has --- */

/* fresh: of another event than before. */
static void
ask(struct channel *channel, bool fresh)
{
	if (!channel->arrival.had_viewer)
		home_wait(&channel->home);
	else if (home_ask(&channel->home, fresh) == HOME_GONE)
		channel->quits = true;
}

/* Home has what comes after the head of the ring: the viewers go there. */
static void
go_home(struct channel *channel)
{
	struct viewers *viewers = &channel->viewers;

	viewers->pass = home_pass;
	viewers->to = &channel->home;
	send_away(channel);
	for (size_t i = viewers->n; i-- > 0;) {
		struct viewer *viewer = viewers->all + i;

		if (!(viewer->flags & VIEWER_WAITS))
			continue;
		if (home_pass(&channel->home, viewer))
			viewers_remove(viewers, viewer);
		else
			greeting_answer(&channel->greeting, viewer, 200);
	}
	producer_stop(&channel->producer);
	leave(channel);
}

/* --- what comes from the program --- */

static void
take_program(struct channel *channel)
{
	struct producer *producer = &channel->producer;
	uint64_t head = channel->events.ring.head;
	uint64_t count = channel->events.count;
	enum producer_result result;

	/* if it could not be started, the first viewers are told so */
	if (channel->state > STREAM ||
	    (!producer->started && channel->viewers.n == 0))
		return;
	result = relay_pass(&channel->relay);
	if (channel->events.count > count &&
	    channel->greeting.starts_ns < UTIL_NEVER)
		greeting_forget_starts(&channel->greeting);
	if (result == PRODUCER_FAILED) {
		fail(channel, producer->why);
		return;
	}
	if (channel->state == HEADER && producer->streams) {
		channel->state = STREAM;
		channel->arrival.streams = true;
		channel->relay.sent_ns = util_now_ns();
		greeting_send_all(&channel->greeting);
	}
	if (result == PRODUCER_END)
		end_program(channel);
	else if (channel->setup->after != NULL && channel->home.fd == -1 &&
		 channel->events.ring.head > head)
		ask(channel, true);
}

/* Viewers that move keep the channel, and the program, going. */
static void
pace(struct channel *channel)
{
	bool moved = channel->viewers.moved;

	channel->viewers.moved = false;
	if (moved && channel->state == LEAVING)
		channel->ended_ns = util_now_ns();
	/* home's answer is about the head of the ring */
	if (channel->state <= STREAM &&
	    relay_pace(&channel->relay, moved, !channel->arrival.had_viewer,
		channel->home.fd != -1) == -1)
		fail(channel, strerror(errno));
}

/* --- times --- */

/* When the channel ends for want of viewers; or UTIL_NEVER. */
static int64_t
end_due(const struct channel *channel)
{
	int64_t linger_ns = channel->setup->linger_ns, due_ns;

	switch (channel->state) {
	case LEAVING: return channel->ended_ns + DRAIN_NS;
	case ENDED: return channel->ended_ns + linger_ns;
	default: break;
	}
	if (channel->empty_ns == UTIL_NEVER)
		return UTIL_NEVER;
	due_ns = channel->empty_ns + linger_ns;
	return due_ns < channel->arrival.expected_ns
		   ? channel->arrival.expected_ns
		   : due_ns;
}

static int64_t
next_due(const struct channel *channel)
{
	int64_t due_ns =
	    poller_earlier(end_due(channel), arrival_due(&channel->arrival));

	due_ns = poller_earlier(due_ns, channel->viewers.next_over_ns);
	due_ns = poller_earlier(due_ns, channel->greeting.starts_ns);
	if (channel->state != LEAVING)
		due_ns = poller_earlier(due_ns, channel->home.due_ns);
	if (channel->state > STREAM)
		return due_ns;
	due_ns = poller_earlier(due_ns, producer_due(&channel->producer));
	return poller_earlier(due_ns, relay_due(&channel->relay));
}

/* What is due in the other rooms. */
static void
keep_times(struct channel *channel, int64_t now_ns)
{
	struct viewers *viewers = &channel->viewers;

	if (viewers->next_over_ns <= now_ns)
		viewers_expire(viewers, now_ns);
	arrival_expire(&channel->arrival, now_ns);
	if (channel->greeting.starts_ns <= now_ns)
		greeting_send_starts(&channel->greeting);
	if (channel->state != LEAVING && channel->home.due_ns <= now_ns) {
		if (channel->home.fd != -1)
			home_stop(&channel->home);
		else
			ask(channel, false);
	}
	if (channel->state <= STREAM)
		relay_keepalive(&channel->relay, now_ns);
}

/* False: the channel has ended. */
static bool
keep_alive(struct channel *channel, int64_t now_ns)
{
	const struct viewers *viewers = &channel->viewers;

	if (viewers->n > 0)
		channel->empty_ns = UTIL_NEVER;
	else if (channel->empty_ns == UTIL_NEVER)
		channel->empty_ns = now_ns;
	if (channel->state == LEAVING)
		return viewers->n > 0 && end_due(channel) > now_ns;
	if (end_due(channel) > now_ns)
		return true;
	producer_stop(&channel->producer);
	leave(channel);
	return viewers->n > 0;
}

/* --- the loop --- */

static void
take_event(struct channel *channel, const struct epoll_event *event)
{
	enum poller_kind kind = poller_kind(event);
	int fd = poller_fd(event);
	struct signalfd_siginfo signal;

	switch (kind) {
	case POLLER_SIGNALS:
		while (read(fd, &signal, sizeof(signal)) > 0)
			channel->quits = true;
		break;
	case POLLER_OUTPUT:
	case POLLER_ERRORS:
	case POLLER_EXIT: producer_ready(&channel->producer, kind, fd); break;
	case POLLER_HOME:
		if (home_ready(&channel->home, fd) == HOME_HAS &&
		    channel->state != LEAVING)
			go_home(channel);
		break;
	case POLLER_LISTENER:
	case POLLER_PENDING:
		arrival_ready(&channel->arrival, fd);
		if (channel->arrival.newcomer)
			child_redraw(&channel->producer.child);
		channel->arrival.newcomer = false;
		break;
	case POLLER_VIEWER: break;
	}
}

static int
share(struct channel *channel)
{
	struct epoll_event events[POLLED_MAX];
	int n;

	pace(channel); /* nothing is read before somebody has come */
	while (keep_alive(channel, util_now_ns())) {
		n = poller_wait(
		    channel->poller, events, POLLED_MAX, next_due(channel));
		if (n == -1)
			return -1;
		/* they are closed before new ones can have their numbers */
		for (int i = 0; i < n; i++)
			if (poller_kind(events + i) == POLLER_VIEWER)
				viewers_ready(&channel->viewers,
				    poller_fd(events + i), events[i].events);
		for (int i = 0; i < n; i++)
			take_event(channel, events + i);
		take_program(channel);
		if ((channel->quits || channel->arrival.quit) &&
		    channel->state != LEAVING)
			end_channel(channel, 200);
		keep_times(channel, util_now_ns());
		pace(channel);
	}
	return 0;
}

/* --- the start --- */

/*
 * A session of its own, without the descriptors of whatever started it. Returns
 * 0, or -1 with errno.
 */
static int
detach(const struct channel_setup *setup)
{
	int null;

	if (setsid() == -1)
		return -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    (!setup->keep_stderr && dup2(null, STDERR_FILENO) == -1))
		return -1;
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		if (fd != setup->socket.fd && fd != setup->sockdir->fd)
			(void)close(fd); /* most are not open */
	return 0;
}

/* A signal that asks for the end comes by a descriptor, non-blocking. */
static int
open_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set); /* cannot fail, nor can the next three */
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* As many descriptors as the hard limit allows. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (prlimit(0, RLIMIT_NOFILE, NULL, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)prlimit(0, RLIMIT_NOFILE, &limit, NULL); /* else they are fewer */
}

/* How the rooms are joined: producer -> events -> viewers. */
static void
join(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	int64_t now_ns = util_now_ns();

	viewers_init(&channel->viewers, &channel->events.ring, channel->poller);
	channel->relay = (struct relay){
	    .setup = setup,
	    .producer = &channel->producer,
	    .events = &channel->events,
	    .viewers = &channel->viewers,
	    .frame = &channel->frame,
	    .sent_ns = now_ns,
	};
	channel->greeting = (struct greeting){
	    .setup = setup,
	    .response = &channel->producer.response,
	    .events = &channel->events,
	    .viewers = &channel->viewers,
	    .frame = &channel->frame,
	    .starts_ns = UTIL_NEVER,
	};
	channel->arrival = (struct arrival){
	    .setup = setup,
	    .poller = channel->poller,
	    .events = &channel->events,
	    .viewers = &channel->viewers,
	    .greeting = &channel->greeting,
	    .born_ns = now_ns,
	    .expected_ns = now_ns + FIRST_NS,
	};
	home_init(&channel->home, setup, &channel->events, channel->poller);
	if (setup->after != NULL)
		home_wait(&channel->home);
	channel->empty_ns = now_ns;
}

static int
begin(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	int signals;

	if (detach(setup) == -1)
		return -1;
	signals = open_signals();
	channel->poller = epoll_create1(EPOLL_CLOEXEC);
	if (signals == -1 || channel->poller == -1 ||
	    events_init(&channel->events, setup->ring_size, setup->after,
		&channel->frame) == -1 ||
	    poller_watch(channel->poller, signals, POLLER_SIGNALS, EPOLLIN) ==
		-1)
		return -1;
	join(channel);
	producer_init(
	    &channel->producer, &setup->log, channel->poller, setup->ring_size);
	/* the program starts where the request was; the rest is in / */
	if (arrival_open(&channel->arrival) == -1 ||
	    producer_start(&channel->producer, setup->command,
		setup->environment, setup->after, setup->keep_stderr) == -1 ||
	    chdir("/") == -1)
		return -1;
	raise_limit();
	return 0;
}

int
channel_run(const struct channel_setup *setup)
{
	static struct channel channel; /* zero: not in the program's file */
	int result = -1, error;

	channel.setup = setup;
	channel.arrival.listener = -1;
	producer_init(&channel.producer, &setup->log, -1, 0);
	if (begin(&channel) == 0)
		result = share(&channel);
	error = errno;
	if (result == -1) {
		producer_stop(&channel.producer);
		leave(&channel);
	}
	viewers_free(&channel.viewers);
	events_free(&channel.events);
	producer_free(&channel.producer);
	errno = error;
	return result;
}
