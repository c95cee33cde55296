/*
 * nph: turns an HTTP request that a program reads itself ("non-parsed header")
 * into the variables that a web server would set (RFC 3875, section 4.1).
 */
#ifndef NPH_H
#define NPH_H

#include <stdbool.h>
#include <stddef.h>

#define NPH_REQUEST_MAX 16384 /* bytes of request line and header fields */
#define NPH_REQUEST_MS 10000  /* milliseconds until the empty line */

/* The characters of a token: a method or a field name (RFC 9110). */
#define NPH_TOKEN                                              \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789!#$%&'*+-.^_`|~"

/* Whether text has a control character other than TAB. */
bool nph_has_control(const char *text);

/*
 * Reads an HTTP request from stdin up to its empty line, not a byte more, and
 * puts it into the environment as RFC 3875 section 4.1 says (without Proxy).
 * Blocks for at most NPH_REQUEST_MS. Returns 200; 0 if the client left before
 * it sent anything, or if a signal came; or the error status to answer with:
 * 400 (also for folded lines, control characters, a space before a colon, and a
 * Content-Length that is no number, or not one), 408, 411 if the body is
 * encoded, 431, 500. A POST without that field gets CONTENT_LENGTH 0.
 */
int nph_read(void);

/*
 * Parses an HTTP request of n bytes in place: its line and fields with the
 * empty line at their end; text has one NUL, after them. Calls set for each
 * variable of RFC 3875: value is valid as long as text, name until set returns.
 * Returns a status as nph_read does: 500 if set returns -1.
 */
int nph_parse(char *text, size_t n,
    int (*set)(void *to, const char *name, const char *value), void *to);

#endif
