/*
 * descendants: the processes below this one, as /proc lists them: its children
 * and theirs. If this process is a subreaper, orphans among them become its
 * children.
 */
#ifndef DESCENDANTS_H
#define DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DESCENDANTS_MAX 1024 /* more are seen once some of these have ended */

struct descendant {
	pid_t pid;
	pid_t parent;
	pid_t group;
	pid_t session;
	bool ended; /* a zombie: all its threads have ended */
};

struct descendants {
	struct descendant all[DESCENDANTS_MAX];
	size_t count;
};

/*
 * Lists the descendants. One that is started or orphaned meanwhile may be
 * missing. Returns false if /proc is not mounted or belongs to another pid
 * namespace. Without CONFIG_PROC_CHILDREN all processes are read for it.
 */
bool descendants_read(struct descendants *list);

#endif
