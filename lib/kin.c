/*
 * kin: see kin.h.
 */
#include "kin.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void
kin_read(struct kin *kin)
{
	char list[KIN_MAX * 8], *at = list, *end;
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	kin->count = 0;
	if (fd != -1) {
		n = read(fd, list, sizeof(list) - 1);
		(void)close(fd); /* nothing was written that could be lost */
	}
	list[n > 0 ? n : 0] = '\0';
	/* a space stands behind each: what has none was cut */
	while (kin->count < KIN_MAX) {
		kin->pids[kin->count] = (pid_t)strtol(at, &end, 10);
		if (end == at || *end != ' ')
			break;
		kin->count++;
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
