/*
 * broker: finds the channel of a viewer by its key, or starts it, and hands the
 * viewer over. The response to a viewer without a channel is left to the
 * program.
 */
#include "broker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../util.h"
#include "environment.h"
#include "sockdir.h"

#define VISIT_MS 20000 /* of attempts, if one channel after the other ends */
#define STARTS_MAX 3   /* of channels for one viewer */
#define FURTHER_MAX 32 /* channels of -f for one home channel */
#define FURTHER_NS (60 * UTIL_SECOND_NS) /* of a viewer in such a channel */

/*
 * Makes the key of the channel for viewers with this id: the key of its home
 * channel (see setup.h), and a digest. Returns 0, or -1 with errno.
 */
static int
make_further_key(const struct broker *broker, char key[SOCKDIR_KEY_MAX + 1])
{
	char tries[UTIL_DIGITS_MAX + 1] = {0}, digest[ENVIRONMENT_DIGEST_N + 1];
	char *words[] = {(char *)broker->setup->key, /* it is only read */
	    (char *)broker->last_event_id, tries, NULL};

	/* an earlier channel for this id may have dropped it */
	(void)util_digits(tries, (uint64_t)broker->further_n);
	if (environment_digest(words, words + 3, digest) == -1)
		return -1;
	(void)snprintf(key, SOCKDIR_KEY_MAX + 1, "%.*s.%s",
	    SOCKDIR_KEY_MAX - ENVIRONMENT_DIGEST_N - 1, words[0], digest);
	return 0;
}

struct count {
	const char *key; /* as make_further_key makes it */
	int n;
};

static void
count_further(const struct sockdir *sockdir, const char *key, void *to)
{
	struct count *count = to;
	size_t n = strlen(count->key);

	(void)sockdir;
	count->n += strlen(key) == n &&
		    strncmp(key, count->key, n - ENVIRONMENT_DIGEST_N) == 0;
}

/* Whether home has more than max channels of -f, ended ones included. */
static bool
too_many(
    const struct broker *broker, const struct channel_setup *setup, int max)
{
	struct count count = {setup->key, 0};

	return setup->after != NULL && (sockdir_each(broker->setup->sockdir,
					    count_further, &count) == -1 ||
					   count.n > max);
}

/* Learns why channels have failed. Each that has failed is a child. */
static void
take_failures(struct broker *broker)
{
	int status;

	while (waitpid(-1, &status, WNOHANG) > 0)
		if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
			broker->error = WEXITSTATUS(status);
}

/*
 * Starts the channel. The caller has the lock, and has found no such channel.
 * Returns 0, or -1 with errno: EBUSY if there are too many channels of -f.
 */
static int
start_channel(struct broker *broker, struct channel_setup *setup)
{
	pid_t pid;

	if (broker->starts == STARTS_MAX) {
		take_failures(broker);
		errno = EAGAIN;
		return -1;
	}
	if (sockdir_listen(
		broker->setup->sockdir, setup->key, &setup->socket) == -1)
		return -1;
	/* sockdir_listen has removed the ended ones */
	if (too_many(broker, setup, FURTHER_MAX)) {
		sockdir_leave(
		    broker->setup->sockdir, setup->key, &setup->socket);
		(void)close(setup->socket.fd);
		errno = EBUSY;
		return -1;
	}
	broker->starts++;
	pid = fork();
	if (pid == 0)
		_exit(channel_run(setup) == 0 ? EXIT_SUCCESS : errno);
	if (pid == -1)
		broker->error = errno;
	(void)close(setup->socket.fd);
	return pid == -1 ? -1 : 0;
}

/*
 * Connects to the channel, and starts it if there is none, unless only_old.
 * Returns a descriptor, or -1 with errno: EBUSY if the caller should try again.
 */
