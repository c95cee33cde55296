/*
 * producer: runs another CGI program that streams: starts it, parses its
 * response header, decodes its events, logs its stderr, and takes its exit
 * status. It does not know the viewers.
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

#define PRODUCER_READ 32768 /* bytes per read, at most */

enum producer_result {
	PRODUCER_EVENT,  /* producer.event, or producer.retry */
	PRODUCER_GAP,    /* an event was too long, and is left out */
	PRODUCER_IDLE,   /* no event is left of what was read */
	PRODUCER_END,    /* it has ended, or its response is no stream */
	PRODUCER_FAILED, /* it cannot go on: producer.why says why */
};

struct producer {
	/*
	 * Set by the caller after producer_init: the program has ended when its
	 * output ends, as for a web server, not when it exits (sse-share passes
	 * its output on to another process).
	 */
	bool patient;
	bool started;
	bool scarce; /* it could not be started: a resource has run out */
	bool reads;  /* its output is watched */
	bool more;   /* a read filled the buffer, or it exited: until cleared */

	/* set with PRODUCER_EVENT, valid until the next call */
	struct event event;
	bool has_id;   /* event has an id field of its own */
	bool has_data; /* false: only an id field */
	bool retry;    /* only a retry field: retry_ms */

	const char *why; /* with PRODUCER_FAILED */
	int status; /* with PRODUCER_END: exit status, as in struct child */
	int64_t retry_ms; /* with retry */
	bool streams;     /* the header is complete: it is a stream */
	bool answers;     /* the header is complete: it is no stream */
	struct response response;

	/* the rest is the producer's own */
	const char *name;
	const struct logger *log;
	int poller;
	struct child child;
	struct splitter err;
	struct decoder decoder;
	int64_t exited_ns; /* when it exited, or UTIL_NEVER */
	int64_t silent_ns; /* when its output ended, if before; else the same */
	bool over;         /* it has exited, and its output has ended */
	size_t read_max;
	struct bytes input;
	char buffer[PRODUCER_READ];
};

/*
 * An event may have event_max bytes. Reads at most an eighth of that at a time,
 * so that a ring of event_max bytes holds its events with their ids. Allocates
 * nothing. The caller owns log. To start again, call producer_free and then
 * this.
 */
void producer_init(struct producer *producer, const struct logger *log,
    int poller, size_t event_max);

/*
 * Starts command with environment, and with Last-Event-ID after unless that is
 * NULL; its stdin is empty. With keep_stderr it shares this process's stderr,
 * else its stderr is logged. Returns 0, or -1 with errno. If the command could
 * not be started, logs that and returns 0: producer_next tells the caller.
 */
int producer_start(struct producer *producer, char *const command[],
    char **environment, const char *after, bool keep_stderr);

/* Starts or stops watching its output. Returns 0, or -1 with errno. */
int producer_read(struct producer *producer, bool reads);

/* Handles an event of the poller for fd: reads once. */
void producer_ready(struct producer *producer, enum poller_kind kind, int fd);

/*
 * Returns the next event of what was read. To be called until it returns
 * PRODUCER_IDLE, _END or _FAILED; after IDLE again after producer_ready, and at
 * producer_due. Does not block.
 */
enum producer_result producer_next(struct producer *producer);

/* When producer_next is to be called at the latest, or UTIL_NEVER. */
int64_t producer_due(const struct producer *producer);

/*
 * Ends the program and all that it started, and waits for that (child_stop).
 * Logs the rest of its stderr.
 */
void producer_stop(struct producer *producer);

/* The same without waiting; child_gone(&producer->child) says when it is over.
 */
void producer_end(struct producer *producer);

/* Frees its memory. */
void producer_free(struct producer *producer);

#endif
