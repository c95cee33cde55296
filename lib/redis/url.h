/*
 * url: parses the URL of a Redis server:
 *
 *   redis://[[user]:password@][host][:port][/db]      rediss:// is TLS
 *   unix:[//[[user]:password@]]/path[?db=N]
 *   redis+sentinel://[[user]:password@]host[:port][,host[:port]...]/NAME[/db]
 *
 * User, password, path and NAME are percent-decoded (RFC 3986 section 2.1); an
 * IPv6 address is in brackets. rediss+sentinel:// is TLS to the Sentinels and
 * to the server.
 */
#ifndef URL_H
#define URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_MAX 4096     /* bytes of text */
#define URL_HOSTS_MAX 16 /* Sentinels in one URL */
#define URL_DB_MAX 1000000

enum url_kind { URL_TCP, URL_UNIX, URL_SENTINEL };

struct url_host {
	const char *name; /* without brackets, never empty; or a path */
	uint16_t port;    /* 0 with a path */
};

/* The strings belong to the url. */
struct url {
	enum url_kind kind;
	bool tls;
	const char *user;     /* NULL for the default user */
	const char *password; /* NULL if there is none */
	/* for the Sentinels; not in the text: the caller may set them */
	const char *sentinel_user, *sentinel_password;
	struct url_host host[URL_HOSTS_MAX];
	size_t hosts;     /* one; with URL_SENTINEL one or more */
	const char *name; /* URL_SENTINEL: its name of the primary */
	unsigned int db;
	char text[URL_MAX + 1]; /* what the strings point into */
};

/*
 * Parses text. Returns NULL, or what is wrong with it: a fixed string that
 * repeats nothing of text, which may hold a password.
 */
const char *url_parse(struct url *url, const char *text);

#endif
