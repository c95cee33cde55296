/*
 * start: how long a program takes from its start to its end: COUNT times,
 * one after the other, with stdin and stdout on /dev/null.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/util.h"
#include "spread.h"

extern char **environ;

int
main(int argc, char *argv[])
{
	static struct spread times;
	struct rusage usage;
	posix_spawn_file_actions_t files;
	uint64_t count;
	int64_t start_ns;
	pid_t pid;

	if (argc < 3 || util_number(argv[1], 1, 1000000, &count) == -1) {
		fputs("usage: start COUNT PROGRAM [ARG ...]\n", stderr);
		return 2;
	}
	if (posix_spawn_file_actions_init(&files) != 0 ||
	    posix_spawn_file_actions_addopen(
		&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) != 0 ||
	    posix_spawn_file_actions_addopen(
		&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0) {
		perror("start");
		return 1;
	}
	for (uint64_t i = 0; i < count; i++) {
		start_ns = util_now_ns();
		if (posix_spawnp(
			&pid, argv[2], &files, NULL, argv + 2, environ) != 0 ||
		    waitpid(pid, NULL, 0) != pid) {
			perror(argv[2]);
			return 1;
		}
		spread_add(&times, util_now_ns() - start_ns);
	}
	(void)getrusage(RUSAGE_CHILDREN, &usage); /* cannot fail */
	spread_print(&times, "start");
	printf("cpu_us %.1f\n",
	    ((double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)) /
		(double)count);
	return 0;
}
