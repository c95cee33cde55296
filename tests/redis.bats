#!/usr/bin/env bats
# bats file_tags=tools
# sse-redis with real servers: entries as events, how viewers resume, how errors
# are answered.
# Each test is a shell of its own, and no file is read and written at once:
# shellcheck disable=SC2030,SC2031,SC2094

load lib/helper
load lib/redis

@test "sse-redis makes an event of each entry, with the entry's own id" {
	start_redis a
	view v s
	eventually waiting 1
	cli xadd s 1-1 data one
	cli xadd s 1-2 event tick data $'two\nlines'
	cli xadd s 2-0 temperature 21.5 note $'a "b"\\\t\xff\xc3\xa9'
	cli xadd s 2-1 event empty
	eventually has v 'id: 2-1'
	kill "$VIEWER"
	eventually ended "$VIEWER"
	printf '%s\n' 'id: 0-0' 'event: start' 'data: ' '' \
		'id: 1-1' 'data: one' '' \
		'id: 1-2' 'event: tick' 'data: two' 'data: lines' '' \
		'id: 2-0' $'data: {"temperature":"21.5","note":"a \\"b\\"\\\\\\t\xef\xbf\xbd\xc3\xa9"}' '' \
		'id: 2-1' 'event: empty' 'data: {}' '' >expected
	sed 1,7d v | diff expected -
	[ ! -s v.err ]
}

@test "the example redis shares a stream, and resumes in it" {
	export SSE_CGI_DIR=$PWD/meet REDIS_STREAM=s REQUEST_METHOD=GET
	start_redis a
	export SSE_REDIS_URL=unix:$REDIS_SOCKET
	cli xadd s 1-1 data one
	HTTP_LAST_EVENT_ID=0-1 spawn "$TOP/cgi-bin/examples/redis" >v
	eventually has v 'data: one'
	cli xadd s 1-2 data two
	eventually has v 'data: two'
	HTTP_LAST_EVENT_ID=1-1 spawn "$TOP/cgi-bin/examples/redis" >w
	eventually has w 'data: two'
	refute has w 'data: one'
	env -u REQUEST_METHOD sse-share -Q
}

@test "sse-redis -e names the events that name no type themselves" {
	start_redis a
	cli xadd s 1-1 data one
	cli xadd s 1-2 event own data two
	view v -e given -n 2 s
	eventually has v 'data: two'
	[ "$(grep ^event: v)" = $'event: given\nevent: own' ]
}

@test "sse-redis sends a new viewer no old entry, or -n COUNT of them" {
	start_redis a
	for i in {1..300}; do echo "xadd s $i-0 data $i"; done | cli >/dev/null
	for count in 0 1 2 127 128 129 299 300 301; do
		view v.$count -n $count s
	done
	# all viewers have the last entry before a new one is added
	eventually waiting 9
	cli xadd s 301-0 data 301
	for count in 0 1 2 127 128 129 299 300; do
		eventually has v.$count 'data: 301'
		[ "$(ids_of v.$count)" = "$(ids | tail -n $((count + 1)))" ]
	done
	eventually has v.301 'data: 301'
	[ "$(grep -c ^data: v.301)" = 301 ]
}

# bats test_tags=slow
@test "sse-redis goes on after Last-Event-ID, at any of several servers" {
	start_redis a
	cli xadd s 5-1 data one
	cli xadd s 5-2 data two
	cli xadd s 6-0 data three
	HTTP_LAST_EVENT_ID=5-1 view v s
	eventually has v 'data: three'
	[ "$(ids_of v)" = $'5-2\n6-0' ]

	first=$REDIS_PORT REDIS_PORT=
	start_redis b --replicaof 127.0.0.1 "$first"
	eventually has_entries 3
	QUERY_STRING=lastEventId=5-2 view w s
	eventually has w 'data: three'
	[ "$(ids_of w)" = 6-0 ]
}

