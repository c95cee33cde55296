/*
 * redis: a state machine: pause, connect (to a Sentinel first, if the URL names
 * any), log in, ready; any failure leads back to the pause. Sockets are left to
 * conn.
 */
#include "redis.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../util.h"
#include "reply.h"

#define MS INT64_C(1000000)

void
redis_init(
    struct redis *redis, const struct url *url, const struct tls_files *files)
{
	*redis = (struct redis){
	    .url = url, .files = files, .pause_ms = REDIS_PAUSE_MIN_MS};
	conn_init(&redis->conn);
}

void
redis_free(struct redis *redis)
{
	conn_close(&redis->conn);
}

/* Whether text holds the secret, if there is one. */
static bool
holds(const char *text, const char *secret)
{
	return secret != NULL && *secret != '\0' &&
	       strstr(text, secret) != NULL;
}

/*
 * Closes the connection, schedules the next one, and sets why. Returns event,
 * or LOST if another Sentinel can be asked instead.
 */
static enum redis_event
leave(struct redis *redis, enum redis_event event, const char *what,
    const char *detail)
{
	const struct url *url = redis->url;

	(void)snprintf(redis->why, sizeof(redis->why), "%.100s: %s%.200s",
	    redis->target.name, what, detail);
	/* a server's error may repeat the password */
	if (holds(redis->why, url->password) ||
	    holds(redis->why, url->sentinel_password))
		(void)snprintf(redis->why, sizeof(redis->why),
		    "the server's answer is left out");
	conn_close(&redis->conn);
	/* jittered: clients of a lost server must not return all at once */
	redis->due_ns = util_now_ns() +
			util_random(redis->pause_ms / 2, redis->pause_ms) * MS;
	redis->pause_ms *= 2;
	if (redis->pause_ms > REDIS_PAUSE_MAX_MS)
		redis->pause_ms = REDIS_PAUSE_MAX_MS;
	return redis->asking && url->hosts > 1 ? REDIS_LOST : event;
}

/* Leaves a connection that failed with errno. */
static enum redis_event
leave_conn(struct redis *redis)
{
	static const struct {
		int error;
		enum redis_event event;
		const char *why;
	} kinds[] = {
	    {ENODATA, REDIS_LOST, "no address"},
	    {ETIMEDOUT, REDIS_LOST, "no answer in time"},
	    {ECONNRESET, REDIS_LOST, "the connection was closed"},
	    {EPROTO, REDIS_LOST, "this is not the Redis protocol"},
	    {EPROTOTYPE, REDIS_LOST, "this is not the TLS protocol"},
	    {EMSGSIZE, REDIS_TOO_LARGE, "a reply is too large"},
	    {ENOKEY, REDIS_REFUSED,
		"TLS: a certificate or key file cannot be used"},
	    {ENOTSUP, REDIS_FAILED, "this program was built without TLS"},
	    {ENAMETOOLONG, REDIS_FAILED, "the socket's path is too long"},
	};

	if (errno == EKEYREJECTED)
		return leave(
		    redis, REDIS_REFUSED, "TLS: ", tls_why(redis->conn.tls));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].error == errno)
			return leave(redis, kinds[i].event, kinds[i].why, "");
	return leave(redis, REDIS_LOST, strerror(errno), "");
}

static int64_t
in_ms(int64_t ms)
{
	return util_now_ns() + ms * MS;
}

/* Sets the deadlines of the next reply: of its next byte, and of all of it. */
static void
expect_reply(struct redis *redis)
{
	redis->limit_ns = in_ms(REDIS_REPLY_MS);
	redis->due_ns = in_ms(REDIS_SILENCE_MS);
}

static void
push(struct redis *redis, enum redis_command command, char *text, int n)
{
	/* never full: the caller awaits replies before it asks again */
	if (redis->pendings < REDIS_PENDING_MAX)
		redis->pending[redis->pendings++] = command;
	conn_send(&redis->conn, text, n);
}

/* Sends a command of our own; format is that of redisFormatCommand. */
static void
send_command(
    struct redis *redis, enum redis_command command, const char *format, ...)
{
	char *text = NULL;
	va_list list;
	int n;

	va_start(list, format);
	n = redisvFormatCommand(&text, format, list);
	va_end(list);
	push(redis, command, text, n);
}

