/*
 * resolve: the addresses of a host, without blocking: a child process looks
 * the name up, however long it takes, and answers on a pipe. It opens no
 * connection.
 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define RESOLVE_MAX 8 /* addresses of one host: more are left out */

struct resolve_address {
	socklen_t n;
	struct sockaddr_storage address;
};

struct resolve {
	int fd; /* to wait for, with POLLIN; -1 if there is none */
	struct resolve_address found[RESOLVE_MAX];
	size_t n; /* how many */

	/* the rest is the module's own */
	pid_t child;
	size_t got; /* bytes of found that have come */
};

/*
 * Starts to look up host, a name or an address. Returns 1 if found is
 * complete at once, 0 if fd is to be waited for, or -1 with errno.
 */
int resolve_start(struct resolve *resolve, const char *host, uint16_t port);

/*
 * Reads the answer when fd is ready. Returns 1 if found is complete (n is 0 if
 * the host has no address), 0 to wait again, or -1 with errno.
 */
int resolve_read(struct resolve *resolve);

/* Ends and reaps the child, if there is one. found stays. */
void resolve_stop(struct resolve *resolve);

#endif
