/*
 * request: finds the end of a request, and takes its variables. Those that
 * cgi_keep does not know are ignored; of two with one name the last one counts,
 * as when an nph- program reads its request.
 */
#include "request.h"

#include <stdbool.h>
#include <string.h>

#define LENGTH_DIGITS 5 /* of the length of a netstring that fits */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Takes names and values in turn, each with its NUL, up to end. */
static int
take_pairs(struct cgi_variables *variables, const char *at, const char *end)
{
	bool scgi = false;

	if (at == end || end[-1] != '\0')
		return 400;
	while (at < end) {
		const char *name = at, *value = at + strlen(at) + 1;

		if (*name == '\0' || value >= end)
			return 400;
		at = value + strlen(value) + 1;
		if (strcmp(name, "SCGI") == 0)
			scgi = strcmp(value, "1") == 0;
		(void)cgi_keep(variables, name, value); /* it cannot fail */
	}
	return scgi && variables->value[0] != NULL ? 200 : 400;
}

/* Takes LENGTH ":", LENGTH bytes, ",", and perhaps a body. */
static int
take_scgi(struct cgi_variables *variables, const char *bytes, size_t n)
{
	size_t digits = 0, length = 0;

	for (; digits < n && is_digit(bytes[digits]); digits++) {
		if (digits == LENGTH_DIGITS)
			return 431;
		length = length * 10 + (size_t)(bytes[digits] - '0');
	}
	if (digits == n)
		return 0;
	if (bytes[digits] != ':' || bytes[0] == '0')
		return 400;
	digits++;
	if (digits + length + 1 > NPH_REQUEST_MAX)
		return 431;
	if (digits + length + 1 > n)
		return 0;
	bytes += digits;
	return bytes[length] == ','
		   ? take_pairs(variables, bytes, bytes + length)
		   : 400;
}

/* Takes a request up to its empty line; empty lines before it are ignored. */
static int
take_http(struct cgi_variables *variables, char *bytes, size_t n)
{
	char *end;

	while (n > 0 && (*bytes == '\r' || *bytes == '\n')) {
		bytes++;
		n--;
	}
	for (end = bytes; (end = strchr(end, '\n')) != NULL;) {
		end++;
		if (*end == '\n' || (*end == '\r' && end[1] == '\n'))
			break;
	}
	if (end != NULL) {
		end += *end == '\r' ? 2 : 1;
		*end = '\0';
		return nph_parse(
		    bytes, (size_t)(end - bytes), cgi_keep, variables);
	}
	return strlen(bytes) < n ? 400 : 0;
}

int
request_parse(struct cgi_request *request, char *bytes, size_t n)
{
	struct cgi_variables variables = {{NULL}};
	int status = 400;
	bool scgi;

	bytes[n] = '\0';
	scgi = is_digit(*bytes);
	*request = (struct cgi_request){
	    .served = true,
	    .nph = !scgi,
	    .method = CGI_GET,
	    .last_event_id = "",
	    .origin = "",
	    .asked_headers = "",
	};
	if (scgi)
		status = take_scgi(&variables, bytes, n);
	else if (strchr("\r\n", *bytes) != NULL ||
		 (*bytes >= 'A' && *bytes <= 'z'))
		status = take_http(&variables, bytes, n);
	if (status == 0 && n == NPH_REQUEST_MAX)
		return 431;
	if (status == 200 && cgi_understand(request, &variables, !scgi) == -1)
		status = 500;
	return status;
}
