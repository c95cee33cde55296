/*
 * origin: keeps each allowed origin as the header field that allows it.
 * Refusing a request is left to program.
 */
#define _GNU_SOURCE /* asprintf */
#include "origin.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cgi.h"
#include "util.h"

static const char allow[] = "Access-Control-Allow-Origin: ";

static bool
is_origin(const char *text)
{
	static const char scheme[] = "abcdefghijklmnopqrstuvwxyz0123456789+-.";
	static const char host[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
	static const char ipv6[] = "abcdef0123456789:.";
	size_t n = strspn(text, scheme);
	uint64_t port;

	if (strcmp(text, "*") == 0 || strcmp(text, "null") == 0)
		return true;
	if (*text < 'a' || *text > 'z' || strncmp(text + n, "://", 3) != 0)
		return false;
	text += n + 3;
	n = strspn(text, host);
	if (*text == '[') {
		n = 1 + strspn(text + 1, ipv6);
		n = text[n] == ']' ? n + 1 : 0;
	}
	text += n;
	return n > 0 &&
	       (*text == '\0' || (*text == ':' && util_number(text + 1, 0,
						      65535, &port) == 0));
}

/* Length of origin without its scheme's default port, which browsers omit. */
static size_t
without_port(const char *origin)
{
	size_t n = strlen(origin);

	if (strncmp(origin, "http://", 7) == 0 && n > 10 &&
	    strcmp(origin + n - 3, ":80") == 0)
		return n - 3;
	if (strncmp(origin, "https://", 8) == 0 && n > 12 &&
	    strcmp(origin + n - 4, ":443") == 0)
		return n - 4;
	return n;
}

int
origin_add(struct origins *origins, const char *origin)
{
	size_t n = without_port(origin);
	char *field;

	errno = EINVAL;
	if (!is_origin(origin))
		return -1;
	errno = E2BIG;
	if (origins->n == ORIGINS_MAX)
		return -1;
	if (asprintf(&field, "%s%.*s", allow, (int)n, origin) == -1)
		return -1;
	origins->field[origins->n++] = field;
	return 0;
}

size_t
origin_find(const struct origins *origins, const char *origin)
{
	const char *named;

	for (size_t i = 0; i < origins->n; i++) {
		named = origins->field[i] + sizeof(allow) - 1;
		if (strcmp(named, "*") == 0 || strcmp(named, origin) == 0)
			return i + 1;
	}
	return 0;
}

size_t
origin_fields(const struct origins *origins, size_t found, const char *extra[],
    size_t extras)
{
	static const char vary[] = "Vary: Origin";

	if (found > 0 && found <= origins->n &&
	    !cgi_has_field(extra, extras, allow))
		extra[extras++] = origins->field[found - 1];
	if (origins->n > 0 && !cgi_has_field(extra, extras, vary))
		extra[extras++] = vary;
	return extras;
}