@test "sse-redis treats a Last-Event-ID that is no id of a stream as a new viewer's" {
	start_redis a
	cli xadd s 5-1 data old
	n=0
	for id in 5 5- -1 5-0x 05-0 5-00 ' 5-0' '5-0 ' +5-0 5-0-0 '$' end \
		99999999999999999999-0 5-18446744073709551616; do
		HTTP_LAST_EVENT_ID=$id view v.$((n += 1)) s
	done
	eventually waiting $n
	cli xadd s 5-2 data new
	for ((i = 1; i <= n; i++)); do
		eventually has v.$i 'data: new'
		[ "$(ids_of v.$i)" = 5-2 ]
	done
}

@test "sse-redis sends one gap for entries that were trimmed, then goes on" {
	start_redis a
	for i in 1 2 3 4 5; do cli xadd s $i-0 data $i; done
	cli xtrim s maxlen 3
	HTTP_LAST_EVENT_ID=1-0 view v s
	eventually has v 'data: 5'
	printf '%s\n' 'id: 2-18446744073709551615' 'event: gap' \
		'data: trimmed' '' 'id: 3-0' 'data: 3' '' 'id: 4-0' 'data: 4' \
		'' 'id: 5-0' 'data: 5' '' >expected
	sed 1,7d v | diff expected -

	# a viewer that left between the gap and the next event gets no other
	HTTP_LAST_EVENT_ID=2-18446744073709551615 view again s
	eventually has again 'data: 5'
	[ "$(ids_of again)" = $'3-0\n4-0\n5-0' ]

	# a viewer that has had the oldest entry left has missed nothing
	HTTP_LAST_EVENT_ID=3-0 view oldest s
	eventually has oldest 'data: 5'
	[ "$(ids_of oldest)" = $'4-0\n5-0' ]
}

# trims N: a transaction adds N entries to "s" and keeps the last 10.
trims() {
	cli eval 'for i = 1, ARGV[1] do redis.call("XADD", KEYS[1], "MAXLEN",
		"10", "*", "data", i) end' 1 s "$1"
}

@test "sse-redis sends a live viewer a gap for what a transaction added and trimmed" {
	start_redis a
	cli xadd s '*' data one
	view v s
	eventually waiting 1
	trims 100
	eventually has v 'data: 100'
	[ "$(grep -c '^event: gap' v)" = 1 ]
	[ "$(grep -A 1 '^event: gap' v)" = $'event: gap\ndata: trimmed' ]
	[ "$(ids_of v | tail -n +2)" = "$(ids)" ]

	# all entries that it had are trimmed, but none that it had not
	trims 10
	eventually has v 'data: 10'
	for i in a b c; do
		cli xadd s maxlen 1 '*' data $i
		eventually has v "data: $i"
	done
	[ "$(grep -c '^event: gap' v)" = 1 ]
}

@test "sse-redis sends a live viewer a gap if a new stream is trimmed as it begins" {
	start_redis a
	view v s
	eventually waiting 1
	trims 100
	eventually has v 'data: 100'
	[ "$(grep -A 1 '^event: gap' v)" = $'event: gap\ndata: trimmed' ]
	[ "$(ids_of v | tail -n +2)" = "$(ids)" ]
}

# anew NAME COMMAND ...: viewer NAME has had 100-1 of the stream NAME; the
# command replaces the stream by another one.
anew() {
	local name=$1

	shift
	cli xadd "$name" 100-1 data old
	view "$name" -n 1 "$name"
	eventually has "$name" 'data: old'
	"$@"
}

