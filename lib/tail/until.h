/*
 * until: a file that appears when a log is complete (-u). Blocks for the file
 * system only.
 */
#ifndef UNTIL_H
#define UNTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bytes.h"

#define UNTIL_LINE_MAX 4096 /* bytes of its first line */
#define UNTIL_EMPTY_MS                                        \
	2000 /* so long an empty file may still be written to \
	      */

struct until {
	const char *path; /* NULL: there is none to wait for */
	bool there;       /* it is complete; then line is its first line */
	struct bytes line;
	bool doubt; /* it is empty: look again soon */

	/* the rest is its own */
	int64_t doubt_ns; /* since when */
	char text[UNTIL_LINE_MAX];
};

/*
 * Looks whether the file has appeared, unless it has before. Returns 0, or -1
 * with errno of file_open if there is something that cannot be read, or not
 * now.
 */
int until_look(struct until *until);

#endif
