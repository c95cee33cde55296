/*
 * redis: see redis.h. A connection is a walk: pause, resolve, connect, be
 * let in, ready; a Sentinel that is asked on the way is one walk more. Any
 * failure leads back to the pause.
 */
#include "redis.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "../util.h"

#define MS INT64_C(1000000)
#define NEVER (-1)
#define ADDRESS_MAX 64 /* bytes of an IP address as text, with its scope */

void
redis_init(
    struct redis *redis, const struct url *url, const struct tls_files *files)
{
	*redis = (struct redis){.fd = -1, .url = url, .files = *files};
	redis->resolve = (struct resolve){.fd = -1, .child = -1};
	redis->random =
	    1 | ((uint64_t)util_now_ns() ^ (uint64_t)getpid() << 32);
	redis->pause_ms = REDIS_PAUSE_MIN_MS;
	conn_init(&redis->conn);
}

void
redis_free(struct redis *redis)
{
	resolve_stop(&redis->resolve);
	conn_close(&redis->conn);
	redis->fd = -1;
}

/* xorshift64: viewers that lost the same server do not return at once. */
static uint64_t
next_random(struct redis *redis)
{
	redis->random ^= redis->random << 13;
	redis->random ^= redis->random >> 7;
	redis->random ^= redis->random << 17;
	return redis->random;
}

static void
set_why(struct redis *redis, const char *format, va_list list)
{
	const char *const secrets[] = {
	    redis->url->password, redis->url->sentinel_password};

	(void)vsnprintf(redis->why, sizeof(redis->why), format, list);
	/* a server that repeats what it was told is not repeated */
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		if (secrets[i] != NULL && *secrets[i] != '\0' &&
		    strstr(redis->why, secrets[i]) != NULL)
			(void)snprintf(redis->why, sizeof(redis->why),
			    "the server's answer is left out");
}

/* Back to the pause: half of it to all of it, and next time twice as long. */
static void
pause_on(struct redis *redis)
{
	uint64_t half = (uint64_t)redis->pause_ms / 2;

	redis_free(redis);
	redis->state = REDIS_PAUSED;
	redis->pendings = 0;
	redis->ready = false;
	redis->too_large = false;
	redis->due_ns =
	    util_now_ns() + (int64_t)(half + next_random(redis) % half) * MS;
	redis->pause_ms *= 2;
	if (redis->pause_ms > REDIS_PAUSE_MAX_MS)
		redis->pause_ms = REDIS_PAUSE_MAX_MS;
}

__attribute__((format(printf, 2, 3))) static enum redis_event
lose(struct redis *redis, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	set_why(redis, format, list);
	va_end(list);
	pause_on(redis);
	return REDIS_LOST;
}

/*
 * It ends with event: REDIS_REFUSED where somebody may mend it, though not for
 * this process, whose password and files are those that it was started with.
 * Another Sentinel may be better.
 */
__attribute__((format(printf, 3, 4))) static enum redis_event
end(struct redis *redis, enum redis_event event, const char *format, ...)
{
	bool others = redis->asking && redis->url->hosts > 1;
	va_list list;

	va_start(list, format);
	set_why(redis, format, list);
	va_end(list);
	pause_on(redis);
	return others ? REDIS_LOST : event;
}

/* Who is meant, for an error line. */
static const char *
target_name(const struct redis *redis)
{
	return redis->target.name != NULL ? redis->target.name
					  : redis->url->path;
}

/* The connection failed, as errno says. */
static enum redis_event
lose_link(struct redis *redis)
{
	switch (errno) {
	case EMSGSIZE:
		(void)lose(
		    redis, "a reply is larger than %d bytes", CONN_REPLY_MAX);
		redis->too_large = true;
		return REDIS_LOST;
	case EACCES:
		if (redis->conn.tls == NULL)
			break;
		return end(redis, REDIS_REFUSED, "%s: TLS: %s",
		    target_name(redis), conn_why(&redis->conn));
	case EPROTO:
		return lose(redis, "%s: this is not the %s protocol",
		    target_name(redis), redis->conn.up ? "Redis" : "TLS");
	case ECONNRESET:
		return lose(
		    redis, "%s: the connection was closed", target_name(redis));
	}
	return lose(redis, "%s: %s", target_name(redis), strerror(errno));
}