# bats test_tags=slow
@test "sse-redis sends a live viewer a gap if the stream began anew" {
	start_redis a
	cli xadd other 0-5 data new1
	anew deleted cli del deleted
	anew renamed cli rename other renamed
	anew both cli eval 'redis.call("DEL", KEYS[1])
		redis.call("XADD", KEYS[1], "0-1", "data", "new1")' 1 both
	# ids that go on where the others ended, and a count that does not
	for i in 1 2 3; do cli xadd later $i-0 data before; done
	anew later cli eval 'redis.call("DEL", KEYS[1])
		redis.call("XADD", KEYS[1], "200-1", "data", "new1")' 1 later
	eventually waiting 4
	cli xadd deleted 1-0 data new1
	for name in deleted renamed both later; do
		cli xadd $name 201-0 data new2
		eventually has $name 'data: new2'
		has $name 'data: new1'
		[ "$(grep -A 1 '^event: gap' $name)" = \
			$'event: gap\ndata: reset' ]
		[ "$(ids_of $name | tail -n 2)" = "$(ids $name)" ]
	done
	# FLUSHALL, and what follows comes 5 seconds later: the gap does too
	anew flushed cli flushall
	eventually has flushed 'data: reset'
	cli xadd flushed 1-0 data new
	eventually has flushed 'id: 1-0'
	[ "$(ids_of flushed)" = $'100-1\n0-0\n1-0' ]
}

# place NAME: the id of the start event that a viewer got.
place() {
	grep -x -B 1 'event: start' "$1" | sed -n 's/^id: //p'
}

@test "sse-redis sends a new viewer its place, so that it misses nothing if it is cut off" {
	start_redis a
	cli xadd old 7-0 data old
	cli xadd empty 7-0 data gone
	cli xtrim empty maxlen 0
	cli xgroup create made group 0 mkstream
	for name in old empty made none; do
		view $name $name
	done
	view last -n 1 old
	eventually waiting 5
	[ "$(place old)" = 7-0 ]
	[ "$(place empty)" = 7-0 ]
	[ "$(place made)" = 0-0 ]
	[ "$(place none)" = 0-0 ]
	[ "$(ids_of last)" = 7-0 ]
	[ -z "$(place last)" ]
	# it gets the entries that came while it was away
	for name in old empty made none; do
		cli xadd $name 8-1 data one
		cli xadd $name 8-2 data two
		HTTP_LAST_EVENT_ID=$(place $name) view back.$name $name
		eventually has back.$name 'data: two'
		[ "$(ids_of back.$name | tail -n 2)" = $'8-1\n8-2' ]
		[ -z "$(place back.$name)" ]
	done
	# or a gap tells that it may not be: 7-0 is gone, which came just before
	[ "$(grep -l '^event: gap' back.*)" = back.empty ]
	trims 100
	HTTP_LAST_EVENT_ID=0-0 view trimmed s
	eventually has trimmed 'data: 100'
	has trimmed 'data: trimmed'
	[ "$(ids_of trimmed | tail -n +2)" = "$(ids)" ]
}

@test "sse-redis sends a viewer that comes back a gap if the stream began anew" {
	start_redis a
	cli xadd s 1-0 data one
	for id in 7-0 18446744073709551615-18446744073709551615; do
		HTTP_LAST_EVENT_ID=$id view v.$id s
		eventually has v.$id 'data: one'
		[ "$(grep -A 1 '^event: gap' v.$id)" = \
			$'event: gap\ndata: reset' ]
		[ "$(ids_of v.$id)" = $'0-18446744073709551615\n1-0' ]
	done
}

@test "sse-redis sends a gap to a viewer that missed entries of an emptied stream" {
	start_redis a
	cli xadd s 1-0 data one
	cli xadd s 2-0 data two
	cli xtrim s maxlen 0
	HTTP_LAST_EVENT_ID=2-0 view had s
	HTTP_LAST_EVENT_ID=1-0 view missed s
	eventually waiting 2
	cli xadd s 3-0 data three
	eventually has had 'id: 3-0'
	eventually has missed 'id: 3-0'
	[ "$(ids_of had)" = 3-0 ]
	[ "$(ids_of missed)" = $'2-0\n3-0' ]
	has missed 'data: trimmed'
}

@test "sse-redis waits for a stream that is not there yet" {
	start_redis a
	view v s
	eventually waiting 1
	cli xadd s 1-0 data first
	eventually has v 'id: 1-0'
	[ "$(ids_of v)" = 1-0 ]
}

