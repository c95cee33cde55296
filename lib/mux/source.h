/*
 * source: one of the programs whose events are joined. It runs the program, and
 * after a failure runs it again with its last id, until the stream is complete.
 * Its place is its part of a composite id. It knows nothing of other sources,
 * and sends nothing.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../producer.h"
#include "composite.h"

/*
 * The pause before a start after a failure: a random time from half of this to
 * this. It doubles until the source has an event.
 */
#define SOURCE_PAUSE_MIN_MS 2000
#define SOURCE_PAUSE_MAX_MS 30000

#define SOURCE_NAME "HTTP_LAST_EVENT_ID="

enum source_result {
	SOURCE_EVENT, /* source.event, without its id */
	SOURCE_GAP,   /* events may be missing here: source.why */
	SOURCE_IDLE,  /* nothing now */
	SOURCE_END, /* complete, not started again; from then on SOURCE_IDLE */
};

struct source {
	size_t number; /* from 1 */
	struct event event;
	const char *why;
	bool again; /* the same gap was returned for an earlier event */

	/* the rest is the source's own */
	struct composite *composite;
	const struct logger *log;
	int poller;
	size_t event_max;
	char *command[4];
	bool runs;
	bool placed;       /* it has a last id */
	bool at_end;       /* that id is "end" */
	bool ended;        /* SOURCE_END was returned */
	bool told;         /* a failure was reported since the last event */
	bool id_cut;       /* an id was too long */
	bool event_cut;    /* an event was too long */
	const char *later; /* why there is a gap after this event, or NULL */
	int64_t due_ns;    /* when to start it, if it does not run */
	int64_t pause_ms;  /* before the next start */
	int64_t retry_ms;  /* of its last retry field, or 0 */
	char text[24];     /* for why, if that has a number */
	struct producer producer;
	char variable[sizeof(SOURCE_NAME) + COMPOSITE_MAX];
};

/*
 * command is a line for sh -c. The source's place is in composite at number -
 * 1, where source_next also writes it. An event may have event_max bytes.
 * command, composite, log and poller stay the caller's. If the command cannot
 * be started, the reason goes to log.
 */
void source_init(struct source *source, size_t number, char *command,
    struct composite *composite, const struct logger *log, int poller,
    size_t event_max);

/* Handles an event of the poller. False if fd is of another source. */
bool source_ready(struct source *source, enum poller_kind kind, int fd);

/*
 * Returns the next result. Call it until it returns SOURCE_IDLE; then after
 * source_ready, and at source_due. Blocks only for a fork and an exec.
 */
enum source_result source_next(struct source *source);

/* Starts or stops reading its output. Returns 0, or -1 with errno. */
int source_read(struct source *source, bool reads);

/* Whether since the last call a read may have left output, or it has exited. */
bool source_has_more(struct source *source);

/* When source_next is to be called at the latest, or UTIL_NEVER. */
int64_t source_due(const struct source *source);

/* source_end ends the program; source_stop also waits for it, and frees all. */
void source_end(struct source *source);
void source_stop(struct source *source);

#endif