/* Sends a command; a failure shows in the next redis_step. */
static void
send_command(struct redis *redis, enum redis_command command,
    const struct bytes *words, size_t n)
{
	if (redis->pendings == REDIS_PENDING_MAX ||
	    conn_command(&redis->conn, words, n) == -1) {
		redis_drop(redis, strerror(ENOMEM));
		return;
	}
	redis->pending[redis->pendings++] = command;
}

static struct bytes
bytes_of(const char *text)
{
	return (struct bytes){text, strlen(text)};
}

static void
send_auth(struct redis *redis, const char *user, const char *password)
{
	struct bytes words[3] = {{"AUTH", 4}};
	size_t n = 1;

	if (user != NULL)
		words[n++] = bytes_of(user);
	words[n++] = bytes_of(password);
	send_command(redis, REDIS_AUTH, words, n);
}

static void
send_role(struct redis *redis)
{
	send_command(redis, REDIS_ROLE, (struct bytes[]){{"ROLE", 4}}, 1);
}

static void
send_sentinel(struct redis *redis)
{
	struct bytes words[] = {{"SENTINEL", 8},
	    {"get-master-addr-by-name", 23}, bytes_of(redis->url->name)};

	send_command(redis, REDIS_SENTINEL, words, 3);
}

/* What is sent before the connection is ready, all at once. */
static void
greet(struct redis *redis)
{
	char digits[UTIL_DIGITS_MAX];
	struct bytes words[] = {
	    {"SELECT", 6}, {digits, util_digits(digits, redis->url->db)}};

	if (redis->asking) {
		send_sentinel(redis);
		return;
	}
	if (redis->url->password != NULL)
		send_auth(redis, redis->url->user, redis->url->password);
	if (redis->url->db != 0)
		send_command(redis, REDIS_SELECT, words, 2);
	if (redis->url->kind == URL_SENTINEL)
		send_role(redis);
}

static int64_t
in_ms(int64_t ms)
{
	return util_now_ns() + ms * MS;
}

/* When the reply that is due next must have come, or gone on coming. */
static void
expect_reply(struct redis *redis)
{
	redis->limit_ns = in_ms(redis->block_ms + REDIS_REPLY_MS);
	redis->due_ns = in_ms(redis->block_ms + REDIS_SILENCE_MS);
	redis->waiting = 0;
	if (redis->pendings == 0)
		redis->due_ns = NEVER;
}

static enum redis_event
connect_next(struct redis *redis)
{
	const char *host = redis->url->tls ? redis->target.name : NULL;
	const struct resolve_address *to;

	conn_close(&redis->conn);
	redis->pendings = 0;
	while (redis->address < redis->resolve.n) {
		to = redis->resolve.found + redis->address++;
		if (conn_open(&redis->conn, &to->address, to->n, host,
			redis->known, &redis->files) == -1)
			continue;
		redis->state = REDIS_LINKED;
		redis->due_ns = in_ms(REDIS_CONNECT_MS);
		greet(redis);
		return REDIS_WAIT;
	}
	if (redis->resolve.n == 0)
		return lose(redis, "%s: no address", target_name(redis));
	if (errno == ENOTSUP)
		return end(
		    redis, REDIS_FAILED, "this program was built without TLS");
	if (errno == EINVAL && redis->url->tls)
		return end(redis, REDIS_REFUSED,
		    "TLS: a certificate or key file "
		    "cannot be used");
	return lose_link(redis);
}

/* A socket's path is its address. */
static enum redis_event
connect_unix(struct redis *redis)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t n = strlen(redis->url->path);

	if (n >= sizeof(address.sun_path))
		return end(
		    redis, REDIS_FAILED, "the socket's path is too long");
	memcpy(address.sun_path, redis->url->path, n);
	memcpy(&redis->resolve.found[0].address, &address, sizeof(address));
	redis->resolve.found[0].n = sizeof(address);
	redis->resolve.n = 1;
	return connect_next(redis);
}

