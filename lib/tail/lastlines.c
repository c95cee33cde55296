/*
 * lastlines: reads a file backwards, a block at a time, and counts the ends of
 * records.
 */
#include "lastlines.h"

#include <stdbool.h>

#include "cursor.h"
#include "file.h"

#define BLOCK 32768

struct search {
	enum record_end mode;
	uint64_t begin;     /* of the record after the end that was found */
	uint64_t end;       /* of the current record */
	char after;         /* the byte after the current one */
	uint64_t line_ends; /* RECORD_PARAGRAPH: successive line ends */
};

/*
 * Takes the byte at offset at, the one before the last. True if a record ends
 * there.
 */
static bool
is_end(struct search *search, uint64_t at, char byte)
{
	bool line_end = byte == '\n' || (byte == '\r' && search->after != '\n');
	bool end = search->mode == RECORD_NUL ? byte == '\0' : line_end;

	search->after = byte;
	if (search->mode == RECORD_PARAGRAPH) {
		if (line_end && search->line_ends++ == 0)
			search->begin = at + 1;
		if (search->line_ends > 1 && (byte == '\n' || byte == '\r'))
			search->end = at;
		if (byte == '\n' || byte == '\r')
			return false;
		end = search->line_ends > 1;
		search->line_ends = 0;
	} else if (end) {
		search->begin = at + 1;
		search->end = at;
	}
	return end;
}

/*
 * *offset is within a long record: moves it past a hole, which is all NULs, and
 * past the rest of a UTF-8 character.
 */
static int
skip_part(int fd, uint64_t end, uint64_t *offset)
{
	uint64_t data = file_data(fd, *offset);
	char byte;

	if (data < end)
		*offset = data;
	for (int i = 0; i < 3 && *offset < end; i++) {
		if (cursor_read(fd, &byte, 1, *offset) == -1)
			return -1;
		if (((unsigned char)byte & 0xc0) != 0x80)
			break;
		++*offset;
	}
	return 0;
}

int
lastlines_find(int fd, uint64_t size, enum record_end mode, uint64_t n,
    size_t max, uint64_t *offset)
{
	struct search search = {.mode = mode, .end = size};
	char block[BLOCK];
	uint64_t at = size, start = size; /* of the block */

	*offset = 0;
	while (at > 0) {
		if (at == start) {
			start -= start < BLOCK ? start : BLOCK;
			if (cursor_read(
				fd, block, (size_t)(at - start), start) == -1)
				return -1;
		}
		at--;
		if (is_end(&search, at, block[at - start]) && n-- == 0) {
			*offset = search.begin;
			return 0;
		}
		if (search.end > at && search.end - at > max) {
			*offset = at + 1;
			return skip_part(fd, search.end, offset);
		}
	}
	return 0;
}