# A request that ends by itself: into the files NAME and NAME.err, with STATUS.
request() {
	local name=$1

	shift
	STATUS=0
	REQUEST_METHOD=${METHOD:-GET} timeout 100 sse-redis -w 90 \
		-u "${REDIS_URL:-unix:$REDIS_SOCKET}" "$@" >"$name" \
		2>"$name.err" || STATUS=$?
}

# refused NAME TEXT: 500 to the viewer without details, TEXT in the log.
refused() {
	[ "$STATUS" = 1 ]
	[ "$(head -n 1 "$1")" = $'Status: 500 Internal Server Error\r' ]
	[ "$(tail -n 1 "$1")" = '500 Internal Server Error' ]
	[ "$(wc -l <"$1.err")" = 1 ]
	grep -qF -e "$2" "$1.err"
}

# sent_back NAME TEXT: the viewer is told to reconnect, TEXT is in the log.
sent_back() {
	[ "$STATUS" = 1 ]
	[ "$(head -n 1 "$1")" = $'Content-Type: text/event-stream\r' ]
	grep -qxE 'retry: (5|6|7|8|9|1.)...' "$1"
	[ "$(wc -l <"$1.err")" = 1 ]
	grep -qF -e "$2" "$1.err"
}

@test "sse-redis answers 500 if waiting cannot help" {
	start_redis a
	REDIS_URL="unix:$REDIS_SOCKET?db=99" request v s
	refused v 'DB index'
	REDIS_URL=unix:/$(head -c 200 /dev/zero | tr '\0' x) request v s
	refused v 'path is too long'
	for REDIS_URL in redis://x@h redis://h:0 redis://h:x redis://:%zz@h \
		http://h redis://h,i redis+sentinel://h redis://h?db=1 \
		redis://::1 'unix:s' redis://h/x redis://h/1/2; do
		request v s
		[ "$STATUS" = 2 ]
		grep -q "^sse-redis: the server's URL: " v.err
		[ "$(head -n 1 v)" = $'Status: 500 Internal Server Error\r' ]
	done
}

@test "sse-redis tells a refused viewer to come back if an operator can mend it" {
	start_redis a
	cli set text value
	request v text
	sent_back v WRONGTYPE
	cli acl setuser reader on '>secret' '~s' +@read
	cli acl setuser narrow on '>secret' '~s' +xread
	cli config set requirepass s3cret
	request v s
	sent_back v NOAUTH
	REDIS_URL=unix://:wrong@$REDIS_SOCKET request v s
	sent_back v WRONGPASS
	REDIS_URL=unix://reader:secret@$REDIS_SOCKET request v other
	sent_back v NOPERM
	REDIS_URL=unix://narrow:secret@$REDIS_SOCKET request v s
	sent_back v NOPERM
}

# bats test_tags=slow
@test "sse-redis closes the stream if the key becomes one of another type" {
	start_redis a
	view v s
	eventually waiting 1
	cli set s text
	# a server answers waiting clients only once it has an entry for them
	cli xadd other '*' data x
	eventually ended "$VIEWER"
	grep -q WRONGTYPE v.err
	[ "$(wc -l <v.err)" = 1 ]
	run ! grep -q Status v
}

@test "sse-redis never prints a password" {
	start_redis a --requirepass s3cret
	view v s
	eventually ended "$VIEWER"
	for url in redis://:Xs3cretX@127.0.0.1:$REDIS_PORT \
		redis://u:Xs3cretX@127.0.0.1:$REDIS_PORT \
		redis://Xs3cretX@127.0.0.1 "redis://:Xs3cretX@h:x" \
		"unix://:Xs3cretX@$REDIS_SOCKET" 'redis://u:Xs3cretX%@h'; do
		STATUS=0
		SSE_REDIS_URL=$url REQUEST_METHOD=GET \
			timeout 100 sse-redis -w 90 s >v 2>v.err || STATUS=$?
		[ "$STATUS" != 0 ]
		[ "$(wc -l <v.err)" = 1 ]
		run ! grep Xs3cretX v v.err
	done
}

