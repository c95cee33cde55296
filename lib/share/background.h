/*
 * background: makes this process one of its own, apart from the web server's.
 */
#ifndef BACKGROUND_H
#define BACKGROUND_H

#include <stdbool.h>

/*
 * A session of its own; of the descriptors above 2 only a and b stay, and 0 to
 * 2 are /dev/null, stderr only unless keep_stderr. Returns 0, or -1 with errno.
 */
int background_begin(int a, int b, bool keep_stderr);

/*
 * SIGTERM, SIGINT and SIGHUP come by the descriptor that is returned, a
 * signalfd, non-blocking; -1 with errno. The others stay as they are.
 */
int background_signals(void);

/* Takes what came there. Returns whether there was any. */
bool background_signalled(int signals);

/* As many descriptors as the hard limit allows. */
void background_raise_limit(void);

#endif
