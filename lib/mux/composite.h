/*
 * composite: the last event id of several streams joined to one: a digest of
 * their list, then the last event id of each. It does no I/O.
 *
 * As text, DIGEST__ID__ID...: the ids are percent-encoded, with "_" in place of
 * "%"; only 0-9 A-Z a-z . - are left as they are. So browsers need no
 * permission (CORS) to send it as Last-Event-ID.
 */
#ifndef COMPOSITE_H
#define COMPOSITE_H

#include <stdbool.h>
#include <stddef.h>

#include "../bytes.h"

#define COMPOSITE_PARTS 25 /* as many ids of sse-tail fit */
#define COMPOSITE_MAX 1024 /* bytes of the text: sse-share takes no more */

struct composite {
	size_t parts;
	bool placed; /* some part is, or was, not empty */

	/* the rest is the composite's own */
	size_t end[COMPOSITE_PARTS + 1]; /* of the digest, then of each part */
	char text[COMPOSITE_MAX];
};

/* Makes all parts empty. list has parts strings, 1 to COMPOSITE_PARTS. */
void composite_init(
    struct composite *composite, char *const list[], size_t parts);

/*
 * Takes the parts of a text that was made of the same list. Returns 0; or -1,
 * with all parts empty, if it was not.
 */
int composite_parse(struct composite *composite, const char *text);

/*
 * Sets the part at i to id, or to empty if frame_field_ok refuses id. Returns
 * 0, or -1 if the text would be too long: then that part is empty.
 */
int composite_set(struct composite *composite, size_t i, struct bytes id);

/* The part at i, decoded into id. Returns its length; a NUL follows it. */
size_t composite_get(
    const struct composite *composite, size_t i, char id[COMPOSITE_MAX]);

/* The text, until the next composite_set. */
struct bytes composite_text(const struct composite *composite);

#endif
