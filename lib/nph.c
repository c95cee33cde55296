/*
 * nph: reads the line and the header fields of an HTTP request, and makes CGI
 * variables of them, which cgi interprets.
 */
#include "nph.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util.h"

#define FIELD_NAME_MAX 128 /* bytes of a variable's name, with NUL */

/* Reads up to the empty line, byte by byte, so as not to read the body. */
static int
read_header(char *text, size_t *length)
{
	int64_t until_ns = util_now_ns() + NPH_REQUEST_MS * INT64_C(1000000);
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	int64_t left_ns;
	size_t n = 0;
	ssize_t got;
	int ready;

	while (n < NPH_REQUEST_MAX) {
		left_ns = until_ns - util_now_ns();
		if (left_ns <= 0)
			return 408;
		ready = poll(&input, 1, (int)(left_ns / 1000000 + 1));
		if (ready == -1)
			return 0; /* a signal asks the program to end */
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
			n = 0; /* RFC 9112 section 2.2: ignore it if first */
		else if (text[n - 2] == '\n' ||
			 (text[n - 2] == '\r' && text[n - 3] == '\n')) {
			text[n] = '\0';
			*length = n;
			return 200;
		}
	}
	return 431;
}

/* The function that stores the variables of a request, and its argument. */
struct taker {
	int (*set)(void *to, const char *name, const char *value);
	void *to;
	const char *length; /* of Content-Length, or NULL */
};

/* Parses METHOD SP TARGET SP VERSION (RFC 9112 section 3). Returns a status. */
static int
parse_request_line(char *line, struct taker *by)
{
	size_t method_n = strspn(line, NPH_TOKEN);
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
 * gets no variable: its name is too long, has a character that would give it
 * another field's variable, or is Proxy, as programs trust HTTP_PROXY
 * (CVE-2016-5385).
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

/* Whether it is a number, and no other than that of an earlier field. */
static bool
take_length(const char *value, struct taker *by)
{
	if (*value == '\0' || value[strspn(value, "0123456789")] != '\0' ||
	    (by->length != NULL && strcmp(value, by->length) != 0))
		return false;
	by->length = value;
	return true;
}

/*
 * Makes a variable of "Name: value" (RFC 9112 section 5); refuses a space
 * before the colon and a folded line. Returns a status.
 */
static int
parse_field(char *line, struct taker *by)
{
	char name[FIELD_NAME_MAX], *to = name, *value;
	size_t n = strspn(line, NPH_TOKEN);

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
	if (strcmp(name, "HTTP_CONTENT_LENGTH") == 0 && !take_length(value, by))
		return 400;
	if (strcmp(name, "HTTP_CONTENT_TYPE") == 0 ||
	    strcmp(name, "HTTP_CONTENT_LENGTH") == 0)
		to += 5;
	return by->set(by->to, to, value) == -1 ? 500 : 200;
}

bool
nph_has_control(const char *text)
{
	for (; *text != '\0'; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') ||
		    *text == 0x7f)
			return true;
	return false;
}

/*
 * Makes a header line a string, without its CR. Returns the next line, or NULL
 * if the line has a control character.
 */
static char *
end_line(char *line)
{
	char *lf = strchr(line, '\n');

	*lf = '\0';
	if (lf > line && lf[-1] == '\r')
		lf[-1] = '\0';
	return nph_has_control(line) ? NULL : lf + 1;
}

int
nph_parse(char *text, size_t n,
    int (*set)(void *to, const char *name, const char *value), void *to)
{
	struct taker by = {.set = set, .to = to};
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
nph_read(void)
{
	char text[NPH_REQUEST_MAX + 1];
	const char *method;
	size_t n = 0;
	int status = read_header(text, &n);

	if (status == 200)
		status = nph_parse(text, n, set_variable, NULL);
	if (status == 200 && getenv("HTTP_TRANSFER_ENCODING") != NULL)
		return 411;
	/* RFC 9112 section 6.3: without the field there is no body */
	method = getenv("REQUEST_METHOD");
	if (status == 200 && method != NULL && strcmp(method, "POST") == 0 &&
	    setenv("CONTENT_LENGTH", "0", 0) == -1)
		return 500;
	return status;
}