static int
find_channel(struct broker *broker, struct channel_setup *setup, bool only_old)
{
	const struct sockdir *sockdir = broker->setup->sockdir;
	int fd = sockdir_connect(sockdir, setup->key, BROKER_MS), lock;

	if (fd != -1 || errno != ENOENT || only_old)
		return fd;
	/* if many processes wait, each takes the lock only now and then */
	if (broker->tries++ % 16 > 0 &&
	    too_many(broker, setup, FURTHER_MAX - 1)) {
		errno = EBUSY;
		return -1;
	}
	lock = sockdir_lock(sockdir, BROKER_MS);
	if (lock == -1)
		return -1;
	fd = sockdir_connect(sockdir, setup->key, BROKER_MS);
	if (fd == -1 && errno == ENOENT && start_channel(broker, setup) == 0) {
		fd = sockdir_connect(sockdir, setup->key, BROKER_MS);
		if (fd == -1 && errno == ENOENT)
			errno = EBUSY; /* it has ended already */
	}
	sockdir_unlock(lock); /* errno stays */
	return fd;
}

/*
 * Hands the viewer over at the connection fd, and closes fd. Returns the
 * answer; HANDOVER_LOST, with errno EBUSY, if there was none.
 */
static enum handover_answer
hand_over(struct broker *broker, int fd)
{
	enum handover_answer answer = HANDOVER_LOST;

	handover_set_id(&broker->message, broker->last_event_id,
	    strlen(broker->last_event_id));
	if (handover_send(fd, &broker->message, broker->viewer) == 0)
		answer = handover_wait(fd);
	else if (errno == EAGAIN)
		answer = HANDOVER_LATE;
	(void)close(fd);
	errno = EBUSY;
	return answer;
}

/*
 * Hands the viewer over to the channel of setup. Returns the answer, or
 * HANDOVER_LOST with errno: EBUSY if the caller should try again.
 */
static enum handover_answer
bring(struct broker *broker, struct channel_setup *setup, bool only_old)
{
	int fd = find_channel(broker, setup, only_old);

	if (fd == -1)
		return errno == EAGAIN ? HANDOVER_LATE : HANDOVER_LOST;
	return hand_over(broker, fd);
}

/*
 * With -f, if the channel does not know the id: hands the viewer over to a
 * channel whose program resumes after the id. Returns as bring does.
 */
static enum handover_answer
go_further(struct broker *broker)
{
	struct channel_setup setup = *broker->setup;
	char key[SOCKDIR_KEY_MAX + 1];
	enum handover_answer answer;

	setup.key = key;
	setup.home = broker->setup->key;
	setup.after = broker->last_event_id;
	setup.linger_ns = 0;
	if (setup.limit_ns == 0 || setup.limit_ns > FURTHER_NS)
		setup.limit_ns = FURTHER_NS;
	if (make_further_key(broker, key) == -1)
		return HANDOVER_LOST;
	answer = bring(broker, &setup, false);
	if (answer != HANDOVER_UNKNOWN)
		return answer;
	broker->further_n++;
	errno = EBUSY;
	return HANDOVER_LOST;
}

enum broker_result
broker_bring(struct broker *broker)
{
	int64_t until_ns = util_now_ns() + VISIT_MS * INT64_C(1000000);
	bool ended = strcmp(broker->last_event_id, "end") == 0;
	enum handover_answer answer;
	int wait_ms = 1;

	for (;;) {
		answer = bring(broker, broker->setup, ended);
		if (answer == HANDOVER_UNKNOWN)
			answer = go_further(broker);
		if (answer != HANDOVER_LOST || errno != EBUSY ||
		    util_now_ns() >= until_ns)
			break;
		(void)poll(NULL, 0, wait_ms);
		if (wait_ms < 64)
			wait_ms *= 2;
	}
	switch (answer) {
	case HANDOVER_TAKEN: return BROKER_TAKEN;
	case HANDOVER_FULL: return BROKER_FULL;
	case HANDOVER_LOST:
		if (errno == ENOENT && ended)
			return BROKER_ENDED;
		return errno == EBUSY ? BROKER_LATE : BROKER_FAILED;
	default: return BROKER_LATE;
	}
}
