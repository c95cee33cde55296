/*
 * Fuzzes lib/redis/url: any text is a URL or an error; a URL is complete, and
 * its strings lie within it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/redis/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
check(const struct url *url, const char *text)
{
	if (text != NULL && (text < url->text ||
				text + strlen(text) >= url->text + URL_MAX + 1))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1);
	struct url url;

	if (text == NULL)
		return 0;
	memcpy(text, bytes, n);
	text[n] = '\0';
	if (url_parse(&url, text) == NULL) {
		if ((url.kind == URL_SENTINEL) != (url.name != NULL) ||
		    url.hosts == 0 || url.hosts > URL_HOSTS_MAX ||
		    (url.kind != URL_SENTINEL && url.hosts != 1) ||
		    (url.user != NULL && url.password == NULL))
			abort();
		check(&url, url.user);
		check(&url, url.password);
		check(&url, url.name);
		for (size_t i = 0; i < url.hosts; i++)
			if (*url.host[i].name == '\0' ||
			    (url.kind == URL_UNIX) != (url.host[i].port == 0))
				abort();
	}
	free(text);
	return 0;
}
