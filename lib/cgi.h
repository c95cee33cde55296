/*
 * cgi: the request and the response header of a CGI program (RFC 3875).
 * The request is the environment, also in a shell, where it is set by hand.
 * It encodes the response into a frame, and sends nothing.
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
	bool served; /* by a web server: REQUEST_METHOD is set; else a shell */
	bool nph;    /* "non-parsed header": the program speaks HTTP itself */
	enum cgi_method method; /* CGI_GET in a shell */
	/*
	 * What the Last-Event-ID field says, else the query's lastEventId,
	 * else "". Any bytes but NUL, of any length: a stranger wrote it.
	 */
	const char *last_event_id;
	/*
	 * Of a request that a page of another site makes (Fetch Standard): the
	 * page's origin, and the fields that a preflight asks for; else "".
	 */
	const char *origin;
	const char *asked_headers;
	char *of_query; /* the caller's to free; may be last_event_id */
};

/* What a request is made of: cgi_keep knows which is which. NULL: not set. */
#define CGI_VARIABLES 5
struct cgi_variables {
	const char *value[CGI_VARIABLES];
};

/* What a response header is made of. */
struct cgi_response {
	int status;               /* 200 is the event stream */
	unsigned int methods;     /* an OR of enum cgi_method: if it allows */
	const char *const *extra; /* fields that cgi_field_ok accepts */
	size_t extras;
};

/*
 * Keeps value in the struct cgi_variables kept if it is of a request, by a name
 * of RFC 3875; else does nothing. The string is the caller's. Returns 0.
 */
int cgi_keep(void *kept, const char *name, const char *value);

/*
 * What these variables ask for. The strings are theirs but for of_query. nph as
 * in struct cgi_request. Returns 0, or -1 with errno ENOMEM.
 */
int cgi_understand(
    struct cgi_request *request, const struct cgi_variables *from, bool nph);

/*
 * Likewise the environment, whose the strings are; name is the program's, for
 * its nph- prefix.
 */
int cgi_request(struct cgi_request *request, const char *name);

/*
 * How many of argv are the operator's own. Servers may hand the words of a
 * query without "=" over as last arguments (RFC 3875 section 4.4), and an empty
 * argument if there is no query.
 */
int cgi_own_args(int argc, char *const argv[]);

/*
 * Whether field, "Name: value", can be one more header field: a token, a
 * colon, no control character, and none of those that frame the response; as
 * Content-Type text/event-stream with whatever parameters, which counts for
 * the stream alone.
 */
bool cgi_field_ok(const char *field);

/* Whether one of the fields has the name that name is, up to its colon. */
bool cgi_has_field(const char *const field[], size_t fields, const char *name);

/*
 * Writes the header of response with the empty line that ends it; after a
 * status of an error also its one-line body, unless the method is HEAD. To
 * OPTIONS, 204 is the answer to a preflight.
 */
void cgi_respond(struct frame *frame, const struct cgi_request *request,
    const struct cgi_response *response);

#endif
