#!/usr/bin/env bats
# bats file_tags=tools
# sse-redis with a server that is not Redis, or is hostile: memory stays
# bounded, and sse-redis tries again or ends with a clear error.
# shellcheck disable=SC2030,SC2031 # each test is a shell of its own

load lib/helper
load lib/redis

# Starts a viewer for each way to be hostile, within 128 MB of addresses: a
# sanitizer needs more of them than there is memory.
start_viewers() {
	port=$(free_port)
	spawn perl "$TOP/tests/tools/hostile.pl" "$port" >server.log 2>&1
	eventually listens "$port"
	perl "$TOP/tests/tools/hostile.pl" 0 list >names
	sanitized sse-redis || ulimit -v 131072
	n=0
	while read -r name; do
		REDIS_URL=redis://:s3cret@127.0.0.1:$port/$((n += 1)) \
			view "$name" -k 0.5 s
		echo "$VIEWER" >"$name.pid"
	done <names
	ulimit -v unlimited 2>/dev/null || :
}

# says NAME TEXT: that viewer's one line of error.
says() {
	eventually grep -qF -e "$2" "$1.err" ||
		{ cat "$1.err" && return 1; }
	[ "$(wc -l <"$1.err")" = 1 ]
}

# goes_on NAME TEXT: it says so, and tries again.
goes_on() {
	says "$1" "$2; trying again"
	[ -e "/proc/$(cat "$1.pid")" ]
	eventually keepalives "$1"
}

keepalives() {
	[ "$(grep -c '^:' "$1")" -ge 2 ]
}

# ends NAME TEXT: it says so, and ends.
ends() {
	says "$1" "$2"
	eventually ended "$(cat "$1.pid")"
	[ "$(grep -c '^:' "$1")" -le 60 ]
}

# bats test_tags=slow
@test "sse-redis survives a hostile server, within a bound of memory" {
	start_viewers
	goes_on garbage 'this is not the Redis protocol'
	# whatever hiredis accepts: version 1 has no limit
	goes_on deep 'this is not the Redis protocol'
	goes_on negative 'this is not the Redis protocol'
	goes_on number 'this is not the Redis protocol'
	goes_on slow 'this is not the Redis protocol'
	goes_on slow_bulk 'no answer in time'
	goes_on mute 'no answer in time'
	goes_on shape 'unexpected reply'
	goes_on info 'unexpected reply'
	goes_on entry 'unexpected reply'
	goes_on unasked 'unsolicited reply'
	goes_on loading 'LOADING the dataset'
	goes_on closed 'the connection was closed'
	goes_on echo "the server's answer is left out"
	ends array 'too large'
	ends bulk 'too large'
	ends line 'too large'
	ends many 'too large'
	run grep -l -e s3cret -e $'\e' ./*.err
	[ "$status" = 1 ]
}

@test "sse-redis goes on once a server has loaded its data" {
	port=$(free_port)
	spawn perl "$TOP/tests/tools/hostile.pl" "$port" >server.log 2>&1
	server=$!
	eventually listens "$port"
	perl "$TOP/tests/tools/hostile.pl" 0 list >names
	mode=$(grep -n -x loading names | cut -d : -f 1)
	REDIS_URL=redis://127.0.0.1:$port/$mode view v s
	eventually grep -q 'LOADING.*trying again' v.err
	kill "$server"
	eventually ended "$server"
	REDIS_PORT=$port
	start_redis a --databases 64
	eventually waiting 1
	cli -n "$mode" xadd s 1-0 data one
	eventually has v 'data: one'
	[ "$(wc -l <v.err)" = 1 ]
}

@test "sse-redis follows a cluster's MOVED to the node that has the stream" {
	start_redis a --cluster-enabled yes
	one=$REDIS_SOCKET one_port=$REDIS_PORT REDIS_PORT=
	start_redis b --cluster-enabled yes
	# each has half of the slots; the stream "s" is in 3828
	redis-cli -s "$one" cluster addslotsrange 8192 16383
	cli cluster addslotsrange 0 8191
	redis-cli -s "$one" cluster meet 127.0.0.1 "$REDIS_PORT"
	eventually cluster_is_up "$one"
	eventually cluster_is_up "$REDIS_SOCKET"
	cli xadd s 1-0 data one
	# a node says where another is: by its address, not at all, by "?"
	for kind in ip unknown-endpoint hostname; do
		redis-cli -s "$one" config set \
			cluster-preferred-endpoint-type $kind
		REDIS_URL=redis://127.0.0.1:$one_port view v.$kind -n 1 s
		eventually has v.$kind 'data: one'
	done
	redis-cli -s "$one" xlen s | grep -qF '?:'
	eventually waiting 3
	cli xadd s 2-0 data two
	for kind in ip unknown-endpoint hostname; do
		eventually has v.$kind 'data: two'
		[ ! -s v.$kind.err ]
	done
}

cluster_is_up() {
	redis-cli -s "$1" cluster info | grep -q cluster_state:ok
}
