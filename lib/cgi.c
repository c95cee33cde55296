/*
 * cgi: see cgi.h. What thirty servers do differently stands in sse-cgi(7).
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

/* The value of %XX, where text is at the %; -1 where that is none. */
static int
percent(const char *text, size_t n)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *high, *low;

	if (n < 3 || text[0] != '%' || text[1] == '\0' || text[2] == '\0')
		return -1;
	high = strchr(digits, text[1]);
	low = strchr(digits, text[2]);
	if (high == NULL || low == NULL)
		return -1;
	return (int)((high - digits) % 16 * 16 + (low - digits) % 16);
}

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
		int byte = percent(text + i, n - i);

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

/* The value of lastEventId in the query, decoded; "" where there is none. */
static const char *
query_last_event_id(const char *query)
{
	static const char key[] = "lastEventId=";
	char *id;
	size_t n, decoded;

	for (; *query != '\0'; query += n + (query[n] == '&')) {
		n = strcspn(query, "&");
		if (strncmp(query, key, sizeof(key) - 1) != 0)
			continue;
		id = decode(
		    query + sizeof(key) - 1, n - (sizeof(key) - 1), &decoded);
		if (id == NULL || strlen(id) == decoded)
			return id;
		free(id); /* with a NUL it is not what it seems to be */
		return "";
	}
	return "";
}

