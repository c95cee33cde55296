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

/* [user]:password, decoded. */
static const char *
parse_user(struct url *url, char *text)
{
	char *colon = strchr(text, ':');

	if (colon == NULL)
		return "a user without a password";
	*colon = '\0';
	if (decode(text) == -1 || decode(colon + 1) == -1)
		return "a bad percent-escape in the user or the password";
	if (*text != '\0')
		url->user = text;
	url->password = colon + 1;
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
	char *comma;

	for (; wrong == NULL && text != NULL; text = comma) {
		comma = strchr(text, ',');
		if (comma != NULL)
			*comma++ = '\0';
		if (url->kind != URL_SENTINEL && comma != NULL)
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

/* Takes what stands before the last @; *text is what follows it. */
static const char *
take_user(struct url *url, char **text)
{
	char *at = strrchr(*text, '@'), *user = *text;

	if (at == NULL)
		return NULL;
	*at = '\0';
	*text = at + 1;
	return parse_user(url, user);
}

/* [//[user@]]/path[?db=N] */
static const char *
parse_unix(struct url *url, char *text)
{
	char *query = strchr(text, '?'), *slash;
	const char *wrong = NULL;

	if (query != NULL) {
		*query++ = '\0';
		if (strncmp(query, "db=", 3) != 0)
			return "a query that is not db=N";
		wrong = parse_db(url, query + 3);
	}
	if (wrong == NULL && strncmp(text, "//", 2) == 0) {
		text += 2;
		slash = strchr(text, '/');
		if (slash == NULL)
			return "a path that does not begin with /";
		if (slash != text && slash[-1] != '@')
			return "a host before the path of a socket";
		if (slash != text) {
			slash[-1] = '\0';
			wrong = parse_user(url, text);
		}
		text = slash;
	}
	if (wrong == NULL && *text != '/')
		return "a path that does not begin with /";
	if (wrong == NULL && decode(text) == -1)
		return "a bad percent-escape in the path";
	url->host[url->hosts++].name = text;
	return wrong;
}

/* [user@]hosts[/NAME][/db] */
static const char *
parse_network(struct url *url, char *text)
{
	bool sentinel = url->kind == URL_SENTINEL;
	char *slash, *name = NULL;
	const char *wrong;

	if (strpbrk(text, "?#") != NULL)
		return "a query or a fragment; in a password ?, # and / are "
		       "percent-encoded";
	slash = strchr(text, '/');
	if (slash != NULL)
		*slash++ = '\0';
	if (sentinel && slash != NULL) {
		name = slash;
		slash = strchr(name, '/');
		if (slash != NULL)
			*slash++ = '\0';
	}
	if (sentinel && (name == NULL || *name == '\0' || decode(name) == -1))
		return "no /NAME of what the Sentinels watch";
	url->name = name;
	wrong = take_user(url, &text);
	if (wrong == NULL)
		wrong = parse_hosts(url, text, sentinel ? PORT_SENTINEL : PORT);
	if (wrong == NULL && slash != NULL)
		wrong = parse_db(url, slash);
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
