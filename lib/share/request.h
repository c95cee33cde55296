/*
 * request: what a client of a door says first, SCGI (a netstring of variables,
 * protocol 1) or an HTTP request. Does no I/O, and allocates nothing but what
 * lib/cgi does.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stddef.h>

#include "../cgi.h"
#include "../nph.h"

/* Of what has come at most so many bytes are kept, with room for a NUL. */
#define REQUEST_ROOM (NPH_REQUEST_MAX + 1)

/*
 * Understands the n bytes that have come so far, at most NPH_REQUEST_MAX, in
 * place: the first byte says whether they are SCGI or HTTP (request->nph).
 * bytes has room for one more. A body is not looked at. Returns 0 if more is
 * needed; 200 with *request, whose strings are in bytes, of_query but for; or
 * the status to answer: 400 for what is neither, 431 if it is too long, 500 if
 * memory is out. request->nph is right with these too.
 */
int request_parse(struct cgi_request *request, char *bytes, size_t n);

#endif
