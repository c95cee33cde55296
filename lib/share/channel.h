/*
 * channel: the process that runs a program once and shares its stream: the
 * producer's events go into the ring, and from there to the viewers. It accepts
 * viewers at its socket until it ends. It prints nothing, and logs to setup's
 * log.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "setup.h"

/*
 * Runs the channel until it and all processes that it started have ended. The
 * caller must exit then: memory is not freed, all descriptors but 0 to 2 and
 * those in setup are closed, the working directory is /. Returns 0, or -1 with
 * errno.
 */
int channel_run(const struct channel_setup *setup);

#endif