int
cgi_request(struct cgi_request *request, const char *name)
{
	const char *method = getenv("REQUEST_METHOD");
	const char *query = getenv("QUERY_STRING");

	request->served = method != NULL;
	request->nph = strncmp(name, "nph-", 4) == 0;
	request->method = CGI_OTHER;
	if (method == NULL || strcmp(method, "GET") == 0)
		request->method = CGI_GET;
	else if (strcmp(method, "HEAD") == 0)
		request->method = CGI_HEAD;
	else if (strcmp(method, "POST") == 0)
		request->method = CGI_POST;

	request->last_event_id = getenv("HTTP_LAST_EVENT_ID");
	if (request->last_event_id == NULL || *request->last_event_id == '\0')
		request->last_event_id =
		    query_last_event_id(query == NULL ? "" : query);
	return request->last_event_id == NULL ? -1 : 0;
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

static const char token[] = "!#$%&'*+-.^_`|~0123456789"
			    "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* METHOD SP TARGET SP VERSION (RFC 9112 section 3). Returns the status. */
static int
parse_request_line(char *line)
{
	size_t method_n = strspn(line, token);
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
	if (setenv("REQUEST_METHOD", line, 1) == -1 ||
	    setenv("REQUEST_URI", target, 1) == -1 ||
	    setenv("QUERY_STRING", query == NULL ? "" : query + 1, 1) == -1 ||
	    setenv("SERVER_PROTOCOL", version, 1) == -1)
		return 500;
	return 200;
}

/*
 * The variable of a field, HTTP_NAME, in to. False where nobody would ask for
 * it: long names, those that would look like another's, and Proxy, which
 * programs trust (CVE-2016-5385).
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
 * "Name: value" (RFC 9112 section 5) into the environment: no space before
 * the colon, no folded line. Returns the status.
 */
static int
parse_field(char *line)
{
	char variable[FIELD_NAME_MAX], *to = variable, *value;
	size_t n = strspn(line, token);

	if (n == 0 || line[n] != ':')
		return 400;
	line[n] = '\0';
	value = line + n + 1;
	value += strspn(value, " \t");
	n = strlen(value);
	while (n > 0 && strchr(" \t", value[n - 1]) != NULL)
		value[--n] = '\0';
	if (!field_variable(variable, line))
		return 200;
	if (strcmp(variable, "HTTP_CONTENT_TYPE") == 0 ||
	    strcmp(variable, "HTTP_CONTENT_LENGTH") == 0)
		to += 5;
	return setenv(to, value, 1) == -1 ? 500 : 200;
}

/*
 * Makes a line of header a string: without its CR. Returns the next line, or
 * NULL where a control character stands in it.
 */
static char *
end_line(char *line)
{
	char *lf = strchr(line, '\n');

	*lf = '\0';
	if (lf > line && lf[-1] == '\r')
		lf[-1] = '\0';
	for (const char *c = line; *c != '\0'; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return NULL;
	return lf + 1;
}

int
cgi_read(void)
{
	char text[CGI_REQUEST_MAX + 1], *line = text, *next;
	size_t n = 0;
	int status = read_header(text, &n);

	while (status == 200 && line < text + n) {
		next = end_line(line);
		if (next == NULL)
			return 400;
		if (*line == '\0')
			break;
		status =
		    line == text ? parse_request_line(line) : parse_field(line);
		line = next;
	}
	return status;
}

/*
 * Whether arg is word as some server hands it over: Apache puts a backslash
 * before what a shell would take for its own.
 */
static bool
same_word(const char *arg, const char *word)
{
	for (;; arg++, word++) {
		arg += strspn(arg, "\\");
		word += strspn(word, "\\");
		if (*arg != *word)
			return false;
		if (*arg == '\0')
			return true;
	}
}

/* Whether the last words of argv are those of query; *first is their place. */
static bool
ends_with_words(int argc, char *const argv[], const char *query, int *first)
{
	size_t n, decoded;
	char *word;
	bool same = true;
	int at = argc - 1;

	for (const char *plus = query; (plus = strchr(plus, '+')); plus++)
		at--;
	if (at < 1)
		return false;
	*first = at;
	for (; same && at < argc; at++, query += n + 1) {
		n = strcspn(query, "+");
		word = decode(query, n, &decoded);
		same = word != NULL && same_word(argv[at], word);
		free(word);
	}
	return same;
}

int
cgi_own_args(int argc, char *const argv[])
{
	const char *query = getenv("QUERY_STRING");
	size_t n;
	int first;
	char *whole;
	bool same;

	if (getenv("REQUEST_METHOD") == NULL || query == NULL ||
	    strchr(query, '=') != NULL || argc < 2)
		return argc;
	if (*query == '\0') /* Python's http.server: an empty word for none */
		return argc - (argc == 2 && *argv[1] == '\0');
	if (ends_with_words(argc, argv, query, &first))
		return first;
	whole = decode(query, strlen(query), &n);
	same = strcmp(argv[argc - 1], query) == 0 ||
	       (whole != NULL && same_word(argv[argc - 1], whole));
	free(whole);
	return argc - same;
}

bool
cgi_field_ok(const char *field)
{
	static const char *const framing[] = {"Content-Length", "Content-Type",
	    "Location", "Status", "Transfer-Encoding"};
	size_t n = strspn(field, token);

	if (n == 0 || field[n] != ':')
		return false;
	for (size_t i = 0; i < sizeof(framing) / sizeof(*framing); i++)
		if (strncasecmp(field, framing[i], n) == 0 &&
		    framing[i][n] == '\0')
			return false;
	for (const char *c = field; *c != '\0'; c++)
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return false;
	return true;
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

static void
put(struct frame *frame, const char *text)
{
	frame_raw(frame, text, strlen(text));
}

/* One field, unless the operator gave one of that name. */
static void
put_field(struct frame *frame, const struct cgi_response *response,
    const char *name, const char *value)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < response->extras; i++)
		if (strncasecmp(response->extra[i], name, n) == 0 &&
		    response->extra[i][n] == ':')
			return;
	put(frame, name);
	put(frame, ": ");
	put(frame, value);
	put(frame, "\r\n");
}

void
cgi_respond(struct frame *frame, const struct cgi_request *request,
    const struct cgi_response *response)
{
	int status = response->status;

	if (request->nph || status != 200) {
		put(frame, request->nph ? "HTTP/1.1 " : "Status: ");
		put(frame, reason(status));
		put(frame, "\r\n");
	}
	if (status != 204)
		put_field(frame, response, "Content-Type",
		    status == 200 ? "text/event-stream" : "text/plain");
	put_field(frame, response, "Cache-Control", "no-cache");
	if (request->nph || status == 200)
		put_field(frame, response, "Connection",
		    request->nph ? "close" : "keep-alive");
	if (status == 200)
		put_field(frame, response, "X-Accel-Buffering", "no");
	if (status == 405)
		put_field(frame, response, "Allow",
		    response->methods & CGI_POST ? "GET, HEAD, POST"
						 : "GET, HEAD");
	for (size_t i = 0; i < response->extras; i++) {
		put(frame, response->extra[i]);
		put(frame, "\r\n");
	}
	put(frame, "\r\n");
	if (status >= 400 && request->method != CGI_HEAD) {
		put(frame, reason(status));
		put(frame, "\n");
	}
}