static void
send_auth(struct redis *redis, const char *user, const char *password)
{
	if (user != NULL)
		send_command(redis, REDIS_AUTH, "AUTH %s %s", user, password);
	else
		send_command(redis, REDIS_AUTH, "AUTH %s", password);
}

static void
send_sentinel(struct redis *redis)
{
	send_command(redis, REDIS_SENTINEL,
	    "SENTINEL get-master-addr-by-name %s", redis->url->name);
}

void
redis_check(struct redis *redis)
{
	if (redis->url->kind == URL_SENTINEL)
		send_command(redis, REDIS_ROLE, "ROLE");
}

/* Sends the commands that precede the caller's, without waiting for replies. */
static void
greet(struct redis *redis)
{
	const struct url *url = redis->url;

	if (redis->asking) {
		send_sentinel(redis);
		return;
	}
	if (url->password != NULL)
		send_auth(redis, url->user, url->password);
	if (url->db != 0)
		send_command(redis, REDIS_SELECT, "SELECT %u", url->db);
	redis_check(redis);
}

/* Connects: to target if sent (by a server), else to a host of the URL. */
static enum redis_event
start(struct redis *redis, bool sent)
{
	const struct url *url = redis->url;

	redis->asking = url->kind == URL_SENTINEL && !sent;
	if (!sent) {
		redis->target = url->host[redis->sentinel++ % url->hosts];
		redis->known = NULL;
	}
	redis->moved = redis->up = redis->ready = false;
	redis->pendings = 0;
	redis->due_ns = UTIL_NEVER; /* dial has its own time-outs */
	conn_close(&redis->conn);
	if (conn_open(&redis->conn, redis->target.name, redis->target.port,
		url->tls ? redis->files : NULL, redis->known) == -1)
		return leave_conn(redis);
	greet(redis);
	return REDIS_WAIT;
}

/* Takes host and port as the next target. Returns false if they are invalid. */
static bool
aim(struct redis *redis, struct bytes host, const char *port)
{
	uint64_t number;

	if (port == NULL || host.n == 0 || host.n >= sizeof(redis->named) ||
	    memchr(host.at, '\0', host.n) != NULL ||
	    util_number(port, 1, UINT16_MAX, &number) == -1)
		return false;
	memcpy(redis->named, host.at, host.n);
	redis->named[host.n] = '\0';
	if (redis->target.name != redis->named)
		redis->known = redis->target.name;
	redis->target.name = redis->named;
	redis->target.port = (uint16_t)number;
	return true;
}

/*
 * "MOVED SLOT HOST:PORT": the server of a cluster that has the stream. If HOST
 * is empty or "?", it is not known: the server that answered is meant.
 */
static bool
aim_moved(struct redis *redis, const char *text)
{
	const char *host = strrchr(text, ' '), *colon = strrchr(text, ':');
	char peer[CONN_ADDRESS_MAX];
	struct bytes name;

	if (host == NULL || colon == NULL || colon < host)
		return false;
	name = (struct bytes){host + 1, (size_t)(colon - host - 1)};
	if (name.n == 0 || (name.n == 1 && *name.at == '?')) {
		conn_peer(&redis->conn, peer);
		name = (struct bytes){peer, strlen(peer)};
	}
	return aim(redis, name, colon + 1);
}

/* The event for a server's error: LOST if it may be temporary. */
static enum redis_event
event_of(const redisReply *error)
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

/* Leaves a server that has answered command with an error. */
static enum redis_event
refused(
    struct redis *redis, enum redis_command command, const redisReply *error)
{
	enum redis_event event = event_of(error);
	bool moved;

	/* without its text: some servers repeat the password there */
	if (command == REDIS_AUTH && !reply_begins(error, "LOADING") &&
	    !reply_begins(error, "ERR max number of clients"))
		return leave(redis, REDIS_REFUSED, "AUTH was refused",
		    reply_begins(error, "WRONGPASS")
			? ": WRONGPASS, user or password is not right"
		    : reply_begins(error, "ERR AUTH")
			? ": no password is set on the server"
			: "");
	moved = reply_begins(error, "MOVED ") && aim_moved(redis, error->str);
	event = leave(redis, event, "", error->str);
	redis->moved = moved;
	return event;
}

