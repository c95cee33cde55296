/*
 * until: checks for the file that ends a log, and reads its first line.
 */
#include "until.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "../proc.h"
#include "../util.h"
#include "file.h"

/* Whether an empty file may still get a line: a shell creates it, then writes.
 */
static bool
is_early(struct until *until)
{
	int64_t now_ns = util_now_ns();

	if (until->doubt_ns == 0)
		until->doubt_ns = now_ns;
	return now_ns - until->doubt_ns < UNTIL_EMPTY_MS * INT64_C(1000000);
}

int
until_look(struct until *until)
{
	int fd = -1;
	ssize_t n;

	until->doubt = false;
	if (until->path == NULL || until->there)
		return 0;
	fd = file_open(AT_FDCWD, until->path);
	if (fd == -1)
		return errno == ENOENT ? 0 : -1;
	n = read(fd, until->text, sizeof(until->text));
	proc_close(&fd);
	if (n == -1)
		return errno == EINTR ? 0 : -1;
	until->doubt = n == 0 && is_early(until);
	until->there = !until->doubt;
	until->line.at = until->text;
	until->line.n =
	    (size_t)(util_line_end(until->text, until->text + n) - until->text);
	return 0;
}
