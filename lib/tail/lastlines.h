/*
 * lastlines: finds where the last records of a file begin, searching from its
 * end, so that the size of the file does not matter.
 */
#ifndef LASTLINES_H
#define LASTLINES_H

#include <stddef.h>
#include <stdint.h>

#include "../record.h"

/*
 * Sets *offset to where the last n records of the first size bytes of fd begin.
 * An incomplete record at the end is not counted. If a record is longer than
 * max, the search stops there: *offset is then max bytes before that record's
 * end (or up to three fewer, so as not to begin within a UTF-8 character; or
 * fewer, so as not to begin in a hole of the file). Returns 0, or -1 with
 * errno: ENODATA if the file has less than size bytes.
 */
int lastlines_find(int fd, uint64_t size, enum record_end mode, uint64_t n,
    size_t max, uint64_t *offset);

#endif
