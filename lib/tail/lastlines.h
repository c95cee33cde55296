/*
 * lastlines: where the last lines of a file begin, found from its end, so that
 * the size of the file does not matter.
 */
#ifndef LASTLINES_H
#define LASTLINES_H

#include <stddef.h>
#include <stdint.h>

/*
 * Sets *offset to where the last lines lines of the first size bytes of fd
 * begin. What follows the last line end counts as no line, and is kept. A
 * line ends with LF, CR or CRLF. The search stops in a line that is longer
 * than line_max: its last line_max bytes come first then (or up to three
 * less, where they would begin within a UTF-8 character; or less, where they
 * would begin with a hole of the file). Returns 0, or -1
 * with errno: ENODATA where the file has less than size bytes.
 */
int lastlines_find(
    int fd, uint64_t size, uint64_t lines, size_t line_max, uint64_t *offset);

#endif
