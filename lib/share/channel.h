/*
 * channel: the process that runs a program once and shares its stream: what the
 * producer says goes into the ring, and from there to the viewers. It takes
 * viewers at its socket for as long as it lasts. It prints nothing; its log is
 * a function in setup.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include "setup.h"

/*
 * Runs the channel until it and all that it started have ended. The process is
 * to exit then: memory is not freed, the descriptors but 0 to 2 and those in
 * setup are closed, the working directory is /. Returns 0, or -1 with errno if
 * it could not begin.
 */
int channel_run(const struct channel_setup *setup);

#endif
