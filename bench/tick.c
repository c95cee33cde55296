/*
 * tick: a source for measurements. Writes a line every so often, with its
 * number from 1, the clock's nanoseconds (CLOCK_MONOTONIC) just before the
 * write, and as much padding as is asked for.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/util.h"

#define LINE_MAX_BYTES 65536

static const char usage[] =
    "usage: tick [-i SECONDS] [-n COUNT] [-b BYTES]\n"
    "  -i SECONDS   between two lines (1); 0: as fast as it can\n"
    "  -n COUNT     end after so many (no end)\n"
    "  -b BYTES     of padding (0)\n"
    "Without options, as a CGI program, it writes an event stream, and the\n"
    "query is -i.\n";

static void
sleep_until(int64_t ns)
{
	struct timespec until = {
	    .tv_sec = ns / UTIL_SECOND_NS, .tv_nsec = ns % UTIL_SECOND_NS};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) ==
	       EINTR)
		;
}

static int
write_all(const char *bytes, size_t n)
{
	ssize_t written;

	for (; n > 0; bytes += written, n -= (size_t)written) {
		written = write(STDOUT_FILENO, bytes, n);
		if (written == -1)
			return -1;
	}
	return 0;
}

int
main(int argc, char *argv[])
{
	static char padding[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
	static const char header[] = "Content-Type: text/event-stream\r\n\r\n";
	uint64_t count = UINT64_MAX, bytes = 0;
	int64_t interval_ns = UTIL_SECOND_NS, next_ns;
	const char *query = getenv("QUERY_STRING");
	int option, n, error = 0;
	bool cgi = argc == 1 && query != NULL;

	while (error == 0 && (option = getopt(argc, argv, "i:n:b:")) != -1) {
		switch (option) {
		case 'i':
			error = util_seconds(
			    optarg, 0, INT64_C(1) << 62, &interval_ns);
			break;
		case 'n':
			error = util_number(optarg, 0, UINT64_MAX, &count);
			break;
		case 'b':
			error = util_number(optarg, 0, LINE_MAX_BYTES, &bytes);
			break;

		default: error = -1;
		}
	}
	if (cgi)
		error = util_seconds(query, 0, INT64_C(1) << 62, &interval_ns);
	if (error == -1) {
		fputs(usage, stderr);
		return 2;
	}
	memset(padding, 'x', sizeof(padding));
	if (cgi && write_all(header, sizeof(header) - 1) == -1)
		return 1;
	next_ns = util_now_ns();
	for (uint64_t i = 1; i <= count; i++) {
		n = snprintf(line, sizeof(line), "%s%ju %jd %.*s%s",
		    cgi ? "data: " : "", (uintmax_t)i, (intmax_t)util_now_ns(),
		    (int)bytes, padding, cgi ? "\n\n" : "\n");
		if (n < 0 || write_all(line, (size_t)n) == -1)
			return 1;
		next_ns += interval_ns;
		if (interval_ns > 0 && i < count)
			sleep_until(next_ns);
	}
	return 0;
}
