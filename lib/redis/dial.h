/*
 * dial: connects to a host without blocking. A child process looks the name
 * up, tries each address, and hands over the socket.
 */
#ifndef DIAL_H
#define DIAL_H

#include <stdint.h>
#include <sys/types.h>

#define DIAL_SECONDS 5 /* for the look-up, and for each address */

struct dial {
	int fd; /* poll it for POLLIN; -1 if not connecting */
	pid_t child;
};

/*
 * Starts to connect to host, a name or an IP address; if port is 0, to the
 * Unix-domain socket with the path host. Returns 0, or -1 with errno.
 */
int dial_start(struct dial *dial, const char *host, uint16_t port);

/*
 * Returns the connected socket, non-blocking, which the caller closes; or -1
 * with errno: EAGAIN while it connects, ENODATA if the host has no address,
 * ENAMETOOLONG if the path is too long, ETIMEDOUT, or that of the last
 * connect(2).
 */
int dial_read(struct dial *dial);

/* Kills the child process, if there is one, and reaps it; keeps errno. */
void dial_stop(struct dial *dial);

#endif