/* Takes a Sentinel's reply: host and port of the primary. */
static enum redis_event
take_primary(struct redis *redis, const redisReply *reply)
{
	const struct url *url = redis->url;
	bool own = url->sentinel_password != NULL;
	const char *password = own ? url->sentinel_password : url->password;

	if (reply->type == REDIS_REPLY_ERROR && reply_begins(reply, "NOAUTH") &&
	    password != NULL && redis->pendings == 0) {
		send_auth(
		    redis, own ? url->sentinel_user : url->user, password);
		send_sentinel(redis);
		return REDIS_WAIT;
	}
	if (reply->type == REDIS_REPLY_ERROR)
		return refused(redis, REDIS_SENTINEL, reply);
	if (!reply_has(reply, 2) ||
	    !aim(redis, reply_text(reply->element[0]), reply->element[1]->str))
		return leave(redis, REDIS_LOST,
		    "this Sentinel knows no such primary", "");
	return start(redis, true);
}

/* Takes a reply to the first of the pending commands. */
static enum redis_event
take_reply(struct redis *redis, const redisReply *reply)
{
	enum redis_command command = redis->pending[0];

	if (redis->pendings == 0)
		return leave(redis, REDIS_LOST, "unsolicited reply", "");
	redis->pendings--;
	memmove(redis->pending, redis->pending + 1,
	    redis->pendings * sizeof(redis->pending[0]));
	if (redis->ready)
		expect_reply(redis);
	if (command == REDIS_SENTINEL)
		return take_primary(redis, reply);
	if (reply->type == REDIS_REPLY_ERROR &&
	    (command != REDIS_CALLER ||
		!reply_begins(reply, "ERR no such key")))
		return refused(redis, command, reply);
	if (command == REDIS_ROLE &&
	    (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0 ||
		!reply_is(reply->element[0], "master")))
		return leave(
		    redis, REDIS_LOST, "is not the primary any more", "");
	return command == REDIS_CALLER ? REDIS_REPLY : REDIS_WAIT;
}

/* Sets due_ns after conn_next has returned 0. */
static enum redis_event
wait_on(struct redis *redis)
{
	struct conn *conn = &redis->conn;

	if (conn->up && !redis->up) {
		redis->up = true;
		redis->due_ns = redis->limit_ns = in_ms(REDIS_CONNECT_MS);
	}
	if (conn->up && !redis->ready && !redis->asking &&
	    redis->pendings == 0) {
		redis->ready = true;
		expect_reply(redis);
		return REDIS_READY;
	}
	/* new bytes extend the time for their reply, up to limit_ns */
	if (conn->got != redis->got && redis->ready) {
		redis->due_ns = in_ms(REDIS_SILENCE_MS);
		if (redis->due_ns > redis->limit_ns)
			redis->due_ns = redis->limit_ns;
	}
	redis->got = conn->got;
	return REDIS_WAIT;
}

static enum redis_event
work(struct redis *redis)
{
	enum redis_event event;
	redisReply *reply;
	int got;

	while ((got = conn_next(&redis->conn, &reply)) == 1) {
		event = take_reply(redis, reply);
		redis->reply = reply;
		if (event != REDIS_REPLY)
			freeReplyObject(reply);
		if (event != REDIS_WAIT)
			return event;
	}
	return got == -1 ? leave_conn(redis) : wait_on(redis);
}

enum redis_event
redis_step(struct redis *redis)
{
	enum redis_event event = REDIS_WAIT;

	if (redis->conn.fd == -1 && util_now_ns() >= redis->due_ns)
		event = start(redis, redis->moved);
	if (event == REDIS_WAIT && redis->conn.fd != -1)
		event = work(redis);
	/* only now: bytes that arrived in time count, even if read late */
	if (event == REDIS_WAIT && redis->conn.fd != -1 &&
	    util_now_ns() >= redis->due_ns) {
		errno = ETIMEDOUT;
		event = leave_conn(redis);
	}
	return event;
}

void
redis_ask(struct redis *redis, char *command, int n)
{
	push(redis, REDIS_CALLER, command, n);
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
	(void)leave(redis, REDIS_LOST, why, "");
}
