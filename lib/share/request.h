/*
 * request: parses a request that comes to door: SCGI (a netstring of variables,
 * protocol 1) or HTTP. Does no I/O, and allocates nothing but what lib/cgi
 * does.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stddef.h>

#include "../cgi.h"
#include "../nph.h"

/* Bytes of a buffer for a request, with room for a NUL. */
#define REQUEST_ROOM (NPH_REQUEST_MAX + 1)

/*
 * Parses the n bytes received so far, at most NPH_REQUEST_MAX, in place: the
 * first byte tells SCGI from HTTP (request->nph). bytes has room for one more.
 * A body is ignored. Returns 0 if more is needed; 200 with *request, whose
 * strings, except of_query, are in bytes; or the status to answer: 400 if it is
 * neither, 431 if it is too long, 500 if memory is out. request->nph is set in
 * all cases.
 */
int request_parse(struct cgi_request *request, char *bytes, size_t n);

#endif