/* Who is next: where MOVED or a Sentinel sent us, a Sentinel, the host. */
static enum redis_event
start(struct redis *redis, bool sent)
{
	const struct url *url = redis->url;

	redis->asking = url->kind == URL_SENTINEL && !sent;
	if (redis->asking)
		redis->target = url->host[redis->sentinel++ % url->hosts];
	else if (!sent)
		redis->target = url->host[0];
	if (!sent)
		redis->known = NULL;
	redis->moved = false;
	redis->address = 0;
	redis->state = REDIS_RESOLVING;
	redis->due_ns = in_ms(REDIS_CONNECT_MS);
	conn_close(&redis->conn);
	if (url->kind == URL_UNIX && !sent)
		return connect_unix(redis);
	switch (resolve_start(
	    &redis->resolve, redis->target.name, redis->target.port)) {
	case 1: return connect_next(redis);
	case 0: return REDIS_WAIT;
	default: return lose(redis, "resolve: %s", strerror(errno));
	}
}

/* Takes host and port as the next target. False if they are none. */
static bool
aim(struct redis *redis, struct bytes host, struct bytes port)
{
	char digits[UTIL_DIGITS_MAX + 1];
	uint64_t number;

	if (host.n == 0 || host.n >= sizeof(redis->named) ||
	    memchr(host.at, '\0', host.n) != NULL || port.n == 0 ||
	    port.n >= sizeof(digits))
		return false;
	memcpy(digits, port.at, port.n);
	digits[port.n] = '\0';
	if (util_number(digits, 1, UINT16_MAX, &number) == -1)
		return false;
	memcpy(redis->named, host.at, host.n);
	redis->named[host.n] = '\0';
	if (redis->target.name != redis->named)
		redis->known = redis->target.name;
	redis->target.name = redis->named;
	redis->target.port = (uint16_t)number;
	return true;
}

/* The address of the server that we are connected to, or were. */
static struct bytes
answerer(const struct redis *redis, char name[ADDRESS_MAX])
{
	const struct resolve_address *from =
	    redis->resolve.found + redis->address - 1;

	/* a socket's server is on this machine */
	if (from->address.ss_family == AF_UNIX ||
	    getnameinfo((const struct sockaddr *)&from->address, from->n, name,
		ADDRESS_MAX, NULL, 0, NI_NUMERICHOST) != 0)
		return bytes_of("127.0.0.1");
	return bytes_of(name);
}

/*
 * "MOVED SLOT HOST:PORT": the server of a cluster that has the stream. Where
 * HOST is empty or "?", it is not known: the one that answered is meant.
 */
static bool
aim_moved(struct redis *redis, struct bytes text)
{
	size_t host = text.n, colon = text.n;
	char numeric[ADDRESS_MAX];
	struct bytes name;

	while (host > 0 && text.at[host - 1] != ' ')
		host--;
	while (colon > host && text.at[colon - 1] != ':')
		colon--;
	if (colon == host)
		return false;
	name = (struct bytes){text.at + host, colon - host - 1};
	if (name.n == 0 || (name.n == 1 && *name.at == '?'))
		name = answerer(redis, numeric);
	return aim(
	    redis, name, (struct bytes){text.at + colon, text.n - colon});
}

