/*
 * program: what every program does in the same way before and beside its
 * stream: start-up, options, the request, and the one line on stderr that
 * says what is wrong. It prints and exits for the programs, as each function
 * says; the modules below it never do.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <getopt.h> /* optarg, optind */

#include "options.h"
#include "stream.h"

#define PROGRAM_FAILURE 1 /* exit statuses; 0 if the client has left */
#define PROGRAM_USAGE 2

#define PROGRAM_SECONDS_MAX INT64_C(1000000000)
#define PROGRAM_INTERVAL_MIN_NS INT64_C(1000000) /* shorter would only spin */
#define PROGRAM_RETRY_MAX INT32_MAX   /* what timers in browsers can hold */
#define PROGRAM_ALIVE_MAX 200         /* bytes of -A */
#define PROGRAM_COME_BACK_MIN_MS 5000 /* if the program cannot serve now */
#define PROGRAM_COME_BACK_MAX_MS 15000

/*
 * The first call, with a stream that is all zero. Makes descriptors and signals
 * what a program expects and reads the request's environment, unless the
 * program is for a shell only. Returns argc without arguments that came from
 * the query. Exits on failure.
 */
int program_init(struct stream *stream, const struct program *program, int argc,
    char *argv[]);

/*
 * The letter of the next option that is the program's own, or -1 after the
 * last; common ones are stored in stream. optarg and optind are as with
 * getopt_long. Exits with --help, --version and errors.
 */
int program_option(struct stream *stream, int argc, char *argv[]);

/* The value of the option with this letter, a number. Exits if it is none. */
uint64_t program_number(
    struct stream *stream, int letter, uint64_t min, uint64_t max);

/* Likewise seconds: PROGRAM_INTERVAL_MIN_NS or more; 0 too if zero_ok. */
int64_t program_seconds(struct stream *stream, int letter, bool zero_ok);

/* Likewise an event type: exits if it would break its line. */
const char *program_event_type(struct stream *stream, int letter);

/*
 * After the options: an nph- program reads an HTTP request if there is none
 * in the environment. An origin that -O does not name is refused, and so is a
 * method that is not answered; a preflight is answered: these exit with 0.
 */
void program_request(struct stream *stream);

/*
 * One line on stderr: the program's name, a colon, the text, no controls. If
 * format ends with a colon, what errno says follows it.
 */
void program_warn(const struct stream *stream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Before the header: warns as program_warn, answers a web server with 500, and
 * exits with exit_status.
 */
_Noreturn void program_refuse(struct stream *stream, int exit_status,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Before the header, if waiting may help (no process, no descriptor, no
 * permission just now): warns as program_warn, answers with a stream that ends
 * at once, with a retry of PROGRAM_COME_BACK_MIN_MS to _MAX_MS, and exits with
 * exit_status. An error status would stop an EventSource for good.
 */
_Noreturn void program_send_back(struct stream *stream, int exit_status,
    const char *format, ...) __attribute__((format(printf, 3, 4)));

/*
 * Before the header, if errno says what failed: as program_send_back to a web
 * server if waiting may help, else as program_refuse.
 */
_Noreturn void program_fail(
    struct stream *stream, int exit_status, const char *what);

/* Sends 204, which tells an EventSource to stop. Returns the exit status. */
int program_no_content(struct stream *stream);

/*
 * Ends the stream with stream_close and returns the exit status: 0, also if
 * the client has left, or PROGRAM_FAILURE, with a warning if a write failed.
 */
int program_end(struct stream *stream);

#endif
