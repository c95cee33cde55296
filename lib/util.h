/*
 * util: numbers from text and back, times, the end of a line and of UTF-8,
 * what has run out. These functions allocate nothing, print nothing and never
 * block.
 */
#ifndef UTIL_H
#define UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTIL_SECOND_NS INT64_C(1000000000)
#define UTIL_NEVER INT64_MAX /* a time that does not come */
#define UTIL_DIGITS_MAX 20   /* of a uint64_t */

/*
 * Reads a whole number of decimal digits, nothing before and nothing after.
 * Returns 0, or -1 with errno EINVAL (no such number) or ERANGE (not within
 * min to max); *number is set only on success.
 */
int util_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/*
 * Reads decimal seconds, such as 15 or 0.25, as nanoseconds; what is finer
 * than a nanosecond is cut off. Results and errors as with util_number.
 */
int util_seconds(const char *text, int64_t min_ns, int64_t max_ns, int64_t *ns);

/* Writes number in decimal, without NUL; returns its length in bytes. */
size_t util_digits(char text[UTIL_DIGITS_MAX], uint64_t number);

/* Makes each control of text a question mark. */
void util_no_controls(char *text);

/* The byte that an escape, %XX, at the start of text stands for; or -1. */
int util_percent(const char *text);

/* Whether errno says that something has run out, which passes. */
bool util_scarce(int error);

/* A number from min to max for times that shall differ; nothing secret. */
int64_t util_random(int64_t min, int64_t max);

/* Nanoseconds of CLOCK_MONOTONIC: for intervals, never for dates. */
int64_t util_now_ns(void);

/*
 * The first CR or LF from at up to end, or end itself where there is none:
 * the line ends of the event stream format (WHATWG HTML, section 9.2.5).
 */
const char *util_line_end(const char *at, const char *end);

/*
 * Copies n bytes at the most to to, up to the first CR or LF, which is left
 * out; returns how many. Bytes of to after these, up to n, may change too.
 * *ascii: all of them are known to be ASCII, which costs no look of its own.
 */
size_t util_copy_line(char *to, const char *at, size_t n, bool *ascii);

/* The first byte from at on that is not part of UTF-8, or end. */
const char *util_utf8_end(const char *at, const char *end);

/*
 * The end of the character at at, a byte above 0x7f. If it is none, *whole is
 * false, and what ends there is one wrong part, to be replaced by one U+FFFD
 * (WHATWG Encoding, the UTF-8 decoder).
 */
const char *util_character_end(const char *at, const char *end, bool *whole);

#endif
