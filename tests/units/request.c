/*
 * request: cases for what is read of a request, of a cursor or a composite id
 * in it, and of a Redis server's URL.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../lib/cgi.h"
#include "../../lib/mux/composite.h"
#include "../../lib/nph.h"
#include "../../lib/redis/url.h"
#include "../../lib/share/request.h"
#include "../../lib/tail/cursor.h"
#include "units.h"

/* Expected is NULL if the text is refused. */
static const struct url_case {
	const char *text, *expected;
} url_cases[] = {
    {"redis://", "tcp 127.0.0.1:6379 db 0"},
    {"redis://h", "tcp h:6379 db 0"},
    {"rediss://h:1/2", "tcp tls h:1 db 2"},
    {"redis://:p@h", "tcp as -:p h:6379 db 0"},
    {"redis://u:p%40%3a@h", "tcp as u:p@: h:6379 db 0"},
    {"redis://u:a@b@h", "tcp as u:a@b h:6379 db 0"},
    {"redis://[::1]:7", "tcp ::1:7 db 0"},
    {"unix:/run/r.sock", "unix /run/r.sock:0 db 0"},
    {"unix:///run/r?db=3", "unix /run/r:0 db 3"},
    {"unix://u:p@/a%20b", "unix as u:p /a b:0 db 0"},
    {"redis+sentinel://a,b:1/m", "sentinel a:26379 b:1 name m db 0"},
    {"rediss+sentinel://u:p@[::1]/m/4",
	"sentinel tls as u:p ::1:26379 name m db 4"},
    {"", NULL},
    {"h", NULL},
    {"redis:/h", NULL},
    {"http://h", NULL},
    {"redis://h,i", NULL},
    {"redis://u@h", NULL},
    {"redis://h:", NULL},
    {"redis://h:0", NULL},
    {"redis://h:65536", NULL},
    {"redis://h/x", NULL},
    {"redis://h/1000001", NULL},
    {"redis://h?db=1", NULL},
    {"redis://:%4@h", NULL},
    {"redis://:%00@h", NULL},
    {"redis://:%", NULL},
    {"redis://[::1", NULL},
    {"redis://[]", NULL},
    {"redis://h i", NULL},
    {"unix:run", NULL},
    {"unix://h/run", NULL},
    {"unix:/run?x=1", NULL},
    {"redis+sentinel://a", NULL},
    {"redis+sentinel://a/", NULL},
};

static void
append_url(const struct url *url)
{
	static const char *const kinds[] = {"tcp", "unix", "sentinel"};
	char text[2 * URL_MAX];

	units_text(kinds[url->kind]);
	units_text(url->tls ? " tls" : "");
	if (url->password != NULL) {
		(void)snprintf(text, sizeof(text), " as %s:%s",
		    url->user != NULL ? url->user : "-", url->password);
		units_text(text);
	}
	for (size_t i = 0; i < url->hosts; i++) {
		(void)snprintf(text, sizeof(text), " %s:%u", url->host[i].name,
		    url->host[i].port);
		units_text(text);
	}
	if (url->name != NULL) {
		units_text(" name ");
		units_text(url->name);
	}
	(void)snprintf(text, sizeof(text), " db %u", url->db);
	units_text(text);
}

void
test_url(void)
{
	static struct url url;
	const char *expected;

	for (size_t i = 0; i < COUNT(url_cases); i++) {
		expected = url_cases[i].expected;
		if (url_parse(&url, units_place_text(0, url_cases[i].text)) ==
		    NULL)
			append_url(&url);
		else
			units_text("refused");
		if (expected == NULL)
			expected = "refused";
		units_check("url", url_cases[i].text,
		    (struct bytes){expected, strlen(expected)});
	}
}

static const struct cursor_case {
	const char *text;
	struct cursor cursor;
} cursor_cases[] = {
    {"0.0.00000000", {0, 0, 0, 0}},
    {"1.v.0000000v", {1, 31, 31, 0}},
    {"1.v.0000000v.v", {1, 31, 31, 31}},
    {"fvvvvvvvvvvvv.7vvvvvvvvvvvv.vvvvvvvv",
	{UINT64_MAX, INT64_MAX, (UINT64_C(1) << 40) - 1, 0}},
    {"fvvvvvvvvvvvv.7vvvvvvvvvvvv.vvvvvvvv.7vvvvvvvvvvvv",
	{UINT64_MAX, INT64_MAX, (UINT64_C(1) << 40) - 1, INT64_MAX}},
};

