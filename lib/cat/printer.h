/*
 * printer: prints an event of a decoder: its data, a JSON object or columns,
 * each ended by LF or NUL, into a frame's buffer. It does no I/O.
 */
#ifndef CAT_PRINTER_H
#define CAT_PRINTER_H

#include <stdbool.h>

#include "../columns.h"
#include "../decode.h"
#include "../frame.h"

struct printer {
	/* set by the caller; zero: the data, with an LF */
	struct columns columns; /* -c */
	const char *type;       /* the only type that is printed, or NULL */
	bool json;              /* not with columns or null */
	bool null;              /* NUL in place of LF */

	/* for the caller to report: a column could not hold its field */
	bool left_out; /* an id or type with TAB or NUL: left empty */
	bool replaced; /* data with LF or NUL in it: spaces or U+FFFD */

	/* the rest is the printer's own */
	bool retried; /* a retry field came that was not printed yet */
	bool id_came; /* an id came that was not printed yet */
};

/* A retry field came: the next JSON object has it. */
void printer_retry(struct printer *printer);

/* An event, or a frame without data, whose id may belong to the next one. */
void printer_frame(struct printer *printer, const struct decoder *decoder,
    enum decode_result result, struct frame *frame);

#endif
