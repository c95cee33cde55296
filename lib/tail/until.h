/*
 * until: checks for a file that appears when a log is complete (-u). Blocks
 * only for the file system.
 */
#ifndef UNTIL_H
#define UNTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bytes.h"

#define UNTIL_LINE_MAX 4096 /* bytes of its first line */
#define UNTIL_EMPTY_MS                                         \
	2000 /* how long to wait for the line of an empty file \
	      */

struct until {
	const char *path; /* NULL: there is none to wait for */
	bool there;       /* the file is complete; line is its first line */
	struct bytes line;
	bool doubt; /* the file is empty: check again soon */

	/* the rest is private */
	int64_t doubt_ns; /* since when it is in doubt */
	char text[UNTIL_LINE_MAX];
};

/*
 * Checks whether the file has appeared, unless it has before. Returns 0, or -1
 * with errno of file_open if it exists but cannot be read, or not now.
 */
int until_look(struct until *until);

#endif
