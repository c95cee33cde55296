/*
 * kin: the processes below this one, as /proc tells: its children, and theirs.
 * Where this process is the subreaper, the orphans among them are its children.
 */
#ifndef KIN_H
#define KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define KIN_MAX 1024 /* more are seen once some of these have ended */

struct kin {
	pid_t pid;
	pid_t parent;
	pid_t group;
	pid_t session;
	bool ended; /* with all its threads, and not reaped yet */
};

struct kin_list {
	struct kin all[KIN_MAX];
	size_t count;
};

/*
 * All that is below this process now; what is born or moves meanwhile may be
 * missing. Returns false where /proc does not tell: it is not mounted, or is
 * another pid namespace's. A kernel without CONFIG_PROC_CHILDREN tells too, but
 * all processes of the system are looked at.
 */
bool kin_read(struct kin_list *list);

#endif
