/*
 * cgi: reads a request from the environment, or from stdin into it, and spells
 * the response header. What servers do differently stands in docs/servers.md.
 */
#include "cgi.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util.h"

#define FIELD_NAME_MAX 128 /* of a variable that a field becomes */
#define ASKED_MAX 1024     /* bytes of what a preflight asks for */

/*
 * Decodes n bytes of a query (application/x-www-form-urlencoded) into a new
 * string, *decoded of them; the bytes may hold NUL. NULL with errno ENOMEM.
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

/* The value of lastEventId in the query, decoded. Returns 0, or -1. */
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
		/* with a NUL it is not what it seems to be */
		if (strlen(request->of_query) == decoded)
			request->last_event_id = request->of_query;
		return 0;
	}
	return 0;
}

/* by the bits of enum cgi_method */
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

/* Reads up to the empty line; byte by byte, as the body is not ours. */
static int
read_header(char *text, size_t *length)
{
	int64_t until_ns = util_now_ns() + CGI_REQUEST_MS * INT64_C(1000000);
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	int64_t left_ns;
	size_t n = 0;
	ssize_t got;
	int ready;

	while (n < CGI_REQUEST_MAX) {
		left_ns = until_ns - util_now_ns();
		if (left_ns <= 0)
			return 408;
		ready = poll(&input, 1, (int)(left_ns / 1000000 + 1));
		if (ready == -1)
			return 0; /* by a signal: we are to end */
		if (ready == 0)
			continue;
		got = read(STDIN_FILENO, text + n, 1);
		if (got == 0)
			return n == 0 ? 0 : 400;
		if (got == -1 && errno != EAGAIN)
			return 0;
		if (got == -1)
			continue;
		if (text[n] == '\0')
			return 400;
		n++;
		if (text[n - 1] != '\n')
			continue;
		if (n == 1 || (n == 2 && text[0] == '\r'))
			n = 0; /* RFC 9112 section 2.2: it may come first */
		else if (text[n - 2] == '\n' ||
			 (text[n - 2] == '\r' && text[n - 3] == '\n')) {
			text[n] = '\0';
			*length = n;
			return 200;
		}
	}
	return 431;
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOKEN LETTERS "0123456789!#$%&'*+-.^_`|~"

/* Who takes the variables of a request, and where. */
struct taker {
	int (*set)(void *to, const char *name, const char *value);
	void *to;
};

/* METHOD SP TARGET SP VERSION (RFC 9112 section 3). Returns the status. */
static int
parse_request_line(char *line, const struct taker *by)
{
	size_t method_n = strspn(line, TOKEN);
	char *target = line + method_n + 1, *version, *query;

	if (method_n == 0 || line[method_n] != ' ')
		return 400;
	line[method_n] = '\0';
	version = strchr(target, ' ');
	if (version == NULL || version == target)
		return 400;
	*version++ = '\0';
	if (strncmp(version, "HTTP/1.", 7) != 0 || version[7] < '0' ||
	    version[7] > '9' || version[8] != '\0')
		return 400;
	target[strcspn(target, "#")] = '\0';
	query = strchr(target, '?');
	if (by->set(by->to, "REQUEST_METHOD", line) == -1 ||
	    by->set(by->to, "REQUEST_URI", target) == -1 ||
	    by->set(by->to, "QUERY_STRING", query == NULL ? "" : query + 1) ==
		-1 ||
	    by->set(by->to, "SERVER_PROTOCOL", version) == -1)
		return 500;
	return 200;
}

/*
 * Writes the name of a field's variable, HTTP_NAME. Returns false if the field
 * gets none: its name is long, or has characters that would make it the name of
 * another field's variable, or is Proxy, which programs trust (CVE-2016-5385).
 */
static bool
field_variable(char to[FIELD_NAME_MAX], const char *name)
{
	size_t n = strlen(name);

	if (n >= FIELD_NAME_MAX - 5 || strcasecmp(name, "Proxy") == 0)
		return false;
	memcpy(to, "HTTP_", 5);
	for (size_t i = 0; i <= n; i++) {
		char c = name[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (c == '-')
			c = '_';
		else if (c != '\0' && strchr("!#$%&'*+.^_`|~", c) != NULL)
			return false;
		to[5 + i] = c;
	}
	return true;
}

/*
 * "Name: value" (RFC 9112 section 5) as a variable: no space before the colon,
 * no folded line. Returns the status.
 */
static int
parse_field(char *line, const struct taker *by)
{
	char name[FIELD_NAME_MAX], *to = name, *value;
	size_t n = strspn(line, TOKEN);

	if (n == 0 || line[n] != ':')
		return 400;
	line[n] = '\0';
	value = line + n + 1;
	value += strspn(value, " \t");
	n = strlen(value);
	while (n > 0 && strchr(" \t", value[n - 1]) != NULL)
		value[--n] = '\0';
	if (!field_variable(name, line))
		return 200;
	if (strcmp(name, "HTTP_CONTENT_TYPE") == 0 ||
	    strcmp(name, "HTTP_CONTENT_LENGTH") == 0)
		to += 5;
	return by->set(by->to, to, value) == -1 ? 500 : 200;
}

/* Whether a control character other than TAB stands in text. */
static bool
has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') ||
		    *text == 0x7f)
			return true;
	return false;
}

