/*
 * resolve: the addresses of a host, without blocking: where host is a name,
 * a child process asks for as long as it takes, and its answer comes on a
 * pipe. It opens no connection.
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
	int fd; /* to wait for, with POLLIN; -1 where there is none */
	struct resolve_address found[RESOLVE_MAX];
	size_t n; /* how many */

	/* the rest is the module's own */
	pid_t child;
	size_t got; /* bytes of found that have come */
};

/*
 * Starts to ask for host, a name or an address. Returns 1 where found is
 * complete at once, 0 where fd is to be waited for, -1 with errno.
 */
int resolve_start(struct resolve *resolve, const char *host, uint16_t port);

/*
 * fd is ready. Returns 1 where found is complete, which n == 0 is where no
 * address was found; 0 to go on; -1 with errno.
 */
int resolve_read(struct resolve *resolve);

/* Ends and reaps the child, if there is one. found stays. */
void resolve_stop(struct resolve *resolve);

#endif
