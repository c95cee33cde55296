/*
 * kin: see kin.h.
 */
#include "kin.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

void
kin_read(struct kin *kin)
{
	char list[KIN_MAX * 8 + 1], *at = list, *end;
	uint64_t pid;
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	kin->count = 0;
	if (fd != -1) {
		n = read(fd, list, sizeof(list) - 1);
		(void)close(fd); /* nothing was written that could be lost */
	}
	list[n > 0 ? n : 0] = '\0';
	/* a space stands behind each: what has none was cut */
	while (kin->count < KIN_MAX && (end = strchr(at, ' ')) != NULL) {
		*end = '\0';
		if (util_number(at, 1, INT_MAX, &pid) == -1)
			break;
		kin->pids[kin->count++] = (pid_t)pid;
		at = end + 1;
	}
}

bool
kin_has(const struct kin *kin, pid_t pid)
{
	for (size_t i = 0; i < kin->count; i++)
		if (kin->pids[i] == pid)
			return true;
	return false;
}