@test "sse-redis takes user, password and database from SSE_REDIS_URL" {
	start_redis a --databases 4
	cli acl setuser 'a@b:/' on '>p:@/? %' '~s' +@read +select
	cli -n 3 xadd s 1-0 data third
	SSE_REDIS_URL="redis://a%40b%3a%2F:p%3a%40%2f%3f%20%25@127.0.0.1:$REDIS_PORT/3"
	export SSE_REDIS_URL
	spawn sse-redis -n 1 s >v 2>v.err
	eventually has v 'data: third'
	kill $!
	eventually ended $!
	run ! grep -q . v.err
	# -u stands before it
	REDIS_URL=redis://127.0.0.1:1 view w s
	eventually grep -q 'Connection refused' w.err
}

@test "sse-redis answers HEAD without asking the server" {
	REDIS_URL=redis://127.0.0.1:1 METHOD=HEAD request v s
	[ "$STATUS" = 0 ]
	grep -q '^Content-Type: text/event-stream' v
	[ "$(wc -l <v)" = 5 ]
	REDIS_URL=redis://127.0.0.1:1 METHOD=POST request v s
	grep -q '^Status: 405' v
}

# bats test_tags=slow
@test "sse-redis opens the stream without a server, and goes on once there is one" {
	REDIS_PORT=$(free_port)
	REDIS_URL=redis://localhost:$REDIS_PORT view v -k 0.2 s
	eventually has v $'Content-Type: text/event-stream\r'
	eventually grep -q 'Connection refused; trying again' v.err
	eventually keepalives v 5
	start_redis a
	eventually waiting 1
	cli xadd s 1-0 data hello
	eventually has v 'data: hello'
	[ "$(wc -l <v.err)" = 1 ]
}

keepalives() {
	[ "$(grep -c '^:' "$1")" -ge "$2" ]
}

@test "sse-redis sends every entry once across restarts of the server" {
	start_redis a --appendonly yes --appendfsync always
	view v s
	eventually waiting 1
	for round in 1 2 3; do
		for i in {1..20}; do
			echo "xadd s * data $round.$i"
		done | cli >/dev/null
		# KILL loses nothing that was answered: it is on the disk
		kill -9 "$REDIS_PID"
		eventually ended "$REDIS_PID"
		start_redis a --appendonly yes --appendfsync always
	done
	cli xadd s '*' data last
	eventually has v 'data: last'
	[ "$(ids_of v)" = "$(ids)" ]
	[ "$(ids | wc -l)" = 61 ]
	run ! grep -q gap v
}

@test "sse-redis asks for entries by id alone" {
	start_redis a
	cli xadd s 1-0 data old
	spawn redis-cli -s "$REDIS_SOCKET" monitor >log
	eventually has log OK
	view v s
	eventually waiting 1
	eventually grep -q '"XREAD".*"BLOCK" "[0-9]*" "STREAMS" "s" "1-0"' log
	cli client kill type normal skipme yes >/dev/null
	start=$SECONDS
	eventually test_reads 3
	run ! grep -F '"$"' log
	cli xadd s 2-0 data new
	eventually has v 'data: new'
	echo "after $((SECONDS - start)) s"
}

test_reads() {
	cli info commandstats >stats
	[ "$(sed -n 's/^cmdstat_xread:calls=\([0-9]*\).*/\1/p' stats)" -ge "$1" ]
}

@test "sse-redis ends when its viewer leaves, also while no entry comes" {
	start_redis a
	mkfifo pipe
	view v s
	exec 9<>pipe
	spawn sse-redis -u "unix:$REDIS_SOCKET" s >pipe 9>&-
	program=$!
	read -r _ <&9
	exec 9>&-
	eventually ended $program
	kill "$VIEWER"
	eventually ended "$VIEWER"
	eventually waiting 0
}

