/*
 * producer: a CGI program that streams and is run by this one: its start, its
 * response header, its events, the lines of its stderr, and its exit. Knows
 * neither viewers nor what becomes of the events.
 */
#ifndef PRODUCER_H
#define PRODUCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child.h"
#include "decode.h"
#include "logger.h"
#include "poller.h"
#include "record.h"
#include "response.h"

#define PRODUCER_READ 32768 /* bytes at once */

enum producer_result {
	PRODUCER_EVENT,  /* producer.event, or producer.retry */
	PRODUCER_GAP,    /* an event that was too long is left out */
	PRODUCER_IDLE,   /* what was read is used up */
	PRODUCER_END,    /* it has ended, or it answers */
	PRODUCER_FAILED, /* it cannot go on: producer.why */
};

struct producer {
	/*
	 * Set after producer_init: only the end of its output ends it, as a web
	 * server has it, and not its exit (sse-share hands its output over).
	 */
	bool patient;
	bool started;
	bool scarce; /* something ran out when it was to be started */
	bool reads;  /* its output is waited for */

	/* with PRODUCER_EVENT, until the next call */
	struct event event;
	bool has_id;   /* event has an id field of its own */
	bool has_data; /* else it is that field alone */
	bool retry;    /* no event, but retry_ms */

	const char *why; /* with PRODUCER_FAILED */
	int status; /* with PRODUCER_END: exit status, as of struct child */
	int64_t retry_ms; /* with retry */
	bool streams;     /* the response is complete, and a stream */
	bool answers;     /* it is complete, and something else */
	struct response response;

	/* the rest is the producer's own */
	const char *name;
	const struct logger *log;
	int poller;
	struct child child;
	struct splitter err;
	struct decoder decoder;
	int64_t exited_ns; /* when it exited, or UTIL_NEVER */
	int64_t silent_ns; /* when its output ended before that, likewise */
	bool over;         /* it has exited, and its output has ended */
	size_t read_max;
	struct bytes input;
	char buffer[PRODUCER_READ];
};

/*
 * Of an event event_max bytes are taken; an eighth of that is read at a time,
 * so that a ring of as much holds it, with ids. Allocates nothing. log stays
 * the caller's. To be called again, after producer_free, for another start.
 */
void producer_init(struct producer *producer, const struct logger *log,
    int poller, size_t event_max);

/*
 * Starts command with environment, and with the Last-Event-ID after if that is
 * not NULL; its stdin is empty. Its stderr is this process's if keep_stderr,
 * else it is logged. Logs if it could not be started, which producer_next says,
 * too. Returns 0, or -1 with errno.
 */
int producer_start(struct producer *producer, char *const command[],
    char **environment, const char *after, bool keep_stderr);

/* Waits for its output, or does not. Returns 0, or -1 with errno. */
int producer_read(struct producer *producer, bool reads);

/* The poller had an event for fd: reads once. */
void producer_ready(struct producer *producer, enum poller_kind kind, int fd);

/*
 * Returns the next event of those that were read. To be called until it returns
 * PRODUCER_IDLE or anything after that; then after producer_ready, and at
 * producer_due. Does not block.
 */
enum producer_result producer_next(struct producer *producer);

/* When producer_next is to be called at the latest, or UTIL_NEVER. */
int64_t producer_due(const struct producer *producer);

/*
 * Ends the program and all that it started, and waits for that: child_stop.
 * Logs what its stderr still has.
 */
void producer_stop(struct producer *producer);

/* The same without the wait: child_gone(&producer->child) is when it is over.
 */
void producer_end(struct producer *producer);

/* Frees what it took. */
void producer_free(struct producer *producer);

#endif
