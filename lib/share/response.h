/*
 * response: the response header that a CGI program writes (RFC 3875, section
 * 6), kept as it came to be given to many viewers. Does no I/O.
 */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "../frame.h"

#define RESPONSE_MAX 16384 /* bytes; a pipe takes as many at once */

struct response {
	int status;  /* what Status or a status line says, else 200 */
	bool stream; /* Content-Type is text/event-stream */

	/* the rest is the header's own */
	size_t n; /* of its lines, without the empty one that ends it */
	char bytes[RESPONSE_MAX];
};

void response_init(struct response *response);

/*
 * Takes bytes from the front of *input, up to the end of the header. Returns 1
 * where it is complete, 0 where more input is needed; or -1 with errno
 * EMSGSIZE, or EBADMSG where that is no header.
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
