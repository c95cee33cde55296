/*
 * lastlines: reads a file backwards, a block at a time, and counts line ends.
 */
#define _GNU_SOURCE /* SEEK_DATA */
#include "lastlines.h"

#include <stdbool.h>
#include <unistd.h>

#include "cursor.h"

#define BLOCK 32768

struct search {
	uint64_t lines;    /* to be passed yet */
	uint64_t line_end; /* where the line that is looked at ends */
	char after;        /* the byte after the one that is looked at */
};

/* One byte, at offset at, going back. True if the last lines begin after it. */
static bool
begins_after(struct search *search, uint64_t at, char byte)
{
	bool end = byte == '\n' || (byte == '\r' && search->after != '\n');

	search->after = byte;
	if (!end)
		return false;
	if (search->lines == 0)
		return true;
	search->lines--;
	search->line_end = at;
	return false;
}

/* Within a long line: after a hole, which is all NULs, and after the character
 * that offset is in the middle of. */
static int
skip_part(int fd, uint64_t line_end, uint64_t *offset)
{
	char byte;
#ifdef SEEK_DATA
	off_t data = lseek(fd, (off_t)*offset, SEEK_DATA);

	if (data != -1 && (uint64_t)data < line_end)
		*offset = (uint64_t)data;
#endif
	for (int i = 0; i < 3; i++) {
		if (cursor_read(fd, &byte, 1, *offset) == -1)
			return -1;
		if (((unsigned char)byte & 0xc0) != 0x80)
			break;
		++*offset;
	}
	return 0;
}

int
lastlines_find(
    int fd, uint64_t size, uint64_t lines, size_t line_max, uint64_t *offset)
{
	struct search search = {.lines = lines, .line_end = size};
	char block[BLOCK];
	uint64_t start = size;
	size_t n;

	while (start > 0) {
		n = start < sizeof(block) ? (size_t)start : sizeof(block);
		start -= n;
		if (cursor_read(fd, block, n, start) == -1)
			return -1;
		while (n-- > 0) {
			*offset = start + n + 1;
			if (begins_after(&search, start + n, block[n]))
				return 0;
			if (search.line_end - start - n > line_max &&
			    search.line_end > start + n)
				return skip_part(fd, search.line_end, offset);
		}
	}
	*offset = 0;
	return 0;
}
