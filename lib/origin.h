/*
 * origin: which pages of other sites may read a stream: those whose origin is
 * named. Header fields of the CORS protocol (Fetch Standard); who writes them
 * is others' business.
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <stddef.h>

#define ORIGINS_MAX 32
#define ORIGIN_FIELDS 2 /* that origin_fields adds at the most */

/* The origins' own. */
struct origins {
	char *field[ORIGINS_MAX]; /* Access-Control-Allow-Origin */
	size_t n;
};

/*
 * Adds an origin as browsers send it, scheme://host[:port] in lower case or
 * "null"; or "*", any. The port of the scheme may be named, browsers omit it.
 * What is allocated stays for the process's life.
 * Returns 0; or -1 with errno EINVAL where that is none, E2BIG for one too
 * many, ENOMEM.
 */
int origin_add(struct origins *origins, const char *origin);

/* Which of them allows origin, "" if there is none: from 1; 0 if none does. */
size_t origin_find(const struct origins *origins, const char *origin);

/*
 * Adds to extras fields those for what origin_find has found, less what is
 * there already; none if no origin is named. Returns how many there are then.
 */
size_t origin_fields(const struct origins *origins, size_t found,
    const char *extra[], size_t extras);

#endif
