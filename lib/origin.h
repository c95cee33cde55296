/*
 * origin: the list of origins whose pages may read a stream from another site.
 * It makes header fields of the CORS protocol (Fetch Standard); cgi encodes
 * them.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <stddef.h>

#define ORIGINS_MAX 32
#define ORIGIN_FIELDS 2 /* fields that origin_fields adds at most */

/* All fields are the module's own. */
struct origins {
	char *field[ORIGINS_MAX]; /* Access-Control-Allow-Origin */
	size_t n;
};

/*
 * Adds an origin as browsers send it, scheme://host[:port] in lower case or
 * "null"; or "*" for any. The scheme's default port, which browsers omit, may
 * be given. Allocates memory that is never freed. Returns 0; or -1 with errno
 * EINVAL if it is no origin, E2BIG if there are ORIGINS_MAX already, or ENOMEM.
 */
int origin_add(struct origins *origins, const char *origin);

/*
 * Finds which of origins allows the request's origin ("" if it has none).
 * Returns its number, from 1; or 0 if none does.
 */
size_t origin_find(const struct origins *origins, const char *origin);

/*
 * Adds the fields for the origin that origin_find found to the extras fields of
 * extra, except those that are there already. Returns how many extra then has.
 */
size_t origin_fields(const struct origins *origins, size_t found,
    const char *extra[], size_t extras);

#endif
