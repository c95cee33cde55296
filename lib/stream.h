/*
 * stream: what every program does in the same way: start, common options,
 * request, response header, waiting, and the one line that says what is
 * wrong. The modules below never print or exit; this one does, for the
 * programs, as each function says.
 */
#ifndef STREAM_H
#define STREAM_H

#include <getopt.h>
#include <stdint.h>

#include "cgi.h"
#include "frame.h"
#include "loop.h"
#include "origin.h"

#define STREAM_FAILURE 1
#define STREAM_USAGE 2

#define STREAM_SECONDS_MAX INT64_C(1000000000)
#define STREAM_INTERVAL_MIN_NS INT64_C(1000000) /* shorter would only spin */
#define STREAM_RETRY_MAX INT32_MAX /* what timers in browsers can hold */
#define STREAM_ALIVE_MAX 200       /* bytes of -A */
#define STREAM_HEADERS_MAX 32
#define STREAM_DRAIN_MAX 16777216 /* bytes of a body that nobody reads */
#define STREAM_DRAIN_MS 5000
#define STREAM_BACK_MIN_MS 5000 /* when to come back if we cannot serve now */
#define STREAM_BACK_MAX_MS 15000

/* The options that mean the same everywhere; letters and long names. */
#define STREAM_LETTERS "+:e:r:k:A:m:H:O:hV"
#define STREAM_LONG_OPTIONS                              \
	{"event", required_argument, NULL, 'e'},         \
	    {"retry", required_argument, NULL, 'r'},     \
	    {"keepalive", required_argument, NULL, 'k'}, \
	    {"alive", required_argument, NULL, 'A'},     \
	    {"max-time", required_argument, NULL, 'm'},  \
	    {"header", required_argument, NULL, 'H'},    \
	    {"origin", required_argument, NULL, 'O'},    \
	    {"help", no_argument, NULL, 'h'},            \
	{                                                \
		"version", no_argument, NULL, 'V'        \
	}

/* What a program is. */
struct program {
	const char *usage;   /* one line, after the program's name */
	const char *help;    /* what it does and its own options, with LFs */
	const char *letters; /* STREAM_LETTERS and its own */
	const struct option *options;
	unsigned int methods; /* those of enum cgi_method that it answers */
	bool shell_only;      /* no CGI program: it obeys no request */
	bool inherits;        /* what a script opened is for its command */
};

struct stream {
	const struct program *program;
	const char *name; /* argv[0] without its folder */

	/* options; the strings belong to argv */
	const char *event; /* -e, or NULL */
	int64_t retry_ms;  /* -r, or -1 */
	int64_t beat_ns;   /* -k, 0 for never */
	struct event beat; /* -A, or a comment where it has no type */
	int64_t limit_ns;  /* -m, 0 for never */
	const char *header[STREAM_HEADERS_MAX];
	size_t headers;
	struct origins origins; /* -O */

	struct cgi_request request;
	struct loop loop;
	struct frame frame;
	int failed; /* something else than the viewer ended the stream */
};

/*
 * Makes descriptors and signals what a program expects and reads the
 * request's environment, unless the program is for a shell only. Returns argc
 * without arguments that came from the query. Exits on failure.
 */
int stream_init(struct stream *stream, const struct program *program, int argc,
    char *argv[]);

/*
 * The next option that is the program's own, or -1 after the last: optarg
 * and optind are as with getopt_long. Exits with --help, --version and errors.
 */
int stream_option(struct stream *stream, int argc, char *argv[]);

/* optarg, of the option that letter names, as a number. Exits if it is none. */
uint64_t stream_number(
    struct stream *stream, int letter, uint64_t min, uint64_t max);

/* Likewise seconds: 0 where zero_ok, or at least STREAM_INTERVAL_MIN_NS. */
int64_t stream_seconds(struct stream *stream, int letter, bool zero_ok);

/* Likewise an event type: exits if it would break its line. */
const char *stream_event_type(struct stream *stream, int letter);

/*
 * After the options: an HTTP request is read where there is none in the
 * environment of an nph- program. An origin that -O does not name is refused,
 * and so is a method that the program does not answer; a preflight is
 * answered: these exit with 0.
 */
void stream_request(struct stream *stream);

/*
 * Sends the header, and at once the retry field or a comment. False where
 * that is all: the method is HEAD. Sets the loop's beat and limit.
 */
bool stream_open(struct stream *stream);

/* Sends 204, which tells an EventSource to stop. Returns the exit status. */
int stream_no_content(struct stream *stream);

/* Sends what is encoded, then loop_wait; beats are dealt with here. */
enum loop_reason stream_wait(struct stream *stream);

/*
 * Sends what is encoded and returns the exit status: 0 or STREAM_FAILURE. An
 * nph- program takes what the client still sends, STREAM_DRAIN_MAX bytes and
 * STREAM_DRAIN_MS at the most: closing a socket with input left resets it.
 */
int stream_close(struct stream *stream);

/* One line on stderr: the program's name, a colon, the text, no controls. */
void stream_warn(const struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Before the header: says why on stderr, answers a web server with status,
 * and exits with exit_status.
 */
_Noreturn void stream_refuse(struct stream *stream, int status, int exit_status,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/*
 * Before the header, for what waiting may mend (no process, no descriptor, no
 * permission just now): says why on stderr and answers with a stream that
 * ends at once, with a retry of STREAM_BACK_MIN_MS to STREAM_BACK_MAX_MS. An
 * error status would stop an EventSource for good. Exits with exit_status.
 */
_Noreturn void stream_send_back(struct stream *stream, int exit_status,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Before the header, where errno says what failed: as stream_send_back to a web
 * server if waiting may mend that, else as stream_refuse with 500.
 */
_Noreturn void stream_fail(
    struct stream *stream, int exit_status, const char *what);

/* A time from min_ms to max_ms that differs from process to process. */
int64_t stream_spread_ms(int64_t min_ms, int64_t max_ms);

/*
 * An event of type "start", without data, that gives a client which has had
 * no event yet the id of its place: if it is cut off now, it misses nothing.
 */
void stream_send_start(struct stream *stream, struct bytes id);

/*
 * For a program that starts another one: if PATH is not set (lighttpd sets
 * none), sets it to the directory of this program, /usr/local/bin, /usr/bin
 * and /bin. Returns 0, or -1 with errno ENOMEM.
 */
int stream_set_path(void);

#endif
