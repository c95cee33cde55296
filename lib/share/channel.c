/*
 * channel: one event loop for the program, the viewers and the connections: its
 * states, its time-outs, and the reaction to each event. It blocks only to end
 * a program that does not exit at once.
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
#include "greeting.h"
#include "home.h"
#include "relay.h"

#define POLLED_MAX 256               /* events of one poller_wait */
#define DESCRIPTORS 1024             /* that may be open at the start */
#define DRAIN_NS (10000 * POLLER_MS) /* LEAVING: if no byte is taken */

enum state {
	HEADER, /* the program has not written its header yet */
	STREAM,
	ENDED,   /* it has ended, with an event "end" */
	LEAVING, /* no new viewers; the present ones get the rest */
};

struct channel {
	const struct channel_setup *setup;
	enum state state;
	int poller;

	struct producer producer;
	struct viewers viewers;
	struct relay relay;
	struct arrival arrival;
	struct home home;

	uint64_t told;    /* events that were written to viewers */
	int64_t empty_ns; /* since when there is no viewer, or UTIL_NEVER */
	int64_t ended_ns; /* when ENDED or LEAVING began */

	struct frame frame;
};

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

/* Closes viewers that have everything; they reconnect at different times. */
static void
send_away(struct channel *channel)
{
	int64_t base_ms = greeting_retry_ms(&channel->relay);

	viewers_finish(
	    &channel->viewers, base_ms > 0 ? base_ms : GREETING_RETRY_MS);
}

/* Ends the channel; viewers that wait for their header get status. */
static void
end_channel(struct channel *channel, int status)
{
	producer_stop(&channel->producer);
	greeting_answer_all(&channel->relay, status);
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
	if (channel->state == STREAM && channel->relay.end) {
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

/* Ends the channel: the program is unusable, or memory is out. */
static void
fail(struct channel *channel, const char *why)
{
	logger_line(
	    &channel->setup->log, "%s: %s", channel->setup->command[0], why);
	end_channel(channel, 500);
}

/* Asks home about the last event; fresh: a new one. */
static void
ask(struct channel *channel, bool fresh)
{
	if (home_ask(&channel->home, fresh) == HOME_GONE)
		channel->arrival.quit = true;
}

/* Whether home is asked when home.due_ns has passed. */
static bool
asks(const struct channel *channel)
{
	return channel->state != LEAVING && channel->arrival.had_viewer;
}

/* The home channel has the last event too: hands the viewers over to it. */
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
			greeting_answer(&channel->relay, viewer, 200);
	}
	producer_stop(&channel->producer);
	leave(channel);
}

static void
take_program(struct channel *channel)
{
	struct producer *producer = &channel->producer;
	uint64_t head = channel->relay.ring.head;
	enum producer_result result;

	/* a failed start waits for a viewer that gets the answer */
	if (channel->state > STREAM ||
	    (!producer->started && channel->viewers.n == 0))
		return;
	result = relay_pass(&channel->relay);
	if (channel->relay.count > channel->told &&
	    channel->viewers.pushed == channel->relay.ring.head) {
		channel->told = channel->relay.count;
		if (channel->relay.starts_ns < UTIL_NEVER)
			greeting_forget_starts(&channel->relay);
	}
	if (result == PRODUCER_FAILED) {
		fail(channel, producer->why);
		return;
	}
	if (channel->state == HEADER && producer->streams) {
		channel->state = STREAM;
		channel->arrival.streams = true;
		channel->relay.sent_ns = util_now_ns();
		greeting_send_all(&channel->relay);
	}
	if (result == PRODUCER_END)
		end_program(channel);
	else if (channel->setup->after != NULL && channel->home.fd == -1 &&
		 channel->relay.ring.head > head)
		ask(channel, true);
}

/* Progress of viewers extends LEAVING, and the reading of the program. */
static void
pace(struct channel *channel)
{
	bool moved = channel->viewers.moved;

	channel->viewers.moved = false;
	if (moved && channel->state == LEAVING)
		channel->ended_ns = util_now_ns();
	/* until home answers, the last event must stay the last */
	if (channel->state <= STREAM &&
	    relay_pace(&channel->relay, moved, !channel->arrival.had_viewer,
		channel->home.fd != -1) == -1)
		fail(channel, strerror(errno));
}

/* When the channel ends for lack of viewers, or UTIL_NEVER. */
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
	due_ns = poller_earlier(due_ns, channel->relay.starts_ns);
	if (asks(channel))
		due_ns = poller_earlier(due_ns, channel->home.due_ns);
	if (channel->state > STREAM)
		return due_ns;
	due_ns = poller_earlier(due_ns, producer_due(&channel->producer));
	return poller_earlier(due_ns, relay_due(&channel->relay));
}

