/*
 * url: copies the text once, cuts it up and percent-decodes it in place.
 */
#include "url.h"

#include <string.h>

#include "../util.h"

#define PORT 6379
#define PORT_SENTINEL 26379

/* Percent-decodes in place. Returns 0, or -1: a bad escape, or a NUL. */
static int
decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		int byte = util_percent(text);

		if (byte == 0 || (byte == -1 && *text == '%'))
			return -1;
		*to++ = (char)(byte == -1 ? *text : byte);
		text += byte == -1 ? 0 : 2;
	}
	*to = '\0';
	return 0;
}

/* Ends text at the first c. Returns what follows, or NULL if there is none. */
static char *
cut(char *text, char c)
{
	char *at = strchr(text, c);

	if (at == NULL)
		return NULL;
	*at = '\0';
	return at + 1;
}

/* Parses and decodes [user]:password. Returns NULL, or what is wrong. */
static const char *
parse_user(struct url *url, char *text)
{
	char *password = cut(text, ':');

	if (password == NULL)
		return "a user without a password";
	if (decode(text) == -1 || decode(password) == -1)
		return "a bad percent-escape in the user or the password";
	url->user = *text != '\0' ? text : NULL;
	url->password = password;
	return NULL;
}

/* host[:port]; an empty host is this machine. */
static const char *
parse_host(struct url *url, char *text, uint16_t port)
{
	char *end = text + strcspn(text, ":");
	uint64_t number = port;

	if (*text == '[') {
		end = strchr(++text, ']');
		if (end == NULL || end == text)
			return "an IPv6 address without its brackets";
		*end++ = '\0';
	}
	if (*end == ':' && util_number(end + 1, 1, UINT16_MAX, &number) == -1)
		return "a port that is no number from 1 to 65535";
	if (*end != ':' && *end != '\0')
		return "a bad host";
	*end = '\0';
	if (text[strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_:%")] != '\0')
		return "a bad host";
	url->host[url->hosts].name = *text == '\0' ? "127.0.0.1" : text;
	url->host[url->hosts++].port = (uint16_t)number;
	return NULL;
}

static const char *
parse_hosts(struct url *url, char *text, uint16_t port)
{
	const char *wrong = NULL;
	char *next;

	for (; wrong == NULL && text != NULL; text = next) {
		next = cut(text, ',');
		if (url->kind != URL_SENTINEL && next != NULL)
			return "more than one host";
		if (url->hosts == URL_HOSTS_MAX)
			return "too many hosts";
		wrong = parse_host(url, text, port);
	}
	return wrong;
}

static const char *
parse_db(struct url *url, const char *text)
{
	uint64_t db = 0;

	if (*text != '\0' && util_number(text, 0, URL_DB_MAX, &db) == -1)
		return "a database that is no number";
	url->db = (unsigned int)db;
	return NULL;
}

/* [//[user@]]/path[?db=N] */
static const char *
parse_unix(struct url *url, char *text)
{
	char *query = cut(text, '?'), *path;
	const char *wrong = NULL;

	if (query != NULL && strncmp(query, "db=", 3) != 0)
		return "a query that is not db=N";
	if (strncmp(text, "//", 2) == 0)
		text += 2;
	path = strchr(text, '/');
	if (path == NULL)
		return "a path that does not begin with /";
	if (path != text && path[-1] != '@')
		return "a host before the path of a socket";
	if (path != text) {
		path[-1] = '\0';
		wrong = parse_user(url, text);
	}
	if (wrong == NULL && query != NULL)
		wrong = parse_db(url, query + 3);
	if (wrong == NULL && decode(path) == -1)
		return "a bad percent-escape in the path";
	url->host[url->hosts++].name = path;
	return wrong;
}

/* [user@]hosts[/NAME][/db] */
static const char *
parse_network(struct url *url, char *text)
{
	bool sentinel = url->kind == URL_SENTINEL;
	const char *wrong = NULL;
	char *path, *name = NULL, *at;

	if (strpbrk(text, "?#") != NULL)
		return "a query or a fragment; in a password ?, # and / are "
		       "percent-encoded";
	path = cut(text, '/');
	if (sentinel && path != NULL) {
		name = path;
		path = cut(name, '/');
	}
	if (sentinel && (name == NULL || *name == '\0' || decode(name) == -1))
		return "no /NAME of what the Sentinels watch";
	url->name = name;
	at = strrchr(text, '@');
	if (at != NULL) {
		*at = '\0';
		wrong = parse_user(url, text);
		text = at + 1;
	}
	if (wrong == NULL)
		wrong = parse_hosts(url, text, sentinel ? PORT_SENTINEL : PORT);
	if (wrong == NULL && path != NULL)
		wrong = parse_db(url, path);
	return wrong;
}

const char *
url_parse(struct url *url, const char *text)
{
	static const struct {
		const char *name;
		enum url_kind kind;
		bool tls;
	} schemes[] = {
	    {"redis://", URL_TCP, false},
	    {"rediss://", URL_TCP, true},
	    {"redis+sentinel://", URL_SENTINEL, false},
	    {"rediss+sentinel://", URL_SENTINEL, true},
	    {"unix:", URL_UNIX, false},
	};
	size_t n = strlen(text);

	*url = (struct url){.kind = URL_TCP};
	if (n > URL_MAX)
		return "longer than 4096 bytes";
	memcpy(url->text, text, n + 1);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		n = strlen(schemes[i].name);
		if (strncmp(text, schemes[i].name, n) != 0)
			continue;
		url->kind = schemes[i].kind;
		url->tls = schemes[i].tls;
		return url->kind == URL_UNIX
			   ? parse_unix(url, url->text + n)
			   : parse_network(url, url->text + n);
	}
	return "not redis://, rediss://, redis+sentinel:// or unix:";
}
