/*
 * util: numbers from text and back, times, searches for the end of a line or of
 * valid UTF-8, and more. These functions allocate nothing, print nothing and
 * never block.
 */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTIL_SECOND_NS INT64_C(1000000000)
#define UTIL_NEVER INT64_MAX /* a time that does not come */
#define UTIL_DIGITS_MAX 20   /* decimal digits of a uint64_t */

/*
 * Parses text that is a whole number in decimal digits and nothing else.
 * Returns 0, or -1 with errno EINVAL (no such number) or ERANGE (not within min
 * to max); *number is set only on success.
 */
int util_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/*
 * Parses decimal seconds, such as 15 or 0.25, as nanoseconds; further digits
 * are cut off. Results and errors as with util_number.
 */
int util_seconds(const char *text, int64_t min_ns, int64_t max_ns, int64_t *ns);

/* Writes number in decimal, without NUL; returns its length in bytes. */
size_t util_digits(char text[UTIL_DIGITS_MAX], uint64_t number);

/* Replaces each control character of text by a question mark. */
void util_no_controls(char *text);

/* The byte of the escape %XX at the start of text; -1 if there is none. */
int util_percent(const char *text);

/*
 * Whether error, an errno, says that a resource has run out which may become
 * available again.
 */
bool util_scarce(int error);

/* A random number from min to max; not for secrets. */
int64_t util_random(int64_t min, int64_t max);

/* Nanoseconds of CLOCK_MONOTONIC: for intervals, not for dates. */
int64_t util_now_ns(void);

/*
 * The first CR or LF from at on, the line ends of the event stream format
 * (WHATWG HTML, section 9.2.5); or end if there is none.
 */
const char *util_line_end(const char *at, const char *end);

/*
 * Copies the bytes at at before the first CR or LF, at most n, to to; returns
 * how many. Further bytes of to, up to n, may change too. *ascii is set to true
 * if all copied bytes are known to be ASCII, from the same pass.
 */
size_t util_copy_line(char *to, const char *at, size_t n, bool *ascii);

/* The first byte from at on that is not valid UTF-8, or end. */
const char *util_utf8_end(const char *at, const char *end);

/*
 * The end of the character whose first byte is at at, above 0x7f. *whole is
 * false if it is invalid: the bytes up to the result are then replaced by one
 * U+FFFD (WHATWG Encoding, the UTF-8 decoder).
 */
const char *util_character_end(const char *at, const char *end, bool *whole);

#endif