static const char *const cursor_wrong[] = {"", ".", "..", "0.0.", "1.1.1",
    "01.0.00000000", "0.00.00000000", "0.0.000000000", "0.0.0000000",
    "g000000000000.0.00000000", "0.8000000000000.00000000", "w.0.00000000",
    "0.0.0000000w", "A.0.00000000", "0.0.00000000.", "0.1.00000000.0",
    "0.1.00000000.2", "0.1.00000000.01", "0.1.00000000.1.", " 0.0.00000000",
    "00000000000000.0.00000000", "end"};

void
test_cursor(void)
{
	const struct cursor_case *given = cursor_cases;
	struct cursor_text text = {.file_n = 0};
	struct cursor cursor;
	char part[CURSOR_TEXT_MAX];
	size_t n;

	for (; given < cursor_cases + COUNT(cursor_cases); given++) {
		n = cursor_text(&text, &given->cursor);
		units_bytes(text.at, n);
		units_check("cursor_text", given->text,
		    (struct bytes){given->text, strlen(given->text)});
		units_true("cursor_parse", given->text,
		    cursor_parse(&cursor, units_place_text(0, given->text)) ==
			    0 &&
			cursor.file == given->cursor.file &&
			cursor.offset == given->cursor.offset &&
			cursor.check == given->cursor.check &&
			cursor.back == given->cursor.back);
		if (given->cursor.back > 0)
			continue; /* without that, or a part, it is one too */
		while (n-- > 0) {
			memcpy(part, given->text, n);
			part[n] = '\0';
			units_true("cursor_parse refuses parts of", given->text,
			    cursor_parse(&cursor, units_place_text(0, part)) ==
				-1);
		}
	}
	for (size_t i = 0; i < COUNT(cursor_wrong); i++)
		units_true("cursor_parse refuses", cursor_wrong[i],
		    cursor_parse(
			&cursor, units_place_text(0, cursor_wrong[i])) == -1);
}

/* Of the list "one", "two", whose digest is made by hand elsewhere. */
#define DIGEST "8cc3eaf3"

static const struct composite_case {
	const char *text;
	struct bytes ids[2];
} composite_cases[] = {
    {DIGEST "____", {S(""), S("")}},
    {DIGEST "__1.v.0000000v__1690-0", {S("1.v.0000000v"), S("1690-0")}},
    {DIGEST "____end", {S(""), S("end")}},
    {DIGEST "__a_20_5F_5F_25__", {S("a __%"), S("")}},
    {DIGEST "___FF_C3_A9__Z9az", {S("\xff\xc3\xa9"), S("Z9az")}},
};

static const char *const composite_wrong[] = {"", DIGEST, DIGEST "__",
    DIGEST "__1", DIGEST "__1__2__", DIGEST "__1__2__3", DIGEST "_____",
    "b5aad2f6__1__2", DIGEST "__1__2 ", DIGEST "__1__%20", DIGEST "__1__2_",
    DIGEST "__1__2_4", DIGEST "__1___ff", DIGEST "__1___41", DIGEST "__1___00",
    DIGEST "__1___0A", DIGEST "__1___0D", DIGEST "__1___GG", "end"};

void
test_composite(void)
{
	static char *const list[] = {"one", "two"};
	const struct composite_case *given = composite_cases;
	struct composite composite;
	char id[COMPOSITE_MAX];
	struct bytes text;

	for (; given < composite_cases + COUNT(composite_cases); given++) {
		text = bytes_of(given->text);
		composite_init(&composite, list, 2);
		for (size_t i = 0; i < 2; i++)
			(void)composite_set(&composite, i, given->ids[i]);
		units_bytes(composite.text, composite_text(&composite).n);
		units_check("composite_set", given->text, text);
		composite_init(&composite, list, 2);
		units_true("composite_parse", given->text,
		    composite_parse(
			&composite, units_place_text(0, given->text)) == 0);
		for (size_t i = 0; i < 2; i++) {
			units_bytes(id, composite_get(&composite, i, id));
			units_check(
			    "composite_get", given->text, given->ids[i]);
		}
	}
	for (size_t i = 0; i < COUNT(composite_wrong); i++)
		units_true("composite_parse refuses", composite_wrong[i],
		    composite_parse(&composite,
			units_place_text(0, composite_wrong[i])) == -1 &&
			!composite.placed);
	units_true("composite_set refuses what does not fit", "1024 bytes",
	    composite_set(&composite, 0, (struct bytes){id, 0}) == 0 &&
		composite_set(&composite, 1,
		    (struct bytes){memset(id, 'x', sizeof(id)), 1012}) == 0 &&
		composite_text(&composite).n == COMPOSITE_MAX &&
		composite_set(&composite, 1, (struct bytes){id, 1013}) == -1 &&
		composite_text(&composite).n == strlen("01234567____"));
}

