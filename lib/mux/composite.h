/*
 * composite: the last event id of a stream that is joined of several: a digest
 * of their list, then the last event id of each. It does no I/O.
 *
 * As text, DIGEST__ID__ID...: the ids are percent-coded with "_" for "%", and
 * of a byte that is not 0-9 A-Z a-z . - nothing else is left. So browsers need
 * no permission for such a Last-Event-ID.
 */
#ifndef COMPOSITE_H
#define COMPOSITE_H

#include <stdbool.h>
#include <stddef.h>

#include "../bytes.h"

#define COMPOSITE_PARTS 25 /* so many of sse-tail's fit */
#define COMPOSITE_MAX                                          \
	1024 /* bytes of the text; more is no id for sse-share \
	      */

struct composite {
	size_t parts;
	bool placed; /* some part is, or was, not empty */

	/* the rest is the composite's own */
	size_t end[COMPOSITE_PARTS + 1]; /* of the digest, then of each part */
	char text[COMPOSITE_MAX];
};

/* Makes all parts empty. list: what is joined; parts: 1 to COMPOSITE_PARTS. */
void composite_init(
    struct composite *composite, char *const list[], size_t parts);

/*
 * Takes the parts of a text that was made of the same list. Returns 0; or -1,
 * with all parts empty, if it was not.
 */
int composite_parse(struct composite *composite, const char *text);

/*
 * Makes id the part at i; one that frame_field_ok refuses is none. Returns 0,
 * or -1 if the text would be too long: then that part is empty.
 */
int composite_set(struct composite *composite, size_t i, struct bytes id);

/* The part at i, decoded into id. Returns its length; a NUL follows it. */
size_t composite_get(
    const struct composite *composite, size_t i, char id[COMPOSITE_MAX]);

/* The text, until the next composite_set. */
struct bytes composite_text(const struct composite *composite);

#endif
