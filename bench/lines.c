/*
 * lines: COUNT lines of 100 bytes as fast as it can, each by a write of its
 * own: what a program that flushes a line looks like to a filter.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/util.h"

int
main(int argc, char *argv[])
{
	char line[100];
	uint64_t count;

	if (argc != 2 || util_number(argv[1], 0, UINT64_MAX, &count) == -1) {
		fputs("usage: lines COUNT\n", stderr);
		return 2;
	}
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (; count > 0; count--)
		if (write(STDOUT_FILENO, line, sizeof(line)) !=
		    (ssize_t)sizeof(line))
			return 1;
	return 0;
}
