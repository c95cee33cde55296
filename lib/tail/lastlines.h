/*
 * lastlines: finds the begin of the last records of a file from its end, so
 * that the size of the file does not matter.
 */
#ifndef LASTLINES_H
#define LASTLINES_H

#include <stddef.h>
#include <stdint.h>

#include "../record.h"

/*
 * Sets *offset to the begin of the last n records of the first size bytes of
 * fd. What follows the end of the last record counts as none, and is kept. The
 * search stops in a record that is longer than max: its last max bytes come
 * first then (or up to three less, if they would begin within a UTF-8
 * character; or less, if they would begin with a hole of the file). Returns 0,
 * or -1 with errno: ENODATA if the file has less than size bytes.
 */
int lastlines_find(int fd, uint64_t size, enum record_end mode, uint64_t n,
    size_t max, uint64_t *offset);

#endif