/* What an error of the server's leads to: those that are not here pass. */
static enum redis_event
kind_of(const struct reply *error)
{
	static const struct {
		const char *begin;
		enum redis_event event;
	} kinds[] = {
	    {"WRONGTYPE", REDIS_REFUSED},
	    {"NOAUTH", REDIS_REFUSED},
	    {"NOPERM", REDIS_REFUSED},
	    {"DENIED", REDIS_REFUSED},
	    {"ERR operation not permitted", REDIS_REFUSED},
	    {"ERR unknown command", REDIS_FAILED},
	    {"ERR unknown subcommand", REDIS_FAILED},
	    {"ERR wrong number", REDIS_FAILED},
	    {"ERR syntax", REDIS_FAILED},
	    {"ERR DB index", REDIS_FAILED},
	    {"ERR invalid DB", REDIS_FAILED},
	    {"ERR SELECT is not allowed", REDIS_FAILED},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (reply_begins(error, kinds[i].begin))
			return kinds[i].event;
	return REDIS_LOST;
}

/* The server refuses: waiting helps, or it does not. */
static enum redis_event
refused(
    struct redis *redis, enum redis_command command, const struct reply *reply)
{
	int n = reply->text.n < 200 ? (int)reply->text.n : 200;
	enum redis_event event = kind_of(reply);

	/* some servers say the whole command again: not the password's */
	if (command == REDIS_AUTH && !reply_begins(reply, "LOADING") &&
	    !reply_begins(reply, "ERR max number of clients"))
		return end(redis, REDIS_REFUSED, "%s: AUTH was refused%s",
		    target_name(redis),
		    reply_begins(reply, "WRONGPASS")
			? ": WRONGPASS, user or password is not right"
		    : reply_begins(reply, "ERR AUTH")
			? ": no password is set on the server"
			: "");
	if (event != REDIS_LOST)
		return end(redis, event, "%s: %.*s", target_name(redis), n,
		    reply->text.at);
	if (reply_begins(reply, "MOVED ") && aim_moved(redis, reply->text)) {
		(void)lose(redis, "%.*s", n, reply->text.at);
		redis->moved = true;
		return REDIS_LOST;
	}
	return lose(redis, "%s: %.*s", target_name(redis), n, reply->text.at);
}

/* A Sentinel names the primary: an array of host and port. */
static enum redis_event
take_primary(struct redis *redis, const struct reply *reply)
{
	const struct url *url = redis->url;
	const char *user = url->user, *password = url->password;

	if (url->sentinel_password != NULL) {
		user = url->sentinel_user;
		password = url->sentinel_password;
	}
	if (reply->type == REPLY_ERROR && reply_begins(reply, "NOAUTH") &&
	    password != NULL && redis->pendings == 0) {
		send_auth(redis, user, password);
		send_sentinel(redis);
		return REDIS_WAIT;
	}
	if (reply->type == REPLY_ERROR)
		return refused(redis, REDIS_SENTINEL, reply);
	if (reply->type != REPLY_ARRAY || reply->n != 2 ||
	    !aim(redis, reply->elements[0]->text, reply->elements[1]->text))
		return lose(redis, "%s: this Sentinel knows no such primary",
		    target_name(redis));
	return start(redis, true);
}

static enum redis_event
take_role(struct redis *redis, const struct reply *reply)
{
	if (reply->type == REPLY_ERROR)
		return refused(redis, REDIS_ROLE, reply);
	if (reply->type == REPLY_ARRAY && reply->n > 0 &&
	    reply->elements[0]->text.n == 6 &&
	    reply_begins(reply->elements[0], "master"))
		return REDIS_WAIT;
	return lose(
	    redis, "%s: is not the primary any more", target_name(redis));
}

/* A reply, to the command that is first in the queue. */
static enum redis_event
take_reply(struct redis *redis, const struct reply *reply)
{
	enum redis_command command;

	if (redis->pendings == 0)
		return lose(redis, "%s: a reply that nobody asked for",
		    target_name(redis));
	command = redis->pending[0];
	redis->pendings--;
	memmove(redis->pending, redis->pending + 1,
	    redis->pendings * sizeof(redis->pending[0]));
	if (redis->ready)
		expect_reply(redis);
	switch (command) {
	case REDIS_SENTINEL: return take_primary(redis, reply);
	case REDIS_ROLE: return take_role(redis, reply);
	case REDIS_CALLER:
		redis->reply = reply;
		if (reply->type == REPLY_ERROR &&
		    !reply_begins(reply, "ERR no such key"))
			return refused(redis, command, reply);
		return REDIS_REPLY;
	default:
		if (reply->type == REPLY_ERROR)
			return refused(redis, command, reply);
		return REDIS_WAIT;
	}
}

/* Bytes that came give the rest of their reply more time, within a limit. */
static void
extend(struct redis *redis)
{
	size_t waiting = conn_waiting(&redis->conn);
	int64_t due_ns = in_ms(REDIS_SILENCE_MS);

	if (!redis->ready || redis->pendings == 0 || waiting == redis->waiting)
		return;
	redis->waiting = waiting;
	redis->due_ns = due_ns < redis->limit_ns ? due_ns : redis->limit_ns;
}

static enum redis_event
work(struct redis *redis)
{
	const struct reply *reply;
	enum redis_event event;
	int got;

	for (;;) {
		if (conn_work(&redis->conn) == -1) {
			if (redis->conn.connected)
				return lose_link(redis);
			return connect_next(redis);
		}
		got = conn_reply(&redis->conn, &reply);
		if (got == -1)
			return lose_link(redis);
		if (got == 1) {
			event = take_reply(redis, reply);
			if (event != REDIS_WAIT || redis->state != REDIS_LINKED)
				return event;
			continue;
		}
		if (redis->conn.up && !redis->asking && !redis->ready &&
		    redis->pendings == 0) {
			redis->ready = true;
			redis->block_ms = 0;
			expect_reply(redis);
			return REDIS_READY;
		}
		if (!redis->conn.more)
			break;
	}
	extend(redis);
	return REDIS_WAIT;
}

static enum redis_event
advance(struct redis *redis)
{
	switch (redis->state) {
	case REDIS_PAUSED:
		if (util_now_ns() < redis->due_ns)
			return REDIS_WAIT;
		return start(redis, redis->moved);
	case REDIS_RESOLVING:
		switch (resolve_read(&redis->resolve)) {
		case 1: return connect_next(redis);
		case 0: return REDIS_WAIT;
		default: return lose(redis, "resolve: %s", strerror(errno));
		}
	default: return work(redis);
	}
}

/* Time is up: another address, or the pause. */
static enum redis_event
give_up(struct redis *redis)
{
	if (redis->state == REDIS_LINKED && !redis->conn.connected) {
		errno = ETIMEDOUT;
		return connect_next(redis);
	}
	return lose(redis, "%s: no answer in time", target_name(redis));
}

enum redis_event
redis_step(struct redis *redis)
{
	bool dropped = redis->dropped;
	enum redis_event event;

	redis->dropped = false;
	event = dropped ? REDIS_LOST : advance(redis);
	/* what came in time counts, also if we were late to look */
	if (event == REDIS_WAIT && redis->state != REDIS_PAUSED &&
	    redis->due_ns != NEVER && util_now_ns() >= redis->due_ns)
		event = give_up(redis);
	redis->fd = -1;
	if (redis->state == REDIS_RESOLVING) {
		redis->fd = redis->resolve.fd;
		redis->events = POLLIN;
	} else if (redis->state == REDIS_LINKED) {
		redis->fd = redis->conn.fd;
		redis->events = redis->conn.events;
	}
	return event;
}

void
redis_ask(
    struct redis *redis, const struct bytes *words, size_t n, int64_t block_ms)
{
	if (!redis->ready)
		return;
	redis->block_ms = block_ms;
	send_command(redis, REDIS_CALLER, words, n);
	if (redis->ready)
		expect_reply(redis);
}

void
redis_keep(struct redis *redis)
{
	conn_keep(&redis->conn);
}

void
redis_check(struct redis *redis)
{
	if (!redis->ready || redis->url->kind != URL_SENTINEL)
		return;
	send_role(redis);
	if (redis->ready)
		expect_reply(redis);
}

void
redis_settle(struct redis *redis)
{
	redis->pause_ms = REDIS_PAUSE_MIN_MS;
}

void
redis_drop(struct redis *redis, const char *why)
{
	(void)lose(redis, "%s: %s", target_name(redis), why);
	redis->dropped = true;
}
