/*
 * kin: the children of this process. On Linux, where it is the subreaper,
 * orphans of its commands are among them. Elsewhere, and where the kernel
 * does not tell (CONFIG_PROC_CHILDREN), there are none.
 */
#ifndef KIN_H
#define KIN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define KIN_MAX 256 /* more are seen once some of these have ended */

struct kin {
	pid_t pids[KIN_MAX];
	size_t count;
};

/* Those of this moment, the oldest first; also those yet to be reaped. */
void kin_read(struct kin *kin);

bool kin_has(const struct kin *kin, pid_t pid);

#endif
