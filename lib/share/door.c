/*
 * door: one loop over the listener, requests that are being read, viewers that
 * were sent to the channel, and clients that have their answer. Parsing a
 * request is left to request; starting a channel is left to the caller, in a
 * child.
 */
#define _GNU_SOURCE /* accept4 */
#include "door.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../poller.h"
#include "../proc.h"
#include "../program.h"
#include "../util.h"
#include "request.h"

#define REQUEST_NS (NPH_REQUEST_MS * POLLER_MS)
#define CHANNEL_NS (10000 * POLLER_MS) /* for a channel, or its answer */
#define DRAIN_NS (STREAM_DRAIN_MS * POLLER_MS)
#define CLOSED_NS (1000 * POLLER_MS) /* no accept: no descriptor is left */
#define REAP_NS (1000 * POLLER_MS)   /* between two waits for children */
#define AGAIN_NS (20 * POLLER_MS)    /* likewise, if a viewer needs a child */
#define WARN_NS (1000 * POLLER_MS)   /* between two warnings */
#define CONNECT_MS 1
#define ACCEPT_MAX 64 /* in a turn of the loop */
#define POLLED_MAX 64

static const char crowded[] = "too many viewers have an id that it has lost";

bool
door_listens(int fd)
{
	int listens = 0;
	socklen_t n = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 &&
	       listens;
}

uint32_t
door_flags(const struct stream *stream)
{
	const struct cgi_request *request = &stream->request;
	uint32_t origin =
	    (uint32_t)origin_find(&stream->origins, request->origin);

	return origin << HANDOVER_ORIGIN_SHIFT |
	       (request->nph ? HANDOVER_NPH : 0U);
}

/* --- visitors --- */

static void
close_channel(const struct door *door, struct visitor *visitor)
{
	if (visitor->channel == -1)
		return;
	/* needed: a child that has just been forked has it, too */
	poller_forget(door->poller, visitor->channel);
	proc_close(&visitor->channel);
}

static void
drop(struct door *door, struct visitor *visitor)
{
	size_t i = (size_t)(visitor - door->all);

	close_channel(door, visitor);
	/* needed: the channel may have the same connection */
	poller_forget(door->poller, visitor->fd);
	(void)close(visitor->fd); /* nothing of ours is left to write */
	free(visitor->request.of_query);
	free(visitor->bytes);
	memmove(visitor, visitor + 1, (--door->n - i) * sizeof(*visitor));
}

/*
 * A frame's sink: one write to a socket that is still empty. An answer that
 * the socket cannot hold is cut.
 */
