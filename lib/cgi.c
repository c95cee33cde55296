/*
 * cgi: reads a request from the environment, and encodes the response header.
 * How servers differ is in docs/servers.md.
 */
#include "cgi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nph.h"
#include "util.h"

#define ASKED_MAX 1024 /* bytes of a preflight's header field names */

/*
 * Decodes n bytes of a query (application/x-www-form-urlencoded) into a new
 * string of *decoded bytes, which may include NUL. NULL with errno ENOMEM.
 */
static char *
decode(const char *text, size_t n, size_t *decoded)
{
	char *new = malloc(n + 1);
	size_t to = 0;

	if (new == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		int byte = util_percent(text + i);

		if (byte >= 0)
			i += 2;
		else
			byte = text[i] == '+' ? ' ' : text[i];
		new[to++] = (char)byte;
	}
	new[to] = '\0';
	*decoded = to;
	return new;
}

/* Decodes lastEventId from the query. Returns 0, or -1 with errno ENOMEM. */
static int
take_last_event_id(struct cgi_request *request, const char *query)
{
	static const char key[] = "lastEventId=";
	size_t n, decoded;

	for (; *query != '\0'; query += n + (query[n] == '&')) {
		n = strcspn(query, "&");
		if (strncmp(query, key, sizeof(key) - 1) != 0)
			continue;
		request->of_query = decode(
		    query + sizeof(key) - 1, n - (sizeof(key) - 1), &decoded);
		if (request->of_query == NULL)
			return -1;
		/* an id with a NUL is ignored */
		if (strlen(request->of_query) == decoded)
			request->last_event_id = request->of_query;
		return 0;
	}
	return 0;
}

/* in the order of the bits of enum cgi_method */
static const char *const methods[] = {"GET", "HEAD", "POST", "OPTIONS"};
#define METHODS (sizeof(methods) / sizeof(*methods))

/* in the order of struct cgi_variables */
static const char *const variables[] = {"REQUEST_METHOD", "QUERY_STRING",
    "HTTP_LAST_EVENT_ID", "HTTP_ORIGIN", "HTTP_ACCESS_CONTROL_REQUEST_HEADERS"};

int
cgi_keep(void *kept, const char *name, const char *value)
{
	struct cgi_variables *to = kept;

	for (size_t i = 0; i < CGI_VARIABLES; i++)
		if (strcmp(name, variables[i]) == 0)
			to->value[i] = value;
	return 0;
}

int
cgi_understand(
    struct cgi_request *request, const struct cgi_variables *from, bool nph)
{
	const char *value[CGI_VARIABLES], *method = from->value[0];

	for (size_t i = 0; i < CGI_VARIABLES; i++)
		value[i] = from->value[i] == NULL ? "" : from->value[i];
	*request = (struct cgi_request){
	    .served = method != NULL,
	    .nph = nph,
	    .method = method == NULL ? CGI_GET : CGI_OTHER,
	    .last_event_id = value[2],
	    .origin = value[3],
	    .asked_headers = value[4],
	};
	for (size_t i = 0; method != NULL && i < METHODS; i++)
		if (strcmp(method, methods[i]) == 0)
			request->method = (enum cgi_method)(1U << i);
	return *value[2] != '\0' ? 0 : take_last_event_id(request, value[1]);
}

int
cgi_request(struct cgi_request *request, const char *name)
{
	struct cgi_variables from;

	for (size_t i = 0; i < CGI_VARIABLES; i++)
		from.value[i] = getenv(variables[i]);
	return cgi_understand(request, &from, strncmp(name, "nph-", 4) == 0);
}

/*
 * The rest of text after arg; NULL if text does not begin with arg. Backslashes
 * in arg are skipped: Apache escapes shell metacharacters with them.
 */
static const char *
after_word(const char *text, const char *arg)
{
	for (;; arg++, text++) {
		arg += strspn(arg, "\\");
		text += strspn(text, "\\");
		if (*arg == '\0')
			return text;
		if (*arg != *text)
			return NULL;
	}
}

/* Whether text is the arguments of argv, joined by single spaces. */
static bool
are_words(char *const argv[], const char *text)
{
	text = after_word(text, *argv);
	while (text != NULL && *++argv != NULL)
		text = *text == ' ' ? after_word(text + 1, *argv) : NULL;
	return text != NULL && *text == '\0';
}

int
cgi_own_args(int argc, char *const argv[])
{
	const char *query = getenv("QUERY_STRING");
	int first = argc - 1;
	char *words;
	size_t n;

	if (getenv("REQUEST_METHOD") == NULL || query == NULL ||
	    strchr(query, '=') != NULL || argc < 2)
		return argc;
	if (*query == '\0') /* Python's http.server adds an empty argument */
		return argc - (argc == 2 && *argv[1] == '\0');
	if (strcmp(argv[first], query) == 0)
		return first;
	words = decode(query, strlen(query), &n);
	if (words == NULL)
		return argc;
	while (first > 0 && !are_words(argv + first, words))
		first--;
	free(words);
	return first > 0 ? first : argc;
}