/* Does what is due in the other modules. */
static void
keep_times(struct channel *channel, int64_t now_ns)
{
	struct viewers *viewers = &channel->viewers;

	if (viewers->next_over_ns <= now_ns)
		viewers_expire(viewers, now_ns);
	arrival_expire(&channel->arrival, now_ns);
	if (channel->relay.starts_ns <= now_ns)
		greeting_send_starts(&channel->relay);
	if (asks(channel) && channel->home.due_ns <= now_ns) {
		if (channel->home.fd != -1)
			home_stop(&channel->home);
		else
			ask(channel, false);
	}
	if (channel->state <= STREAM)
		relay_keepalive(&channel->relay, now_ns);
}

/* Ends the channel if that is due. Returns false once it has ended. */
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

static void
take_event(struct channel *channel, const struct epoll_event *event)
{
	enum poller_kind kind = poller_kind(event);
	int fd = poller_fd(event);
	struct signalfd_siginfo signal;

	switch (kind) {
	case POLLER_SIGNALS:
		while (read(fd, &signal, sizeof(signal)) > 0)
			channel->arrival.quit = true;
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

	pace(channel); /* nothing is read before a viewer has come */
	while (keep_alive(channel, util_now_ns())) {
		n = poller_wait(
		    channel->poller, events, POLLED_MAX, next_due(channel));
		if (n == -1) {
			fail(channel, strerror(errno));
			return -1;
		}
		/* first: a new viewer may get the descriptor of a closed one */
		for (int i = 0; i < n; i++)
			if (poller_kind(events + i) == POLLER_VIEWER)
				viewers_ready(&channel->viewers,
				    poller_fd(events + i), events[i].events);
		for (int i = 0; i < n; i++)
			take_event(channel, events + i);
		take_program(channel);
		if (channel->arrival.quit && channel->state != LEAVING)
			end_channel(channel, 200);
		keep_times(channel, util_now_ns());
		pace(channel);
	}
	return 0;
}

/*
 * Begins a session, and closes the descriptors of the process that started the
 * channel. Returns 0, or -1 with errno.
 */
static int
detach(const struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	int null;

	if (setsid() == -1)
		return -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(null, STDOUT_FILENO) == -1 ||
	    (!setup->keep_stderr && dup2(null, STDERR_FILENO) == -1))
		return -1;
	for (int fd = 3; fd < DESCRIPTORS; fd++)
		if (fd != setup->socket.fd && fd != setup->sockdir->fd &&
		    fd != channel->poller)
			(void)close(fd); /* most are not open */
	return 0;
}

/* Returns a descriptor for the signals that end the channel, or -1. */
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

/* Raises the limit of descriptors to the hard limit. */
static void
raise_limit(void)
{
	struct rlimit limit;

	if (prlimit(0, RLIMIT_NOFILE, NULL, &limit) == -1)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)prlimit(0, RLIMIT_NOFILE, &limit, NULL); /* else fewer fit */
}

/* Joins the modules: producer -> relay -> viewers. */
static void
join(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	int64_t now_ns = util_now_ns();

	viewers_init(&channel->viewers, &channel->relay.ring, channel->poller);
	channel->relay = (struct relay){
	    .setup = setup,
	    .producer = &channel->producer,
	    .viewers = &channel->viewers,
	    .frame = &channel->frame,
	    .sent_ns = now_ns,
	    .starts_ns = UTIL_NEVER,
	};
	channel->arrival = (struct arrival){
	    .relay = &channel->relay,
	    .poller = channel->poller,
	    .born_ns = now_ns,
	    .expected_ns = now_ns + ARRIVAL_FIRST_NS,
	};
	home_init(&channel->home, &channel->relay, channel->poller);
	channel->empty_ns = now_ns;
}

static int
begin(struct channel *channel)
{
	const struct channel_setup *setup = channel->setup;
	int signals;

	if (channel->poller == -1 || detach(channel) == -1)
		return -1;
	join(channel);
	signals = open_signals();
	/* the program starts in the working directory of the request */
	if (signals == -1 || relay_init(&channel->relay) == -1 ||
	    poller_watch(channel->poller, signals, POLLER_SIGNALS, EPOLLIN) ==
		-1 ||
	    arrival_open(&channel->arrival) == -1 ||
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
	static struct channel channel; /* zero: takes no room in the file */
	int error;

	channel.setup = setup;
	channel.arrival.listener = -1;
	channel.poller = epoll_create1(EPOLL_CLOEXEC);
	producer_init(
	    &channel.producer, &setup->log, channel.poller, setup->ring_size);
	if (begin(&channel) == 0 && share(&channel) == 0)
		return 0;
	error = errno;
	producer_stop(&channel.producer);
	leave(&channel);
	errno = error;
	return -1;
}
