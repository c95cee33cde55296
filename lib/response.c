/*
 * response: parses the header of a CGI program, line by line, and writes it
 * again for each viewer.
 */
#include "response.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cgi.h"

void
response_init(struct response *response)
{
	response->status = 200;
	response->reason = "200 OK";
	response->stream = false;
	response->taken = response->line = response->n = 0;
}

/* The value of a line if its field has this name, which includes the colon. */
static const char *
value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(line, name, n) == 0
		   ? line + n + strspn(line + n, " \t")
		   : NULL;
}

/* The status in a line, from its digits on; NULL if the line has none. */
static const char *
status_of(const char *line, bool first)
{
	if (first && strncmp(line, "HTTP/1.", 7) == 0 && line[7] != '\0' &&
	    line[8] == ' ')
		return line + 9;
	return value_of(line, "Status:");
}

static bool
is_type(const char *line)
{
	return value_of(line, "Content-Type:") != NULL;
}

/* Parses a status: three digits, 100 to 599. Returns 0, or -1. */
static int
take_status(struct response *response, const char *text)
{
	int status = 0;

	for (size_t i = 0; i < 3; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		status = status * 10 + (text[i] - '0');
	}
	response->status = status;
	response->reason = text;
	return status < 100 || status > 599 ? -1 : 0;
}

/* Parses a line of the header. Returns 0, or -1 if it is none. */
static int
take_line(struct response *response, const char *line, bool first)
{
	static const char stream[] = "text/event-stream";
	const char *value = status_of(line, first);

	if (value != NULL)
		return take_status(response, value);
	value = value_of(line, "Content-Type:");
	if (value != NULL)
		response->stream =
		    strncasecmp(value, stream, sizeof(stream) - 1) == 0 &&
		    strchr(" \t;", value[sizeof(stream) - 1]) != NULL;
	else if (value_of(line, "Location:") != NULL && response->status == 200)
		(void)take_status(response, "302 Found"); /* section 6.2.3 */
	/* no folded lines */
	return strchr(line, ':') == NULL || strchr(": \t", *line) != NULL ? -1
									  : 0;
}

/* The end of a line was read. Returns as response_take does. */
static int
end_line(struct response *response)
{
	char *line = response->bytes + response->line;
	size_t n = response->n - response->line - 1;

	if (n > 0 && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	errno = EBADMSG;
	if (n == 0) {
		response->n = response->line;
		return response->line > 0 ? 1 : -1;
	}
	if (strlen(line) != n ||
	    take_line(response, line, response->line == 0) == -1)
		return -1;
	response->line += n + 1;
	response->n = response->line;
	return 0;
}

int
response_take(struct response *response, struct bytes *input)
{
	int result = 0;

	while (input->n > 0 && result == 0) {
		if (response->taken == sizeof(response->bytes)) {
			errno = EMSGSIZE;
			return -1;
		}
		response->taken++;
		response->bytes[response->n++] = *input->at;
		input->n--;
		if (*input->at++ == '\n')
			result = end_line(response);
	}
	return result;
}

static void
put_text(struct frame *frame, const char *text)
{
	frame_raw(frame, text, strlen(text));
}

static void
put_field(struct frame *frame, const char *field)
{
	put_text(frame, field);
	put_text(frame, "\r\n");
}

void
response_write(const struct response *response, struct frame *frame, bool nph,
    const char *const extra[], size_t extras)
{
	const char *line = response->bytes, *end = line + response->n;

	if (nph || response->status != 200) {
		put_text(frame, nph ? "HTTP/1.1 " : "Status: ");
		put_text(frame, response->reason);
		/* RFC 9112: a space is needed, even without a reason */
		put_text(frame, response->reason[3] == '\0' ? " \r\n" : "\r\n");
	}
	for (; line < end; line += strlen(line) + 1) {
		if (status_of(line, line == response->bytes) != NULL ||
		    cgi_frames_body(line) ||
		    (nph && value_of(line, "Connection:") != NULL))
			continue;
		if (!cgi_has_field(extra, extras, line) ||
		    (is_type(line) && !response->stream))
			put_field(frame, line);
	}
	for (size_t i = 0; i < extras; i++)
		if (response->stream || !is_type(extra[i]))
			put_field(frame, extra[i]);
	if (nph && !cgi_has_field(extra, extras, "Connection:"))
		put_field(frame, "Connection: close");
	put_text(frame, "\r\n");
}
