/*
 * source: decides when its program is started, and what the end of its stream
 * means. Running the program is left to producer.
 */
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../util.h"

#define GONE_NS (100 * POLLER_MS) /* between two checks for the old process */

extern char **environ;

/* Both the id and the type of the last event. */
static const struct bytes end_id = BYTES("end");

void
source_init(struct source *source, size_t number, char *command,
    struct composite *composite, const struct logger *log, int poller,
    size_t event_max)
{
	source->number = number;
	source->composite = composite;
	source->log = log;
	source->poller = poller;
	source->event_max = event_max;
	source->command[0] = "/bin/sh";
	source->command[1] = "-c";
	source->command[2] = command;
	source->pause_ms = SOURCE_PAUSE_MIN_MS;
	memcpy(source->variable, SOURCE_NAME, sizeof(SOURCE_NAME));
	source->placed = composite_get(composite, number - 1,
			     source->variable + strlen(SOURCE_NAME)) > 0;
	source->at_end = strcmp(source->variable, SOURCE_NAME "end") == 0;
	producer_init(&source->producer, log, poller, event_max);
}

/*
 * Sets Last-Event-ID for the program. By putenv: setenv would never free the
 * values of earlier starts.
 */
static void
set_variable(struct source *source)
{
	size_t name_n = strlen(SOURCE_NAME);

	(void)unsetenv("HTTP_LAST_EVENT_ID"); /* fails only for a bad name */
	if (composite_get(source->composite, source->number - 1,
		source->variable + name_n) > 0)
		(void)putenv(source->variable); /* fails: starts without it */
}

/* Starts the program, unless its last process has not ended yet. */
static void
start(struct source *source)
{
	struct producer *producer = &source->producer;

	if (!child_gone(&producer->child)) {
		source->due_ns = util_now_ns() + GONE_NS;
		return;
	}
	producer_free(producer);
	producer_init(producer, source->log, source->poller, source->event_max);
	producer->patient = true;
	source->retry_ms = 0;
	set_variable(source);
	/* if it fails, producer_next returns that, too */
	(void)producer_start(producer, source->command, environ, NULL, true);
	source->runs = true;
}

/* id is the source's last id now: puts it into the composite id. */
static void
set_place(struct source *source, struct bytes id)
{
	source->at_end = bytes_equal(id, end_id);
	source->placed = id.n > 0;
	if (composite_set(source->composite, source->number - 1, id) == 0)
		return;
	source->placed = false;
	if (!source->id_cut)
		source->later = "id too long";
	source->id_cut = true;
}

static enum source_result
gap(struct source *source, const char *why)
{
	source->again = false;
	source->why = why;
	return SOURCE_GAP;
}

/*
 * The program has failed: sets the time of its next start. Returns SOURCE_GAP
 * if events may be missing and the viewer does not know it yet.
 */
static enum source_result
fail(struct source *source)
{
	const struct producer *producer = &source->producer;
	int64_t pause_ms = util_random(source->pause_ms / 2, source->pause_ms);

	if (source->retry_ms > pause_ms)
		pause_ms = source->retry_ms;
	if (pause_ms > SOURCE_PAUSE_MAX_MS)
		pause_ms = SOURCE_PAUSE_MAX_MS;
	source->due_ns = util_now_ns() + pause_ms * POLLER_MS;
	source->pause_ms *= 2;
	if (source->pause_ms > SOURCE_PAUSE_MAX_MS)
		source->pause_ms = SOURCE_PAUSE_MAX_MS;
	/* a program that gets its last id back sends what is missing */
	if (source->told || (producer->streams && source->placed))
		return SOURCE_IDLE;
	source->told = true;
	if (producer->streams)
		return gap(source, "stopped");
	if (!producer->answers)
		return gap(source, "no stream");
	(void)snprintf(source->text, sizeof(source->text), "status %d",
	    producer->response.status); /* it fits */
	return gap(source, source->text);
}

/* It is not started any more: SOURCE_END once, then SOURCE_IDLE. */
static enum source_result
say_end(struct source *source)
{
	bool said = source->ended;

	source->ended = true;
	return said ? SOURCE_IDLE : SOURCE_END;
}

/* Its stream has ended, or has failed. */
static enum source_result
finish(struct source *source)
{
	const struct producer *producer = &source->producer;

	producer_end(&source->producer);
	source->runs = false;
	if (!source->at_end && producer->answers &&
	    producer->response.status == 204) {
		set_place(source, end_id);
		source->event = (struct event){.type = end_id};
		return SOURCE_EVENT;
	}
	return source->at_end ? say_end(source) : fail(source);
}

/* Takes the producer's event. False if nothing of it goes to the viewer. */
static bool
take_event(struct source *source)
{
	const struct producer *producer = &source->producer;

	if (producer->retry) {
		source->retry_ms = producer->retry_ms;
		return false;
	}
	source->pause_ms = SOURCE_PAUSE_MIN_MS;
	source->told = false;
	source->event = producer->event;
	if (producer->has_id)
		set_place(source, producer->event.id);
	return producer->has_data;
}

enum source_result
source_next(struct source *source)
{
	const char *later = source->later;

	if (!source->runs && source->at_end)
		return say_end(source);
	source->later = NULL;
	if (later != NULL)
		return gap(source, later);
	if (!source->runs && source->due_ns <= util_now_ns())
		start(source);
	while (source->runs) {
		switch (producer_next(&source->producer)) {
		case PRODUCER_EVENT:
			if (take_event(source))
				return SOURCE_EVENT;
			break;
		case PRODUCER_GAP:
			source->again = source->event_cut;
			source->event_cut = true;
			source->why = "too long";
			return SOURCE_GAP;
		case PRODUCER_IDLE: return SOURCE_IDLE;
		case PRODUCER_END:
		case PRODUCER_FAILED: return finish(source);
		}
	}
	return SOURCE_IDLE;
}

bool
source_ready(struct source *source, enum poller_kind kind, int fd)
{
	const struct child *child = &source->producer.child;

	if (!source->runs || (fd != child->out && fd != child->exit))
		return false;
	producer_ready(&source->producer, kind, fd);
	return true;
}

int
source_read(struct source *source, bool reads)
{
	return source->runs ? producer_read(&source->producer, reads) : 0;
}

bool
source_has_more(struct source *source)
{
	bool more = source->producer.more;

	source->producer.more = false;
	return more;
}

int64_t
source_due(const struct source *source)
{
	if (source->runs)
		return producer_due(&source->producer);
	return source->ended ? UTIL_NEVER : source->due_ns;
}

void
source_end(struct source *source)
{
	producer_end(&source->producer);
	source->runs = false;
}

void
source_stop(struct source *source)
{
	producer_stop(&source->producer);
	producer_free(&source->producer);
}
