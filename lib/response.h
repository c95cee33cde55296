/*
 * response: the response header that a CGI program writes (RFC 3875, section
 * 6), kept as fields to be given to many viewers. Does no I/O.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "frame.h"

#define RESPONSE_MAX 16384 /* bytes, with the empty line */

struct response {
	int status;  /* what Status or a status line says, else 200 */
	bool stream; /* Content-Type is text/event-stream */

	/* the rest is the response's own */
	const char *reason; /* of the status, from its digits on */
	size_t taken;       /* bytes of input */
	size_t line;        /* where the last line begins */
	size_t n;
	char bytes[RESPONSE_MAX]; /* the lines, each ended by NUL */
};

void response_init(struct response *response);

/*
 * Takes bytes from the front of *input, up to the end of the header. Returns 1
 * if it is complete, 0 if more input is needed; or -1 with errno EMSGSIZE, or
 * EBADMSG if that is no header.
 */
int response_take(struct response *response, struct bytes *input);

/*
 * Writes it with extras fields, each of which takes the place of those of its
 * name, and the empty line. An extra Content-Type is that of a stream: it is
 * left out if this header is of something else. With nph a status line stands
 * first, and the connection is closed at the end.
 */
void response_write(const struct response *response, struct frame *frame,
    bool nph, const char *const extra[], size_t extras);

#endif
