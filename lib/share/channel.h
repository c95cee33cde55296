/*
 * channel: the process that runs a program once and shares its stream: what
 * the producer says goes into the ring of events, and from there to the
 * viewers. It takes viewers at its socket for as long as it lasts. It prints
 * nothing; its log is a function of its maker.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "setup.h"

/*
 * Is the channel, until it has ended and all that it started. For a process
 * of its own: its descriptors but 0 to 2 and those in setup are closed, its
 * working directory becomes /, signals are what a program expects. Returns 0,
 * or -1 with errno if it could not begin.
 */
int channel_run(const struct channel_setup *setup);

#endif
