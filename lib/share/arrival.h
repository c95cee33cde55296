/*
 * arrival: the requests to a channel: a viewer that comes, with its
 * Last-Event-ID or without, whether and from which place it is served here; and
 * questions about the channel. What a viewer is sent first is in greeting.
 */
#ifndef ARRIVAL_H
#define ARRIVAL_H

#include <stdbool.h>
#include <stdint.h>

#include "events.h"
#include "greeting.h"
#include "pending.h"
#include "viewers.h"

struct arrival {
	/* the channel's */
	const char *key;
	char *const *command;
	bool streams;    /* viewers get what the ring has, and do not wait */
	bool ended;      /* the stream has ended, with an event "end" */
	bool catches_up; /* with -f: this is not the home channel */
	int64_t born_ns; /* when the channel began */
	const struct events *events;
	struct viewers *viewers;
	struct greeting *greeting;

	bool had_viewer;     /* somebody has come */
	int64_t expected_ns; /* until then somebody else may still come */
	bool quit;           /* the channel is asked to end */
};

/* Answers a request, and takes its viewer, or closes that. */
void arrival_take(
    struct arrival *arrival, const struct pending_request *request);

#endif