/*
 * Makes a line of header a string: without its CR. Returns the next line, or
 * NULL if a control character stands in it.
 */
static char *
end_line(char *line)
{
	char *lf = strchr(line, '\n');

	*lf = '\0';
	if (lf > line && lf[-1] == '\r')
		lf[-1] = '\0';
	return has_control(line) ? NULL : lf + 1;
}

int
cgi_parse(char *text, size_t n,
    int (*set)(void *to, const char *name, const char *value), void *to)
{
	const struct taker by = {set, to};
	char *line = text, *next;
	int status = 200;

	while (status == 200 && line < text + n) {
		next = end_line(line);
		if (next == NULL)
			return 400;
		if (*line == '\0')
			break;
		status = line == text ? parse_request_line(line, &by)
				      : parse_field(line, &by);
		line = next;
	}
	return status;
}

static int
set_variable(void *to, const char *name, const char *value)
{
	(void)to;
	return setenv(name, value, 1);
}

int
cgi_read(void)
{
	char text[CGI_REQUEST_MAX + 1];
	size_t n = 0;
	int status = read_header(text, &n);

	return status == 200 ? cgi_parse(text, n, set_variable, NULL) : status;
}

/*
 * What follows arg in text; NULL if text does not begin with it. Backslashes do
 * not count: Apache puts one before what a shell would take for its own.
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

/* Whether argv, with a space between two of them, is text. */
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
	if (*query == '\0') /* Python's http.server: an empty word for none */
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

/* Whether it is that of a stream, alone or with parameters. */
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
cgi_field_ok(const char *field)
{
	static const char *const framing[] = {
	    "Content-Length", "Location", "Status", "Transfer-Encoding"};
	size_t n = strspn(field, TOKEN);

	if (n == 0 || field[n] != ':' ||
	    (is_type(field) && !is_stream_type(field)))
		return false;
	for (size_t i = 0; i < sizeof(framing) / sizeof(*framing); i++)
		if (strncasecmp(field, framing[i], n) == 0 &&
		    framing[i][n] == '\0')
			return false;
	return !has_control(field);
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
	char list[64] = ""; /* more than all of them take */

	for (size_t i = 0; i < METHODS; i++)
		if (response->methods & 1U << i) {
			(void)strcat(list, *list == '\0' ? "" : ", ");
			(void)strcat(list, methods[i]);
		}
	put_field(frame, response, name, list);
}

/*
 * What a preflight asks for (Fetch Standard). The fields that it names are
 * allowed: the programs read only one of them, and a command is the operator's.
 */
static void
put_preflight(struct frame *frame, const struct cgi_request *request,
    const struct cgi_response *response)
{
	const char *asked = request->asked_headers;
	size_t n = strspn(asked, TOKEN ", "); /* names of fields */

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
