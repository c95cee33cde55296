/*
 * program: what all programs have in common besides the stream: start-up,
 * options, the request, and the line on stderr that says what is wrong. It
 * prints and exits for the programs, as each function says; the modules that it
 * uses never do.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <getopt.h> /* optarg, optind */

#include "options.h"
#include "stream.h"

#define PROGRAM_FAILURE 1 /* exit statuses; it is 0 if the client has left */
#define PROGRAM_USAGE 2

#define PROGRAM_SECONDS_MAX INT64_C(1000000000)
#define PROGRAM_INTERVAL_MIN_NS INT64_C(1000000) /* less would busy-loop */
#define PROGRAM_RETRY_MAX INT32_MAX /* ms: the limit of browsers' timers */
#define PROGRAM_ALIVE_MAX 200       /* bytes of -A */

/*
 * To be called first, with stream all zero. Sets up descriptors and signals,
 * and reads the request from the environment unless the program is shell_only.
 * Returns argc without arguments that came from the query. Exits on failure.
 */
int program_init(struct stream *stream, const struct program *program, int argc,
    char *argv[]);

/*
 * Returns the letter of the next of the program's own options, or -1 after the
 * last; stores common ones in stream. optarg and optind are as with
 * getopt_long. Exits for --help, --version and errors.
 */
int program_option(struct stream *stream, int argc, char *argv[]);

/* Parses optarg, the value of option letter, as a number. Exits if invalid. */
uint64_t program_number(
    struct stream *stream, int letter, uint64_t min, uint64_t max);

/* Likewise seconds, as ns: PROGRAM_INTERVAL_MIN_NS or more, or 0 if zero_ok. */
int64_t program_seconds(struct stream *stream, int letter, bool zero_ok);

/* Likewise an event type: exits if frame_field_ok refuses it. */
const char *program_event_type(struct stream *stream, int letter);

/*
 * To be called after the options: an nph- program reads an HTTP request if the
 * environment has none. Answers a preflight, and refuses an origin that -O does
 * not name and a method that the program lacks; then exits with 0.
 */
void program_request(struct stream *stream);

/*
 * Writes one line to stderr: the program's name, a colon and the text, with
 * control characters replaced. If format ends with a colon, strerror(errno)
 * follows.
 */
void program_warn(const struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * To be called before the header is sent: warns as program_warn does, answers a
 * web server with 500, and exits with exit_status.
 */
_Noreturn void program_refuse(struct stream *stream, int exit_status,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Encodes a retry of 5 to 15 seconds, for a client that cannot be served now. A
 * stream ends with it: an error status would stop an EventSource for good.
 */
void program_come_back(struct frame *frame);

/*
 * As program_refuse, if waiting may help (no process, descriptor or permission
 * just now): answers with a stream that ends at once, with such a retry.
 */
_Noreturn void program_send_back(struct stream *stream, int exit_status,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * The same if errno says what failed: as program_send_back if a web server
 * asked and waiting may help, else as program_refuse.
 */
_Noreturn void program_fail(
    struct stream *stream, int exit_status, const char *what);

/*
 * To be called after the header, if the stream cannot go on; errno says why:
 * warns, and makes program_end return PROGRAM_FAILURE. If a resource has run
 * out, the client gets a retry as from program_come_back.
 */
void program_break(struct stream *stream, const char *what);

/* Sends 204, which tells an EventSource to stop. Returns the exit status. */
int program_no_content(struct stream *stream);

/*
 * Ends the stream with stream_close and returns the exit status: 0, also if the
 * client has left; or PROGRAM_FAILURE after a failure, with a warning.
 */
int program_end(struct stream *stream);

#endif
