/*
 * broker: finds the channel of a viewer by its key, or starts it, and hands the
 * viewer over. What is answered to a viewer that finds none is left to the
 * program.
 */
#include "broker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../logger.h"
#include "../util.h"
#include "environment.h"
#include "sockdir.h"

#define VISIT_MS 20000 /* for one channel after the other that ends */
#define STARTS_MAX 3   /* of channels by one viewer */
#define FURTHER_MAX 32 /* channels of -f beside one */
#define FURTHER_NS (60 * UTIL_SECOND_NS) /* a viewer's time there */

/*
 * The key of a channel for viewers that come back with this id: home's, with a
 * digest. Returns 0, or -1 with errno.
 */
static int
make_further_key(const struct broker *broker, char key[SOCKDIR_KEY_MAX + 1])
{
	char tries[UTIL_DIGITS_MAX + 1] = {0}, digest[ENVIRONMENT_DIGEST_N + 1];
	char *words[] = {(char *)broker->setup->key, /* it is only read */
	    (char *)broker->last_event_id, tries, NULL};

	/* an earlier one of it may be past the id already */
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

/* Whether there are more than max channels of -f, dead ones too. */
static bool
too_many(
    const struct broker *broker, const struct channel_setup *setup, int max)
{
	struct count count = {setup->key, 0};

	return setup->after != NULL && (sockdir_each(broker->setup->sockdir,
					    count_further, &count) == -1 ||
					   count.n > max);
}

/*
 * The lock is ours and there is no channel: makes one, but not too many of
 * those for -f. Returns 0, or -1 with errno: EBUSY if there are as many.
 */
static int
start_channel(struct broker *broker, struct channel_setup *setup)
{
	pid_t pid;

	if (broker->starts == STARTS_MAX) {
		errno = EAGAIN; /* they cannot begin */
		return -1;
	}
	if (sockdir_listen(
		broker->setup->sockdir, setup->key, &setup->socket) == -1)
		return -1;
	/* the dead ones are gone now */
	if (too_many(broker, setup, FURTHER_MAX)) {
		sockdir_leave(
		    broker->setup->sockdir, setup->key, &setup->socket);
		(void)close(setup->socket.fd);
		errno = EBUSY;
		return -1;
	}
	broker->starts++;
	pid = fork();
	if (pid == 0) {
		if (channel_run(setup) == 0)
			_exit(EXIT_SUCCESS);
		logger_line(&setup->log, "%s", strerror(errno));
		_exit(EXIT_FAILURE);
	}
	(void)close(setup->socket.fd);
	return pid == -1 ? -1 : 0;
}

/*
 * A connection to the channel, which is started if there is none, unless
 * only_old. Returns -1 with errno: EBUSY if that is to be tried again.
 */
static int
find_channel(struct broker *broker, struct channel_setup *setup, bool only_old)
{
	const struct sockdir *sockdir = broker->setup->sockdir;
	int fd = sockdir_connect(sockdir, setup->key, BROKER_MS), lock;

	if (fd != -1 || errno != ENOENT || only_old)
		return fd;
	/* of many that wait each takes the lock seldom */
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

/* Brings the viewer to the channel. The answer, or HANDOVER_LOST. */
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
	return answer;
}

/* To setup's channel. HANDOVER_LOST: try again, unless broker->error is set. */
static enum handover_answer
bring(struct broker *broker, struct channel_setup *setup, bool only_old)
{
	int fd = find_channel(broker, setup, only_old);

	if (fd == -1 && errno == EAGAIN)
		return HANDOVER_LATE;
	if (fd == -1 && errno != EBUSY)
		broker->error = errno;
	return fd == -1 ? HANDOVER_LOST : hand_over(broker, fd);
}

/*
 * -f, and the channel does not know the id: to one that goes on after it, until
 * it has come to what the other has. HANDOVER_LOST if the first is asked again,
 * or with broker->error.
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
	if (make_further_key(broker, key) == -1) {
		broker->error = errno;
		return HANDOVER_LOST;
	}
	answer = bring(broker, &setup, false);
	if (answer != HANDOVER_UNKNOWN)
		return answer;
	broker->further_n++;
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
		if (answer != HANDOVER_LOST || broker->error != 0 ||
		    util_now_ns() >= until_ns)
			break;
		(void)poll(NULL, 0, wait_ms);
		if (wait_ms < 64)
			wait_ms *= 2;
	}
	if (broker->error == ENOENT && ended)
		return BROKER_ENDED;
	errno = broker->error;
	if (broker->error != 0)
		return BROKER_FAILED;
	if (answer == HANDOVER_TAKEN)
		return BROKER_TAKEN;
	return answer == HANDOVER_FULL ? BROKER_FULL : BROKER_LATE;
}