/* The id that is asked for by a query; and how many of three arguments stay. */
static const struct query_case {
	const char *query, *id;
	int own;
} query_cases[] = {
    {"", "", 3},
    {"lastEventId=7", "7", 3},
    {"x=1&lastEventId=a%20b+c&lastEventId=8", "a b c", 3},
    {"lastEventId=", "", 3},
    {"lastEventId=%00", "", 3},
    {"lastEventId=%4", "%4", 3},
    {"lastEventId=%", "%", 3},
    {"XlastEventId=7", "", 3},
    {"lastEventI", "", 3},
    {"-x+a%20b", "", 1},
    {"a+b", "", 2},
    {"a%20b", "", 2},
    {"a b", "", 2},
    {"-x+a%20b+c", "", 3},
};

void
test_query(void)
{
	static char name[] = "sse", first[] = "-x";
	char *argv[] = {name, first, NULL, NULL}, variable[80];
	struct cgi_request request;

	if (setenv("REQUEST_METHOD", "GET", 1) == -1)
		abort();
	for (size_t i = 0; i < COUNT(query_cases); i++) {
		const struct query_case *given = query_cases + i;

		(void)snprintf(variable, sizeof(variable), "QUERY_STRING=%s",
		    given->query);
		if (putenv(units_place_text(0, variable)) != 0 ||
		    cgi_request(&request, "nph-x") == -1)
			abort();
		units_text(request.last_event_id);
		units_check("cgi_request", given->query,
		    (struct bytes){given->id, strlen(given->id)});
		free(request.of_query);
		argv[2] = units_place_text(1, "a b");
		units_true("cgi_own_args", given->query,
		    cgi_own_args(3, argv) == given->own);
	}
	units_true("cgi_request", "is served, nph, GET",
	    request.served && request.nph && request.method == CGI_GET);
	(void)unsetenv("QUERY_STRING"); /* the name is good */
}