static bool
is_type(const char *field)
{
	return strncasecmp(field, "Content-Type:", 13) == 0;
}

/* Whether field is Content-Type: text/event-stream, with or without parameters.
 */
static bool
is_stream_type(const char *field)
{
	static const char type[] = "text/event-stream";
	const char *value = field + 13 + strspn(field + 13, " \t");
	const char *end = value + sizeof(type) - 1;

	return strncasecmp(value, type, sizeof(type) - 1) == 0 &&
	       strchr(";", end[strspn(end, " \t")]) != NULL; /* or its end */
}

bool
cgi_frames_body(const char *field)
{
	static const char *const framing[] = {
	    "Content-Length:", "Transfer-Encoding:"};

	return cgi_has_field(framing, 2, field);
}

bool
cgi_field_ok(const char *field)
{
	static const char *const directing[] = {"Location:", "Status:"};
	size_t n = strspn(field, NPH_TOKEN);

	return n > 0 && field[n] == ':' &&
	       (!is_type(field) || is_stream_type(field)) &&
	       !cgi_frames_body(field) && !cgi_has_field(directing, 2, field) &&
	       !nph_has_control(field);
}

static const char *
reason(int status)
{
	switch (status) {
	case 200: return "200 OK";
	case 204: return "204 No Content";
	case 400: return "400 Bad Request";
	case 403: return "403 Forbidden";
	case 405: return "405 Method Not Allowed";
	case 408: return "408 Request Timeout";
	case 411: return "411 Length Required";
	case 431: return "431 Request Header Fields Too Large";
	default: return "500 Internal Server Error";
	}
}

bool
cgi_has_field(const char *const field[], size_t fields, const char *name)
{
	size_t n = strcspn(name, ":");

	for (size_t i = 0; i < fields; i++)
		if (strncasecmp(field[i], name, n) == 0 && field[i][n] == ':')
			return true;
	return false;
}

/* One field, unless the operator gave one of that name. */
static void
put_field(struct frame *frame, const struct cgi_response *response,
    const char *name, const char *value)
{
	if (cgi_has_field(response->extra, response->extras, name))
		return;
	frame_text(frame, name);
	frame_text(frame, ": ");
	frame_text(frame, value);
	frame_text(frame, "\r\n");
}

/* A field that lists the methods which the response allows. */
static void
put_methods(
    struct frame *frame, const struct cgi_response *response, const char *name)
{
	char list[64] = ""; /* holds all of them */

	for (size_t i = 0; i < METHODS; i++)
		if (response->methods & 1U << i) {
			(void)strcat(list, *list == '\0' ? "" : ", ");
			(void)strcat(list, methods[i]);
		}
	put_field(frame, response, name, list);
}

/*
 * Answers a preflight (Fetch Standard). All fields that it asks for are
 * allowed: the programs read only one of them, and the operator chose the
 * command.
 */
static void
put_preflight(struct frame *frame, const struct cgi_request *request,
    const struct cgi_response *response)
{
	const char *asked = request->asked_headers;
	size_t n = strspn(asked, NPH_TOKEN ", "); /* names of fields */

	put_methods(frame, response, "Access-Control-Allow-Methods");
	if (asked[n] == '\0' && n > 0 && n <= ASKED_MAX)
		put_field(
		    frame, response, "Access-Control-Allow-Headers", asked);
	put_field(frame, response, "Access-Control-Max-Age", "86400");
}

void
cgi_respond(struct frame *frame, const struct cgi_request *request,
    const struct cgi_response *response)
{
	int status = response->status;

	if (request->nph || status != 200) {
		frame_text(frame, request->nph ? "HTTP/1.1 " : "Status: ");
		frame_text(frame, reason(status));
		frame_text(frame, "\r\n");
	}
	if (status == 200)
		put_field(frame, response, "Content-Type", "text/event-stream");
	else if (status != 204)
		frame_text(frame, "Content-Type: text/plain\r\n");
	put_field(frame, response, "Cache-Control", "no-cache");
	if (request->nph || status == 200)
		put_field(frame, response, "Connection",
		    request->nph ? "close" : "keep-alive");
	if (status == 200)
		put_field(frame, response, "X-Accel-Buffering", "no");
	if (status == 405)
		put_methods(frame, response, "Allow");
	if (status == 204 && request->method == CGI_OPTIONS)
		put_preflight(frame, request, response);
	for (size_t i = 0; i < response->extras; i++) {
		if (status != 200 && is_type(response->extra[i]))
			continue;
		frame_text(frame, response->extra[i]);
		frame_text(frame, "\r\n");
	}
	frame_text(frame, "\r\n");
	if (status >= 400 && request->method != CGI_HEAD) {
		frame_text(frame, reason(status));
		frame_text(frame, "\n");
	}
}
