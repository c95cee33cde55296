/*
 * source: one of the programs whose events are joined: it is run, and run
 * again with its place when it fails, until it has ended. Its place is its part
 * of a composite id. Knows nothing of the others, or of what becomes of events.
 */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../producer.h"
#include "composite.h"

/* Before a start after a failure; it doubles until the source has an event. */
#define SOURCE_PAUSE_MIN_MS 2000 /* from half of that */
#define SOURCE_PAUSE_MAX_MS 30000

#define SOURCE_NAME "HTTP_LAST_EVENT_ID="

enum source_result {
	SOURCE_EVENT, /* source.event, without its id */
	SOURCE_GAP,   /* something may be missing here: source.why */
	SOURCE_IDLE,  /* nothing now */
	SOURCE_END,   /* it has ended, and is not run again; then SOURCE_IDLE */
};

struct source {
	size_t number; /* from 1 */
	struct event event;
	const char *why;
	bool again; /* it was said before, of an earlier event */

	/* the rest is the source's own */
	struct composite *composite;
	const struct logger *log;
	int poller;
	size_t event_max;
	char *command[4];
	bool runs;
	bool placed;       /* it has a last id */
	bool at_end;       /* that is "end" */
	bool ended;        /* that was said */
	bool told;         /* a failure, since the last event */
	bool id_cut;       /* an id was too long */
	bool event_cut;    /* an event was */
	const char *later; /* why there is a gap after this event, or NULL */
	int64_t due_ns;    /* of its start, if it does not run */
	int64_t pause_ms;  /* before the next start */
	int64_t retry_ms;  /* of its last retry field, or 0 */
	char text[24];     /* what why may be */
	struct producer producer;
	char variable[sizeof(SOURCE_NAME) + COMPOSITE_MAX];
};

/*
 * command is a line for sh -c. composite has its place at number - 1, and gets
 * the new ones. An event may have event_max bytes. The strings, log and poller
 * stay the caller's; what log gets is why it could not be started.
 */
void source_init(struct source *source, size_t number, char *command,
    struct composite *composite, const struct logger *log, int poller,
    size_t event_max);

/* The poller had an event for fd. Returns false if that is of another source.
 */
bool source_ready(struct source *source, enum poller_kind kind, int fd);

/*
 * What comes next. To be called until it says SOURCE_IDLE; then after
 * source_ready, and at source_due. Does not block, but for a fork and an exec.
 */
enum source_result source_next(struct source *source);

/* When source_next is to be called at the latest, or UTIL_NEVER. */
int64_t source_due(const struct source *source);

/* Ends the program; source_stop waits for that as well, and frees all. */
void source_end(struct source *source);
void source_stop(struct source *source);

#endif
