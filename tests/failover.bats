#!/usr/bin/env bats
# bats file_tags=tools
# sse-redis while machines die: a primary with a replica and a Sentinel, two
# lighttpds behind one haproxy, a steady writer, and a client that comes back.
# The client's ids are the stream's: no hole, and nothing twice.
# shellcheck disable=SC2030,SC2031 # each test is a shell of its own

load lib/helper
load lib/redis

# A primary at port A, a replica at port B, and a Sentinel that knows both.
start_group() {
	start_redis a --repl-diskless-sync-delay 0
	A=$REDIS_PORT A_PID=$REDIS_PID REDIS_PORT=
	start_redis b --replicaof 127.0.0.1 "$A"
	B=$REDIS_PORT SENTINEL=$(free_port)
	mkdir sentinel
	printf '%s\n' "port $SENTINEL" 'bind 127.0.0.1' "dir $PWD/sentinel" \
		"sentinel monitor group 127.0.0.1 $A 1" \
		'sentinel down-after-milliseconds group 1000' \
		'sentinel failover-timeout group 10000' >sentinel.conf
	spawn redis-server sentinel.conf --sentinel >>sentinel.log 2>&1
	export URL_GROUP=redis+sentinel://127.0.0.1:$SENTINEL/group
	eventually knows_replica
}

# The Sentinel has found the replica, which has what the primary has.
knows_replica() {
	redis-cli -p "$SENTINEL" sentinel replicas group 2>&1 |
		grep -qx "$B" && redis-cli -p "$B" info replication |
		grep -q 'master_link_status:up'
}

role_of() {
	redis-cli -p "$1" role 2>/dev/null | head -n 1
}

has_role() {
	[ "$(role_of "$1")" = "$2" ]
}

last_id() {
	redis-cli -p "$1" xinfo stream s 2>/dev/null |
		grep -x -A 1 last-generated-id | tail -n 1
}

same_end() {
	[ "$(last_id "$1")" = "$(last_id "$2")" ]
}

# Adds an entry a time to the server whose port the file "primary" names. The
# file "pause" makes it wait, and it answers with "paused".
write_on() {
	local n=0

	until [ -e stop ]; do
		if [ -e pause ]; then
			: >paused
			sleep 0.05
			continue
		fi
		rm -f paused
		redis-cli -p "$(cat primary)" xadd s '*' data $((n += 1))
		sleep 0.05
	done
}

# The client has so many events more than now.
flows() {
	local n

	n=$(($(wc -l <got) + 10))
	eventually has_lines got "$n"
}

has_lines() {
	[ "$(wc -l <"$1")" -ge "$2" ]
}

# Redis may lose entries if a primary dies before it has replicated them; so the
# writer waits until the replica has all. The new primary is B.
kill_primary() {
	rm -f paused
	: >pause
	eventually test -e paused
	eventually same_end "$A" "$B"
	kill -9 "$A_PID"
	eventually has_role "$B" master
	echo "$B" >primary
	rm -f pause
}

start_web() {
	mkdir -p "run.$1"
	PORT=$2 SSE_RUN=$PWD/run.$1 SSE_TOP=$SITE spawn lighttpd -D \
		-f "$TOP/conf/lighttpd.conf" >>"web.$1.log" 2>&1
	WEB_PID=$!
	eventually listens "$2"
}

start_proxy() {
	spawn haproxy -db -f haproxy.conf >>proxy.log 2>&1
	PROXY_PID=$!
	eventually listens "$PROXY"
}

configure_proxy() {
	PROXY=$(free_port)
	printf '%s\n' 'defaults' 'mode http' 'timeout connect 2s' \
		'timeout client 1h' 'timeout server 1h' 'retries 3' \
		'option redispatch' 'option http-no-delay' \
		'listen events' "bind 127.0.0.1:$PROXY" 'balance roundrobin' \
		"server one 127.0.0.1:$1 check inter 200" \
		"server two 127.0.0.1:$2 check inter 200" >haproxy.conf
}

# bats test_tags=slow,all
@test "each lighttpd, the primary and the proxy die, and a client misses nothing" {
	start_group
	echo "$A" >primary
	make_site
	# shellcheck disable=SC2154 # set by helper.bash
	cgi stream <<-END
		#!/bin/sh
		exec "$TOP/sse-redis" -u $URL_GROUP -r 100 -k 0.5 s
	END
	one=$(free_port) two=$(free_port)
	configure_proxy "$one" "$two"
	start_web one "$one"
	one_pid=$WEB_PID
	start_web two "$two"
	two_pid=$WEB_PID
	start_proxy
	spawn node "$TOP/tests/tools/failover.mjs" \
		"http://127.0.0.1:$PROXY/cgi-bin/stream" >got 2>client.err
	eventually viewed "$A"
	spawn write_on >written 2>&1
	flows

	kill -9 "$one_pid"
	flows
	start_web one "$one"
	kill -9 "$two_pid"
	flows
	start_web two "$two"

	kill_primary
	flows

	kill -9 "$PROXY_PID"
	eventually ended "$PROXY_PID"
	start_proxy
	flows

	: >stop
	eventually writer_done
	echo "$(ids | wc -l) entries"
	eventually has_lines got "$(ids | wc -l)"
	ids | diff - <(cut -d ' ' -f 1 got)
	run ! grep -v ' message ' got
}

