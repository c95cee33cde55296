/*
 * response: see response.h. Its lines may end with CRLF or LF, and go out with
 * the ends that they had.
 */
#include "response.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

void
response_init(struct response *response)
{
	response->status = 200;
	response->stream = false;
	response->n = 0;
}

/* The value of a line if its field has this name (with the colon). */
static const char *
value_of(const char *line, size_t n, const char *name, size_t *value_n)
{
	size_t name_n = strlen(name);

	if (n < name_n || strncasecmp(line, name, name_n) != 0)
		return NULL;
	while (name_n < n && (line[name_n] == ' ' || line[name_n] == '\t'))
		name_n++;
	*value_n = n - name_n;
	return line + name_n;
}

/* Three digits, from 100 to 599. */
static int
parse_status(const char *text, size_t n)
{
	int status = 0;

	if (n < 3)
		return -1;
	for (size_t i = 0; i < 3; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		status = status * 10 + (text[i] - '0');
	}
	return status < 100 || status > 599 ? -1 : status;
}

static bool
is_status_line(const char *line, size_t n)
{
	return n > 9 && strncmp(line, "HTTP/1.", 7) == 0 && line[8] == ' ';
}

/* One line without its end, n bytes. Returns 0, or -1 with errno EBADMSG. */
static int
take_line(struct response *response, const char *line, size_t n, bool first)
{
	static const char stream[] = "text/event-stream";
	const char *value;
	size_t value_n;

	if (first && is_status_line(line, n)) {
		response->status = parse_status(line + 9, n - 9);
	} else if ((value = value_of(line, n, "Status:", &value_n)) != NULL) {
		response->status = parse_status(value, value_n);
	} else if ((value = value_of(line, n, "Content-Type:", &value_n)) !=
		   NULL) {
		response->stream =
		    value_n >= sizeof(stream) - 1 &&
		    strncasecmp(value, stream, sizeof(stream) - 1) == 0 &&
		    (value_n == sizeof(stream) - 1 ||
			strchr(" \t;", value[sizeof(stream) - 1]) != NULL);
	} else if (value_of(line, n, "Location:", &value_n) != NULL) {
		if (response->status == 200)
			response->status = 302; /* RFC 3875, section 6.2.3 */
	} else if (memchr(line, ':', n) == NULL || line[0] == ':' ||
		   line[0] == ' ' || line[0] == '\t') { /* no folded lines */
		response->status = -1;
	}
	if (response->status != -1 && memchr(line, '\0', n) == NULL)
		return 0;
	errno = EBADMSG;
	return -1;
}

int
response_take(struct response *response, struct bytes *input)
{
	char *line = response->bytes + response->n, *end;
	size_t n;

	/* the last line may have come in part: it is looked for again */
	while (line > response->bytes && line[-1] != '\n')
		line--;
	while (input->n > 0) {
		if (response->n == sizeof(response->bytes)) {
			errno = EMSGSIZE;
			return -1;
		}
		end = response->bytes + response->n;
		*end = *input->at++;
		input->n--;
		response->n++;
		if (*end != '\n')
			continue;
		n = (size_t)(end - line);
		if (n > 0 && line[n - 1] == '\r')
			n--;
		if (n == 0) {
			response->n = (size_t)(line - response->bytes);
			if (response->n > 0)
				return 1;
			errno = EBADMSG;
			return -1;
		}
		if (take_line(response, line, n, line == response->bytes) == -1)
			return -1;
		line = end + 1;
	}
	return 0;
}

/* The reason phrase may be empty, the space before it not (RFC 9112). */
static void
write_status_line(struct frame *frame, int status)
{
	char line[] = "HTTP/1.1 000 \r\n";

	line[9] = (char)('0' + status / 100);
	line[10] = (char)('0' + status / 10 % 10);
	line[11] = (char)('0' + status % 10);
	frame_raw(frame, line, sizeof(line) - 1);
}

/* Of a line that is not passed on as it is where nph is so. */
static bool
is_replaced(const char *line, size_t n, bool nph, bool first)
{
	size_t value_n;

	if (first && is_status_line(line, n))
		return true;
	return nph && (value_of(line, n, "Status:", &value_n) != NULL ||
			  value_of(line, n, "Connection:", &value_n) != NULL);
}

/* An answer that is no stream keeps its own type. */
static bool
is_left_out(const struct response *response, const char *extra)
{
	size_t value_n;

	return !response->stream && value_of(extra, strlen(extra),
					"Content-Type:", &value_n) != NULL;
}

/* Whether one of extra takes the place of a line. */
static bool
is_overruled(const struct response *response, const char *line, size_t n,
    const char *const extra[], size_t extras)
{
	for (size_t i = 0; i < extras; i++) {
		size_t name_n = strcspn(extra[i], ":") + 1;

		if (name_n <= n && strncasecmp(line, extra[i], name_n) == 0 &&
		    !is_left_out(response, extra[i]))
			return true;
	}
	return false;
}

void
response_write(const struct response *response, struct frame *frame, bool nph,
    const char *const extra[], size_t extras)
{
	const char *line = response->bytes, *end = line + response->n, *next;
	const char *line_end =
	    end - line > 1 && end[-2] == '\r' ? "\r\n" : "\n";

	if (nph)
		write_status_line(frame, response->status);
	for (; line < end; line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next == NULL ? end : next + 1;
		if (is_overruled(
			response, line, (size_t)(next - line), extra, extras))
			continue;
		if (is_replaced(line, (size_t)(next - line), nph,
			line == response->bytes)) {
			if (nph || line != response->bytes)
				continue;
			/* a status line is Status where nph is not so */
			frame_raw(frame, "Status: ", 8);
			frame_raw(frame, line + 9, (size_t)(next - line) - 9);
			continue;
		}
		frame_raw(frame, line, (size_t)(next - line));
	}
	for (size_t i = 0; i < extras; i++) {
		if (is_left_out(response, extra[i]))
			continue;
		frame_raw(frame, extra[i], strlen(extra[i]));
		frame_raw(frame, line_end, strlen(line_end));
	}
	if (nph && !is_overruled(response, "Connection:", 11, extra, extras))
		frame_raw(frame, "Connection: close\r\n", 19);
	frame_raw(frame, line_end, strlen(line_end));
}