# A listening socket whose queue is full, so that no connection is answered.
full_port() {
	perl -MIO::Socket::INET -e '
		my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1",
			LocalPort => $ARGV[0], Listen => 1) or die;
		listen $server, 0;
		my @clients = map { IO::Socket::INET->new(Blocking => 0,
			PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) } 1 .. 3;
		open my $full, ">", "full";
		sleep 600' "$1"
}

child_of() {
	CHILD=$(cat "/proc/$1/task/$1/children") && [ -n "$CHILD" ]
}

# bats test_tags=slow
@test "sse-redis gives up a connection that is not answered, and tries again" {
	port=$(free_port)
	spawn full_port "$port"
	eventually test -e full
	export REDIS_URL=redis://127.0.0.1:$port
	view killed s
	eventually child_of "$VIEWER"
	child=${CHILD% }
	kill -9 "$VIEWER"
	DEADLINE=4 eventually ended "$child"
	view v -k 0.5 s
	DEADLINE=60 eventually grep -q 'no answer in time; trying again' v.err
	[ "$(grep -c ^: v)" -ge 10 ]
}

@test "sse-redis sends a gap to a viewer that reads slower than the stream is trimmed" {
	start_redis a
	cli config set client-output-buffer-limit 'normal 0 0 0'
	mkfifo pipe
	exec 9<>pipe
	spawn sse-redis -u "unix:$REDIS_SOCKET" s >pipe 9>&-
	eventually waiting 1
	# much more than pipe and buffers hold; then the oldest are trimmed
	data=$(head -c 3000 /dev/zero | tr '\0' x)
	for i in {1..400}; do echo "xadd s $i-0 data $data"; done | cli >/dev/null
	cli xtrim s maxlen 10
	cli xadd s 401-0 data last
	grep -m 1 -B 10000 '^data: last' <&9 >v
	exec 9>&-
	[ "$(grep -A 1 '^event: gap' v)" = $'event: gap\ndata: trimmed' ]
	# all before the gap, the gap, and all that there is
	ids_of v >got
	gap=$(grep -n -m 1 18446744073709551615 got | cut -d : -f 1)
	head -n $((gap - 1)) got | diff - <(seq -f %g-0 $((gap - 1)))
	tail -n +$((gap + 1)) got | diff - <(seq -f %g-0 391 401)
}

@test "sse-redis sends entries that together are larger than a reply may be" {
	start_redis a
	head -c 5000000 /dev/zero | tr '\0' x >data
	for i in 1 2 3 4; do cli -x xadd s $i-0 data <data; done
	cli xadd s 5-0 data last
	DEADLINE=120
	HTTP_LAST_EVENT_ID=0-0 view v s
	eventually has v 'data: last'
	[ "$(ids_of v)" = "$(ids)" ]
	# memory for no more than one reply was taken
	grep VmHWM "/proc/$VIEWER/status"
	grep -q __asan_init "$TOP/sse-redis" ||
		[ "$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' \
			"/proc/$VIEWER/status")" -lt 65536 ]
	# a single entry that is too large is an error
	head -c 17000000 /dev/zero | tr '\0' x |
		cli -x xadd s 11-0 data
	eventually ended "$VIEWER"
	[ "$(grep -c 'too large' v.err)" = 1 ]
}

# Keys and certificates: an authority, a server for localhost, a client.
make_certificates() {
	local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)

	openssl req -x509 "${key[@]}" -days 2 -subj /CN=ca \
		-keyout ca.key -out ca.pem 2>/dev/null
	for name in server client; do
		openssl req "${key[@]}" -subj /CN=$name \
			-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
			-keyout $name.key -out $name.csr 2>/dev/null
		openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key \
			-CAcreateserial -days 2 -copy_extensions copy \
			-out $name.pem 2>/dev/null
	done
}

