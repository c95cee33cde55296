/*
 * origin: which pages of other sites may read a stream: those whose origin is
 * named. It makes header fields of the CORS protocol (Fetch Standard); cgi
 * encodes them.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <stddef.h>

#define ORIGINS_MAX 32
#define ORIGIN_FIELDS 2 /* that origin_fields adds at the most */

/* All fields are the module's own. */
struct origins {
	char *field[ORIGINS_MAX]; /* Access-Control-Allow-Origin */
	size_t n;
};

/*
 * Adds an origin as browsers send it, scheme://host[:port] in lower case or
 * "null"; or "*", any. The port of the scheme may be named, browsers omit it.
 * What is allocated stays for the process's life. Returns 0; or -1 with errno
 * EINVAL if it is no origin, E2BIG if there are ORIGINS_MAX already, or ENOMEM.
 */
int origin_add(struct origins *origins, const char *origin);

/*
 * Which of them allows origin, which is "" if the request names none: its
 * number, from 1, or 0 if none does.
 */
size_t origin_find(const struct origins *origins, const char *origin);

/*
 * Adds to extras fields those of the origin that origin_find has found; a field
 * that is there already stays. Returns how many fields there are then.
 */
size_t origin_fields(const struct origins *origins, size_t found,
    const char *extra[], size_t extras);

#endif
