/*
 * cgi: the request and the response header of a CGI program (RFC 3875).
 * The request is read from the environment; in a shell, a user sets that by
 * hand. The module encodes the response into a frame, and sends nothing.
 */
#ifndef CGI_H
#define CGI_H

#include <stdbool.h>
#include <stddef.h>

#include "frame.h"

enum cgi_method {
	CGI_GET = 1,
	CGI_HEAD = 2,
	CGI_POST = 4,
	CGI_OPTIONS = 8,
	CGI_OTHER = 16,
};

struct cgi_request {
	bool
	    served; /* REQUEST_METHOD is set: by a web server, not in a shell */
	bool nph;   /* "non-parsed header": the program speaks HTTP itself */
	enum cgi_method method; /* CGI_GET in a shell */
	/*
	 * The Last-Event-ID field, else the query's lastEventId, else "".
	 * Untrusted: any bytes but NUL, of any length.
	 */
	const char *last_event_id;
	/*
	 * Of a cross-origin request (Fetch Standard): the page's origin, and
	 * the header fields that a preflight asks for; else "".
	 */
	const char *origin;
	const char *asked_headers;
	char *of_query; /* the caller's to free; may be last_event_id */
};

/* The variables that make a request, stored by cgi_keep; NULL: not set. */
#define CGI_VARIABLES 5
struct cgi_variables {
	const char *value[CGI_VARIABLES];
};

/* The contents of a response header. */
struct cgi_response {
	int status;               /* 200 is the event stream */
	unsigned int methods;     /* allowed ones: an OR of enum cgi_method */
	const char *const *extra; /* fields that cgi_field_ok accepts */
	size_t extras;
};

/*
 * Stores value in kept, a struct cgi_variables, if name is one of its variables
 * (RFC 3875); else does nothing. The caller owns the string. Returns 0.
 */
int cgi_keep(void *kept, const char *name, const char *value);

/*
 * Fills in request from these variables. Its strings point to theirs, except
 * of_query. nph as in struct cgi_request. Returns 0, or -1 with errno ENOMEM.
 */
int cgi_understand(
    struct cgi_request *request, const struct cgi_variables *from, bool nph);

/*
 * Likewise from the environment, to whose strings it points; name is the
 * program's, which may have the prefix nph-.
 */
int cgi_request(struct cgi_request *request, const char *name);

/*
 * How many arguments of argv the operator gave. Servers may append the words of
 * a query without "=" (RFC 3875 section 4.4), or an empty argument if there is
 * no query.
 */
int cgi_own_args(int argc, char *const argv[]);

/*
 * Whether field, "Name: value", can be added to the header: a token, a colon,
 * no control character, and not one of the fields that frame the response. Of
 * Content-Type only text/event-stream, with any parameters, is accepted; it is
 * sent with a stream only.
 */
bool cgi_field_ok(const char *field);

/*
 * Whether field says where the body ends: Content-Length or Transfer-Encoding.
 * Our bodies end with the output.
 */
bool cgi_frames_body(const char *field);

/* Whether one of the fields has the same name as name, up to its colon. */
bool cgi_has_field(const char *const field[], size_t fields, const char *name);

/*
 * Encodes the header of response and the empty line that ends it; for an error
 * status also a body of one line, unless the method is HEAD. For OPTIONS,
 * status 204 answers a preflight.
 */
void cgi_respond(struct frame *frame, const struct cgi_request *request,
    const struct cgi_response *response);

#endif