void
test_field(void)
{
	static const char *const good[] = {"A:", "X-A: b", "X-A:\tb",
	    "Content-Type: text/event-stream",
	    "content-type:text/event-stream ; charset=utf-8"};
	static const char *const bad[] = {"", ":", "A", "A b: c", "A : b",
	    "A: b\n", "A: \x7f", "\xc3: b", "Status: 200",
	    "location:", "Content-Type: text/html",
	    "Content-Type:", "Content-Type: text/event-streams"};

	for (size_t i = 0; i < COUNT(good); i++)
		units_true("cgi_field_ok", good[i],
		    cgi_field_ok(units_place_text(0, good[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		units_true("cgi_field_ok refuses", bad[i],
		    !cgi_field_ok(units_place_text(0, bad[i])));
}

/* Expected is the status, and then what the environment and stdin have. */
static const struct request_case {
	const char *name, *request, *expected;
} request_cases[] = {
    {"a request", "GET /a?b HTTP/1.1\r\nLast-Event-ID:  7 \r\n\r\nbody",
	"200 GET /a?b b HTTP/1.1 7 - body"},
    {"LF alone", "\nPOST / HTTP/1.0\nContent-Length: 2\n\nxy",
	"200 POST /  HTTP/1.0 - 2 xy"},
    {"Proxy is dropped", "GET / HTTP/1.1\r\nProxy: x\r\n\r\n",
	"200 GET /  HTTP/1.1 - - "},
    {"a fragment", "GET /a#b?c HTTP/1.1\r\n\r\n", "200 GET /a  HTTP/1.1 - - "},
    {"a folded line", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "400"},
    {"a space before the colon", "GET / HTTP/1.1\r\nA : b\r\n\r\n", "400"},
    {"a CR in a value", "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", "400"},
    {"no version", "GET /\r\n\r\n", "400"},
    {"HTTP/2", "GET / HTTP/2\r\n\r\n", "400"},
    {"an end too soon", "GET / HTTP/1.1\r\n", "400"},
    {"nothing", "", "0"},
};

/* A process that writes text to stdin, so many bytes at a time. */
static void
write_to_stdin(const char *text, size_t step)
{
	size_t n = strlen(text), part;
	int fds[2];
	pid_t pid;

	if (pipe(fds) == -1 || fflush(stdout) == EOF)
		abort();
	pid = fork();
	if (pid == -1 || (pid > 0 && dup2(fds[0], STDIN_FILENO) == -1))
		abort();
	for (; pid == 0 && n > 0; text += part, n -= part) {
		part = step > 0 && step < n ? step : n;
		if (write(fds[1], text, part) != (ssize_t)part)
			_exit(1);
	}
	if (pid == 0)
		_exit(0);
	(void)close(fds[0]); /* stdin is another one */
	(void)close(fds[1]);
}

static void
append_request(int status)
{
	static const char *const names[] = {"REQUEST_METHOD", "REQUEST_URI",
	    "QUERY_STRING", "SERVER_PROTOCOL", "HTTP_LAST_EVENT_ID",
	    "CONTENT_LENGTH"};
	char text[16], body[16];
	ssize_t n;

	(void)snprintf(text, sizeof(text), "%d", status);
	units_text(text);
	if (status != 200)
		return;
	for (size_t i = 0; i < COUNT(names); i++) {
		units_text(" ");
		units_text(getenv(names[i]) != NULL ? getenv(names[i]) : "-");
		(void)unsetenv(names[i]); /* the name is good */
	}
	units_text(getenv("HTTP_PROXY") != NULL ? " proxy " : " ");
	while ((n = read(STDIN_FILENO, body, sizeof(body))) > 0)
		units_bytes(body, (size_t)n);
}

void
test_request(void)
{
	for (size_t i = 0; i < 2 * COUNT(request_cases); i++) {
		const struct request_case *given = request_cases + i / 2;

		write_to_stdin(given->request, i % 2);
		append_request(nph_read());
		(void)wait(NULL); /* it may have been killed by SIGPIPE */
		units_check("nph_read", given->name,
		    (struct bytes){given->expected, strlen(given->expected)});
	}
}

/* Expected is the status, then method, whether it is HTTP, id and origin. */
static const struct door_case {
	const char *name;
	struct bytes request;
	const char *expected;
} door_cases[] = {
    {"SCGI",
	S("57:CONTENT_LENGTH\0000\0SCGI\0001\0REQUEST_METHOD\0GET\0"
	  "HTTP_COOKIE\0x\0,"),
	"200 1 scgi  "},
    {"an id and an origin",
	S("65:SCGI\0001\0HTTP_ORIGIN\0null\0HTTP_LAST_EVENT_ID\0007\0"
	  "REQUEST_METHOD\0HEAD\0,body"),
	"200 2 scgi 7 null"},
    {"a query",
	S("64:REQUEST_METHOD\0POST\0QUERY_STRING\0a&lastEventId=%65nd+\0"
	  "SCGI\0001\0A\0\0,"),
	"200 4 scgi end  "},
    {"two of a name",
	S("46:REQUEST_METHOD\0GET\0REQUEST_METHOD\0HEAD\0SCGI\0001\0,"),
	"200 2 scgi  "},
    {"no method", S("7:SCGI\0001\0,"), "400"},
    {"another protocol", S("26:REQUEST_METHOD\0GET\0SCGI\0002\0,"), "400"},
    {"no protocol", S("19:REQUEST_METHOD\0GET\0,"), "400"},
    {"no comma", S("26:REQUEST_METHOD\0GET\0SCGI\0001\0;"), "400"},
    {"no name", S("3:\0x\0,"), "400"},
    {"no value", S("2:x\0,"), "400"},
    {"no NUL", S("3:x\0y,"), "400"},
    {"nothing in it", S("0:,"), "400"},
    {"a zero first", S("07:SCGI\0001\0,"), "400"},
    {"no colon", S("7;"), "400"},
    {"more than fits", S("16378:"), "431"},
    {"10^18 bytes", S("1000000000000000000:"), "431"},
    {"HTTP", S("GET /a?lastEventId=5 HTTP/1.1\r\nOrigin: http://a\r\n\r\n"),
	"200 1 http 5 http://a"},
    {"LF alone", S("\r\n\nHEAD / HTTP/1.0\nLast-Event-ID: 7\n\nx"),
	"200 2 http 7 "},
    {"no version of 1", S("PRI * HTTP/2.0\r\n\r\n"), "400"},
    {"TLS", S("\026\003\001"), "400"},
    {"a NUL", S("GET\0"), "400"},
};

/* What is complete after n bytes, and not before. */
void
test_door(void)
{
	char text[128], *bytes;
	struct cgi_request request;
	int status;

	for (size_t i = 0; i < COUNT(door_cases); i++) {
		const struct door_case *given = door_cases + i;
		size_t n = 0;

		do {
			n++;
			bytes = units_place(0, given->request.at, n + 1);
			status = request_parse(&request, bytes, n);
		} while (status == 0 && n < given->request.n);
		(void)snprintf(text, sizeof(text),
		    status == 200 ? "%d %d %s %s %s" : "%d", status,
		    (int)request.method, request.nph ? "http" : "scgi",
		    request.last_event_id, request.origin);
		free(request.of_query);
		units_text(text);
		units_check("request_parse", given->name,
		    (struct bytes){given->expected, strlen(given->expected)});
	}
}
