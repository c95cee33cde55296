/*
 * response: parses the response header of a CGI program (RFC 3875, section 6),
 * and encodes it again for each viewer. Does no I/O.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "frame.h"

#define RESPONSE_MAX 16384 /* bytes, with the empty line */

struct response {
	int status;  /* of the Status field or a status line, else 200 */
	bool stream; /* Content-Type is text/event-stream */

	/* the rest is the response's own */
	const char *reason; /* the status, from its digits on */
	size_t taken;       /* bytes of input, so far */
	size_t line;        /* where the last line begins in bytes */
	size_t n;
	char bytes[RESPONSE_MAX]; /* the lines, each ended by NUL */
};

void response_init(struct response *response);

/*
 * Removes bytes from the front of *input, up to the end of the header. Returns
 * 1 if that is complete, 0 if more input is needed; or -1 with errno EMSGSIZE
 * (too long) or EBADMSG (no header).
 */
int response_take(struct response *response, struct bytes *input);

/*
 * Encodes the header, extras fields of extra, each of which replaces fields of
 * the same name, and the empty line. Fields that frame the body are left out,
 * as the body is not sent as it came. An extra Content-Type is a stream's: it
 * is left out if the response is no stream. With nph it begins with a status
 * line, and says that the connection is closed at the end.
 */
void response_write(const struct response *response, struct frame *frame,
    bool nph, const char *const extra[], size_t extras);

#endif
