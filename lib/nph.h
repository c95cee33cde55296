/*
 * nph: an HTTP request that a program reads itself ("non-parsed header"), as
 * the variables that a web server would set (RFC 3875, section 4.1).
 */
#ifndef NPH_H
#define NPH_H

#include <stdbool.h>
#include <stddef.h>

#define NPH_REQUEST_MAX 16384 /* bytes of its line and header fields */
#define NPH_REQUEST_MS 10000  /* milliseconds until its empty line */

/* The characters of a token: of a method, of a field's name (RFC 9110). */
#define NPH_TOKEN                                              \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
	"0123456789!#$%&'*+-.^_`|~"

/* Whether a control character other than TAB stands in text. */
bool nph_has_control(const char *text);

/*
 * Reads an HTTP request from stdin up to its empty line, not a byte more, and
 * puts it into the environment as RFC 3875 section 4.1 says (without Proxy).
 * Blocks for NPH_REQUEST_MS at the most. Returns 200; 0 if the client left
 * before it sent anything, or if a signal came; or the status to answer: 400
 * (also for folded lines, control characters and a space before a colon), 408,
 * 431, 500.
 */
int nph_read(void);

/*
 * Takes an HTTP request of n bytes apart, in place: its line and fields up to
 * the empty line that ends it, without NUL in it and with one after it. Hands
 * each variable of RFC 3875 to set, whose strings are those of text but for the
 * name; -1 of that is status 500. Returns a status as nph_read.
 */
int nph_parse(char *text, size_t n,
    int (*set)(void *to, const char *name, const char *value), void *to);

#endif