static int
write_answer(void *fd, const char *bytes, size_t n)
{
	return send(*(int *)fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		       (ssize_t)n
		   ? 0
		   : -1;
}

/*
 * Sends the client an answer with this status; 200 is a stream that ends and
 * tells it to reconnect later. Then reads what the client still sends: to close
 * a socket with unread input would reset the connection.
 */
static void
answer(struct door *door, struct visitor *visitor, int status)
{
	struct stream *stream = door->stream;

	close_channel(door, visitor);
	stream->request = visitor->request;
	frame_init(&stream->frame, write_answer, &visitor->fd);
	stream_respond(stream, status);
	if (status == 200 && visitor->request.method != CGI_HEAD)
		program_come_back(&stream->frame);
	(void)frame_flush(&stream->frame); /* fails: the client left */
	(void)shutdown(visitor->fd, SHUT_WR);
	visitor->answered = true;
	visitor->waits = false;
	visitor->until_ns = util_now_ns() + DRAIN_NS;
	/* not watched if it was sent to the channel; else this is no change */
	(void)poller_watch(door->poller, visitor->fd, POLLER_PENDING, EPOLLIN);
}

/* A crowd that is sent back makes no crowd of warnings. */
static void
send_back(struct door *door, struct visitor *visitor, const char *why)
{
	int64_t now_ns = util_now_ns();

	if (door->warn_ns <= now_ns) {
		door->warn_ns = now_ns + WARN_NS;
		program_warn(door->stream, "channel %s: %s", door->key, why);
	}
	answer(door, visitor, 200);
}

/* --- to the channel --- */

static _Noreturn void
be_child(struct door *door, const struct visitor *visitor)
{
	struct stream *stream = door->stream;

	stream->request = visitor->request;
	frame_init(&stream->frame, loop_write, &stream->loop);
	if (dup2(visitor->fd, STDIN_FILENO) != -1 &&
	    dup2(visitor->fd, STDOUT_FILENO) != -1) {
		/* or other visitors' connections would stay open here */
		proc_close_from(STDERR_FILENO + 1);
		door->visit(door->to);
	}
	_exit(EXIT_FAILURE);
}

/*
 * All children are busy: the visitor waits. Most wait only until a child has
 * started the channel, but those of -f must leave room for others.
 */
static void
wait_for_child(struct door *door, struct visitor *visitor)
{
	int waiting = 0;

	visitor->waits = true;
	for (size_t i = 0; i < door->n; i++)
		waiting += door->all[i].waits && door->all[i].further;
	if (visitor->further && waiting > DOOR_WAITING_MAX)
		send_back(door, visitor, crowded);
}

/*
 * The channel has not taken the visitor: there is no channel, or the viewer
 * needs another one. A child brings it to one.
 */
static void
fork_for(struct door *door, struct visitor *visitor)
{
	pid_t pid;

	if (door->children == DOOR_CHILDREN_MAX) {
		wait_for_child(door, visitor);
		return;
	}
	visitor->waits = false;
	pid = fork();
	if (pid == 0)
		be_child(door, visitor);
	if (pid == -1) {
		send_back(door, visitor, strerror(errno));
		return;
	}
	door->children++;
	drop(door, visitor);
}

/*
 * Sends the viewer to the channel. Returns the connection on which the channel
 * answers, or -1 if there is no channel.
 */
static int
send_viewer(struct door *door, const struct visitor *visitor)
{
	struct handover_message message = door->message;
	const char *id = visitor->request.last_event_id;
	int fd = -1;

	door->stream->request = visitor->request;
	message.flags |= door_flags(door->stream);
	handover_set_id(&message, id, strlen(id));
	if (door->sockdir.fd != -1 || sockdir_open(&door->sockdir) == 0)
		fd = sockdir_connect(&door->sockdir, door->key, CONNECT_MS);
	if (fd != -1 &&
	    poller_watch(door->poller, fd, POLLER_PENDING, EPOLLIN) == 0 &&
	    handover_send(fd, &message, visitor->fd) == 0)
		return fd;
	if (fd == -1) /* the directory may have been replaced */
		proc_close(&door->sockdir.fd);
	poller_forget(door->poller, fd);
	proc_close(&fd);
	return -1;
}

/* Brings a viewer to the channel, by the door itself or by a child. */
static void
bring(struct door *door, struct visitor *visitor)
{
	visitor->waits = false;
	visitor->channel = send_viewer(door, visitor);
	if (visitor->channel == -1)
		fork_for(door, visitor);
}

static void
take_answer(struct door *door, struct visitor *visitor)
{
	enum handover_answer said = handover_wait(visitor->channel);

	if (said == HANDOVER_LATE)
		return; /* the event was of a descriptor with the same number */
	close_channel(door, visitor);
	visitor->further = said == HANDOVER_UNKNOWN;
	switch (said) {
	case HANDOVER_TAKEN: drop(door, visitor); break;
	case HANDOVER_FULL: send_back(door, visitor, "it has no room"); break;
	default: fork_for(door, visitor);
	}
}

/* --- requests --- */

/* Reads more of a request. False if the client has closed, or it failed. */
static bool
read_more(struct visitor *visitor)
{
	ssize_t n;

	if (visitor->bytes == NULL)
		visitor->bytes = malloc(REQUEST_ROOM);
	if (visitor->bytes == NULL)
		return false;
	n = read(visitor->fd, visitor->bytes + visitor->n,
	    NPH_REQUEST_MAX - visitor->n);
	if (n == -1 && errno != EAGAIN && errno != EINTR)
		return false;
	visitor->n += n > 0 ? (size_t)n : 0;
	return n != 0;
}

/*
 * Reads more of a request, and acts on it when it is complete. Then the
 * connection is not watched any more, as it may be the channel's.
 */
static void
take_request(struct door *door, struct visitor *visitor)
{
	int status;

	if (!read_more(visitor)) {
		drop(door, visitor);
		return;
	}
	status = request_parse(&visitor->request, visitor->bytes, visitor->n);
	if (status == 0)
		return;
	door->stream->request = visitor->request;
	if (status == 200)
		status = stream_status(door->stream);
	if (status != 200 || visitor->request.method == CGI_HEAD) {
		answer(door, visitor, status);
		return;
	}
	poller_forget(door->poller, visitor->fd);
	visitor->until_ns = util_now_ns() + CHANNEL_NS;
	bring(door, visitor);
}

/* Reads and drops what a client sends after its answer. */
static void
drain(struct door *door, struct visitor *visitor)
{
	char bytes[4096];
	ssize_t n = read(visitor->fd, bytes, sizeof(bytes));

	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		drop(door, visitor);
}

static void
take_event(struct door *door, int fd)
{
	struct visitor *visitor = door->all, *end = door->all + door->n;

	while (visitor < end && visitor->fd != fd && visitor->channel != fd)
		visitor++;
	if (visitor == end)
		return; /* it was dropped since */
	if (visitor->channel == fd)
		take_answer(door, visitor);
	else if (visitor->answered)
		drain(door, visitor);
	else if (visitor->channel == -1 && !visitor->waits)
		take_request(door, visitor);
}

/* --- new connections --- */

/*
 * Room for one more connection: the oldest one is closed for it, but not one
 * that was sent to the channel or waits for a child. False if all are such.
 */
static bool
has_room(struct door *door)
{
	struct visitor *oldest = door->all, *end = door->all + door->n;

	if (door->n < DOOR_MAX)
		return true;
	while (oldest < end && (oldest->channel != -1 || oldest->waits))
		oldest++;
	if (oldest == end)
		return false;
	drop(door, oldest);
	return true;
}

static void
let_in(struct door *door, int fd)
{
	struct visitor *visitor = door->all + door->n++;

	*visitor = (struct visitor){
	    .fd = fd,
	    .channel = -1,
	    .until_ns = util_now_ns() + REQUEST_NS,
	};
	if (poller_watch(door->poller, fd, POLLER_PENDING, EPOLLIN) == -1)
		drop(door, visitor);
	else /* most requests have come with the connection */
		take_request(door, visitor);
}

/* Accepts nothing for so long: new connections wait in the listener's queue. */
static void
close_for(struct door *door, int64_t ns)
{
	poller_forget(door->poller, door->listener);
	door->open_ns = util_now_ns() + ns;
}

static void
accept_all(struct door *door)
{
	int fd;

	for (int i = 0; i < ACCEPT_MAX; i++) {
		if (!has_room(door)) {
			close_for(door, AGAIN_NS);
			return;
		}
		fd = accept4(
		    door->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd == -1 && errno != EAGAIN && util_scarce(errno))
			close_for(door, CLOSED_NS);
		if (fd == -1)
			return;
		let_in(door, fd);
	}
}

/* --- times --- */

static void
expire(struct door *door, struct visitor *visitor)
{
	if (visitor->channel != -1 || visitor->waits)
		send_back(
		    door, visitor, visitor->further ? crowded : "no answer");
	else if (visitor->answered || visitor->n == 0)
		drop(door, visitor);
	else
		answer(door, visitor, 408);
}

/*
 * Tries again to bring a viewer that waits. False if there is no channel yet:
 * the others that wait for it need not try.
 */
static bool
bring_again(struct door *door, struct visitor *visitor)
{
	size_t before = door->n;

	if (!visitor->further) {
		bring(door, visitor);
		return door->n < before || !visitor->waits;
	}
	if (door->children < DOOR_CHILDREN_MAX)
		fork_for(door, visitor);
	return true;
}

static void
keep_times(struct door *door, int64_t now_ns)
{
	size_t i = 0, before;
	bool found = true; /* the channel, or it may be */

	while (door->children > 0 && waitpid(-1, NULL, WNOHANG) > 0)
		door->children--;
	while (i < door->n) {
		struct visitor *visitor = door->all + i;

		before = door->n;
		if (visitor->until_ns <= now_ns)
			expire(door, visitor);
		else if (visitor->waits && (found || visitor->further))
			found &= bring_again(door, visitor);
		i += door->n == before;
	}
	if (door->open_ns > now_ns)
		return;
	door->open_ns = now_ns + CLOSED_NS;
	if (poller_watch(
		door->poller, door->listener, POLLER_LISTENER, EPOLLIN) == 0)
		door->open_ns = UTIL_NEVER;
}

/* When keep_times has to run the next time. */
static int64_t
next_due(const struct door *door)
{
	int64_t due_ns = door->open_ns, now_ns = util_now_ns();

	if (door->children > 0)
		due_ns = poller_earlier(due_ns, now_ns + REAP_NS);
	for (size_t i = 0; i < door->n; i++)
		due_ns = poller_earlier(due_ns, door->all[i].waits
						    ? now_ns + AGAIN_NS
						    : door->all[i].until_ns);
	return due_ns;
}

/* --- the loop --- */

int
door_serve(struct door *door, int listener)
{
	struct epoll_event events[POLLED_MAX];
	int n;

	door->listener = listener;
	door->open_ns = 0; /* keep_times opens it */
	door->sockdir.fd = -1;
	door->poller = epoll_create1(EPOLL_CLOEXEC);
	if (door->poller == -1 || poller_set_nonblocking(listener) == -1)
		return -1;
	for (;;) {
		keep_times(door, util_now_ns());
		n = poller_wait(
		    door->poller, events, POLLED_MAX, next_due(door));
		if (n == -1)
			return -1;
		for (int i = 0; i < n; i++)
			if (poller_kind(events + i) == POLLER_LISTENER)
				accept_all(door);
			else
				take_event(door, poller_fd(events + i));
	}
}
