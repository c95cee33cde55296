/*
 * kin: the processes below this one. On Linux, where it is the subreaper,
 * orphans of its commands are among its children. Elsewhere, and where the
 * kernel does not tell (CONFIG_PROC_CHILDREN), there are none.
 */
#ifndef KIN_H
#define KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define KIN_MAX 1024 /* more are seen once some of these have ended */

struct kin {
	pid_t pids[KIN_MAX];
	size_t count;
};

/*
 * The children that this process has now, also those yet to be reaped. Returns
 * false where the system does not tell.
 */
bool kin_own(struct kin *kin);

/* Adds what is below those that it has. */
void kin_below(struct kin *kin);

bool kin_has(const struct kin *kin, pid_t pid);

/* Whether a process has ended, with all its threads, and is not reaped yet. */
bool kin_ended(pid_t pid);

#endif
