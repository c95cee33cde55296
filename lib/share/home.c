/*
 * home: one question at a time to the home channel. Each socket call blocks for
 * CONNECT_MS at most. What follows from the answer is left to the channel.
 */
#include "home.h"

#include <errno.h>

#include "../proc.h"
#include "../util.h"
#include "handover.h"

#define ANSWER_NS (1000 * POLLER_MS) /* for an answer */
#define AGAIN_MIN_NS (20 * POLLER_MS)
#define AGAIN_MAX_NS (1000 * POLLER_MS)
#define CONNECT_MS 1

void
home_init(struct home *home, const struct relay *relay, int poller)
{
	*home = (struct home){
	    .fd = -1,
	    .due_ns = relay->setup->after != NULL ? 0 : UTIL_NEVER,
	    .relay = relay,
	    .poller = poller,
	    .again_ns = AGAIN_MIN_NS,
	};
}

void
home_stop(struct home *home)
{
	poller_forget(home->poller, home->fd);
	proc_close(&home->fd);
	home->due_ns = util_now_ns() + home->again_ns;
	if (home->again_ns < AGAIN_MAX_NS)
		home->again_ns *= 2;
}

static int
connect_home(const struct home *home)
{
	const struct channel_setup *setup = home->relay->setup;

	return sockdir_connect(setup->sockdir, setup->home, CONNECT_MS);
}

enum home_answer
home_ask(struct home *home, bool fresh)
{
	const struct relay *relay = home->relay;
	struct handover_message message = {.flags = HANDOVER_ASK};

	home->due_ns = UTIL_NEVER;
	if (relay->no_id || relay->end || relay->last_id_n == 0)
		return HOME_NONE; /* there is no id to resume after */
	if (fresh)
		home->again_ns = AGAIN_MIN_NS;
	handover_set_id(&message, relay->last_id, relay->last_id_n);
	home->due_ns = util_now_ns() + ANSWER_NS;
	home->fd = connect_home(home);
	if (home->fd == -1)
		return errno == ENOENT ? HOME_GONE : HOME_NONE;
	if (handover_send(home->fd, &message, -1) == -1 ||
	    poller_watch(home->poller, home->fd, POLLER_HOME, EPOLLIN) == -1)
		home_stop(home);
	return HOME_NONE;
}

enum home_answer
home_ready(struct home *home, int fd)
{
	enum handover_answer answer;

	if (fd != home->fd)
		return HOME_NONE;
	answer = handover_wait(fd);
	home_stop(home);
	return answer == HANDOVER_TAKEN ? HOME_HAS : HOME_NONE;
}

bool
home_pass(void *to, const struct viewer *viewer)
{
	const struct home *home = to;
	const struct relay *relay = home->relay;
	struct handover_message message = {
	    .flags = (viewer->flags &
			 (HANDOVER_NPH | HANDOVER_HALF | HANDOVER_ORIGIN)) |
		     HANDOVER_FURTHER,
	};
	int fd = connect_home(home);
	bool done;

	if (!(viewer->flags & VIEWER_WAITS))
		message.flags |= HANDOVER_GREETED;
	handover_set_id(&message, relay->last_id, relay->last_id_n);
	done = fd != -1 && handover_send(fd, &message, viewer->fd) == 0;
	proc_close(&fd);
	return done;
}
