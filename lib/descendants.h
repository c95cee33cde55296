/*
 * descendants: the children of this process, their children and so on, as /proc
 * lists them. If this process is a subreaper, orphans among them become its
 * children.
 */
#ifndef DESCENDANTS_H
#define DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define DESCENDANTS_MAX 1024 /* others are listed once some of these ended */

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
 * Lists the descendants. A process that is started or orphaned meanwhile may be
 * missing. Returns false if /proc is not mounted or belongs to another pid
 * namespace. On a kernel without CONFIG_PROC_CHILDREN it reads all of /proc.
 */
bool descendants_read(struct descendants *list);

#endif