viewed() {
	redis-cli -p "$1" client list 2>/dev/null | grep -q cmd=xread
}

# After "stop" at most one entry was still on its way.
writer_done() {
	local before

	before=$(ids | wc -l)
	sleep 0.3
	[ "$(ids | wc -l)" = "$before" ]
}

# bats test_tags=slow
@test "sse-redis goes on to the new primary if its own has become a replica" {
	start_group
	REDIS_URL=$URL_GROUP view v -k 0.5 s
	eventually viewed "$A"
	redis-cli -p "$A" xadd s 1-0 data one
	eventually same_end "$A" "$B"
	redis-cli -p "$SENTINEL" sentinel failover group
	eventually has_role "$B" master
	redis-cli -p "$B" xadd s 2-0 data two
	eventually has v 'data: two'
	eventually viewed "$B"
	eventually has_role "$A" slave
	redis-cli -p "$B" xadd s 3-0 data three
	eventually has v 'data: three'
	[ "$(ids_of v)" = $'1-0\n2-0\n3-0' ]
}

# A Sentinel at port SENTINEL that watches the server that was started last;
# more arguments are lines of its configuration.
start_sentinel() {
	SENTINEL=$(free_port)
	mkdir sentinel
	printf '%s\n' 'bind 127.0.0.1' "dir $PWD/sentinel" \
		"sentinel monitor group 127.0.0.1 $REDIS_PORT 1" \
		"${@/PORT/$SENTINEL}" >sentinel.conf
	spawn redis-server sentinel.conf --sentinel >>sentinel.log 2>&1
	eventually listens "$SENTINEL"
}

@test "sse-redis gives a Sentinel that asks a password of its own" {
	start_redis a --requirepass primary
	start_sentinel 'port PORT' 'sentinel auth-pass group primary' \
		'requirepass its-own'
	redis-cli -p "$REDIS_PORT" -a primary xadd s 1-0 data one
	export REDIS_URL=redis+sentinel://:primary@127.0.0.1:$SENTINEL/group
	SSE_REDIS_SENTINEL_PASSWORD=its-own view v -n 1 s
	eventually has v 'data: one'
	SSE_REDIS_SENTINEL_USER=default SSE_REDIS_SENTINEL_PASSWORD=its-own \
		view w -n 1 s
	eventually has w 'data: one'
	SSE_REDIS_SENTINEL_PASSWORD=wrong view x -n 1 s
	eventually ended "$VIEWER"
	grep -q 'AUTH was refused: WRONGPASS' x.err
	[ ! -s v.err ]
	[ ! -s w.err ]
}

# certificate NAME: of an authority of its own, for that name alone.
certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 2 -subj /CN=x -addext "subjectAltName=DNS:$1" \
		-keyout "$1.key" -out "$1.pem" 2>/dev/null
}

@test "sse-redis accepts a certificate for the URL's host if a Sentinel names an address" {
	certificate localhost
	certificate elsewhere
	cat localhost.pem elsewhere.pem >ca.pem
	export SSE_REDIS_CACERT=$PWD/ca.pem
	tls=(--tls-auth-clients no --tls-ca-cert-file "$PWD/ca.pem"
		--tls-cert-file "$PWD/localhost.pem"
		--tls-key-file "$PWD/localhost.key")
	start_redis a --tls-port "$(free_port)" "${tls[@]}"
	cli xadd s 1-0 data one
	REDIS_PORT=$(cli config get tls-port | tail -n 1)
	start_sentinel 'port 0' 'tls-port PORT' 'tls-replication yes' \
		"tls-cert-file $PWD/localhost.pem" 'tls-auth-clients no' \
		"tls-key-file $PWD/localhost.key" "tls-ca-cert-file $PWD/ca.pem"
	export REDIS_URL=rediss+sentinel://localhost:$SENTINEL/group
	view v -n 1 s
	eventually has v 'data: one'

	# but another's certificate is not good
	cli config set tls-cert-file "$PWD/elsewhere.pem" \
		tls-key-file "$PWD/elsewhere.key"
	view w -n 1 s
	eventually ended "$VIEWER"
	grep -q 'TLS: IP address mismatch' w.err
	refute has w 'data: one'
}

@test "sse-redis does not read from a replica that a Sentinel still names" {
	start_redis a --repl-diskless-sync-delay 0
	A=$REDIS_PORT REDIS_PORT=
	start_redis b --replicaof 127.0.0.1 "$A"
	B=$REDIS_PORT SENTINEL=$(free_port)
	redis-cli -p "$A" xadd s 1-0 data one
	# a Sentinel that is told by hand, through Redis' own protocol
	printf '%s\n' "$B" >named
	spawn perl "$TOP/tests/tools/sentinel.pl" "$SENTINEL" named
	eventually listens "$SENTINEL"
	REDIS_URL=redis+sentinel://127.0.0.1:1,127.0.0.1:$SENTINEL/group \
		view v -n 1 s
	eventually grep -q 'is not the primary any more; trying again' v.err
	run ! grep -q data: v
	echo "$A" >named
	eventually has v 'data: one'
}