@test "sse-redis reads by TLS, and checks the server's certificate" {
	export DEADLINE=90
	make_certificates
	tls=$(free_port)
	start_redis a --tls-port "$tls" --tls-cert-file "$PWD/server.pem" \
		--tls-key-file "$PWD/server.key" \
		--tls-ca-cert-file "$PWD/ca.pem"
	cli xadd s 1-0 data one

	# the server requires a client certificate, which is its default
	export SSE_REDIS_CACERT=ca.pem
	SSE_REDIS_CERT=client.pem SSE_REDIS_KEY=client.key \
		REDIS_URL=rediss://localhost:$tls view v -n 1 s
	eventually has v 'data: one'
	cli xadd s 2-0 data "$(head -c 100000 /dev/zero | tr '\0' x)"
	cli xadd s 3-0 data three
	eventually has v 'data: three'
	[ "$(ids_of v)" = "$(ids)" ]

	cli config set tls-auth-clients no
	REDIS_URL=rediss://127.0.0.1:$tls view w -n 1 s
	eventually has w 'data: three'
	# its certificate is not for this address
	SSE_REDIS_CACERT=ca.pem REDIS_URL="rediss://[::ffff:127.0.0.1]:$tls" \
		request x s
	sent_back x 'TLS: '
	SSE_REDIS_CACERT=/nowhere REDIS_URL=rediss://localhost:$tls request x s
	sent_back x 'a certificate or key file cannot be used'
	SSE_REDIS_CACERT=client.pem REDIS_URL=rediss://localhost:$tls \
		request x s
	sent_back x 'TLS: '
	# no certificate of the system's is for it either
	unset SSE_REDIS_CACERT
	REDIS_URL=rediss://localhost:$tls request x s
	sent_back x 'TLS: '
}

@test "sse-redis under sse-share: one connection for all viewers, who resume" {
	start_redis a
	cli xadd s 1-0 data one
	make_site
	cgi stream <<-END
		#!/bin/sh
		exec "$PROGRAMS_DIR/sse-share" -n 2 -b 4096 -l 1 -f -- \
			"$(command -v sse-redis)" -u "unix:$REDIS_SOCKET" s
	END
	start_lighttpd
	for i in 1 2 3 4 5 6 7 8; do
		spawn curl -sN "$URL/cgi-bin/stream" >v.$i
	done
	for i in 1 2 3 4 5 6 7 8; do
		eventually grep -q '^:' v.$i
	done
	eventually waiting 1
	cli xadd s 2-0 data two
	for i in 1 2 3 4 5 6 7 8; do
		eventually has v.$i 'data: two'
	done
	waiting 1

	# within the ring it is sse-share that replays, with Redis' own ids
	spawn curl -sN -H 'Last-Event-ID: 2-0' "$URL/cgi-bin/stream" >again
	eventually grep -q '^:' again
	# before the ring it is Redis, until it has come to what the ring has
	spawn curl -sN -H 'Last-Event-ID: 0-0' "$URL/cgi-bin/stream" >further
	eventually has further 'data: two'
	eventually waiting 1
	cli xadd s 3-0 data three
	eventually has again 'data: three'
	eventually has further 'data: three'
	for i in 1 2 3 4 5 6 7 8; do
		eventually has v.$i 'data: three'
		[ "$(ids_of v.$i)" = $'2-0\n3-0' ]
	done
	[ "$(ids_of again)" = 3-0 ]
	[ "$(ids_of further)" = $'1-0\n2-0\n3-0' ]
	stop_all
	nothing_left
}

# bats test_tags=slow
@test "200 viewers with 200 ids, the channel of sse-redis killed: one channel, few programs" {
	start_redis a
	mkdir -m 700 meet
	export REDIS_SOCKET SSE_REDIS_URL="unix://$REDIS_SOCKET"
	SSE_CGI_DIR=$PWD/meet timeout 150 python3 "$TOP/tests/tools/share.py" \
		herd 200 "sse-redis -n 0" 3>&-
}
