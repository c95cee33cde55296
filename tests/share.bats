#!/usr/bin/env bats
# shellcheck disable=SC2026,SC2030,SC2031,SC2059,SC2094,SC2238
# sse-share: one process for all viewers. Its viewers here are pipes, as a
# web server has them; the programs that are shared are written in each test.

load lib/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export SSE_CGI_DIR=$BATS_TEST_TMPDIR/meet
	mkfifo feed
	# the shared program writes what the test writes to descriptor 7
	exec 7<>feed
	program feeder <<-'END'
		#!/bin/sh
		exec <feed
		echo $$ >>starts
		printf 'Content-Type: text/event-stream\r\n\r\n'
		exec cat
	END
}

# A channel that is left would keep descriptors of the test.
teardown() {
	exec 7>&-
	stop_all
}

program() {
	cat >"$1"
	chmod +x "$1"
}

# view NAME ARG ...: a request as a web server has it. sse-share has ended
# when it returns; what its viewer gets goes to the file NAME.
view() {
	local name=$1

	shift
	connect "$name"
	request "$name" "$@"
}

# The two halves of it: the reader, whose pid is $READER, and the request.
connect() {
	mkfifo "$1.pipe"
	spawn reader "$1"
	READER=$!
}

reader() {
	exec 7>&-
	exec cat "$1.pipe" >"$1"
}

request() {
	local name=$1

	shift
	REQUEST_METHOD=GET timeout 60 sse-share "$@" >"$name.pipe" 2>>err \
		3>&- 7>&-
}

feed() {
	printf "$@" >&7
}

# The shared program's input ends, once it has it open.
end_feed() {
	eventually test -s starts
	exec 7>&-
}

has() {
	grep -q -- "$1" "$2" 2>/dev/null
}

# Waits for a line in each of the files.
all_have() {
	local line=$1 file

	shift
	for file in "$@"; do
		eventually has "$line" "$file"
	done
}

# The frames of a file: what stands after the header's empty line, without the
# event "start".
frames() {
	sed -e '1,/^\r*$/d' -e '/^id: /{' -e '$!N' \
		-e '/\nevent: start$/{N;N;d}' -e 'P;D' -e '}' "$1"
}

ids() {
	frames "$1" | sed -n 's/^id: //p'
}

no_socket() {
	refute compgen -G "$SSE_CGI_DIR/*.sock" >/dev/null
}

# No channel, no program, no guard: but the readers end with their streams.
all_over() {
	eventually no_socket
	eventually nothing_left
}

# The pid of the only channel: the session's leader with this name.
channel_pid() {
	left_over | while read -r pid; do
		[ "$(ps -o comm=,sid= -p "$pid" | tr -s ' ')" = \
			"sse-share $pid" ] && echo "$pid"
	done || :
}

has_channel() {
	[ -n "$(channel_pid)" ]
}

@test "twenty first viewers at once make one channel and one program" {
	local i requests=

	for i in {1..20}; do
		connect "v$i"
	done
	for i in {1..20}; do
		request "v$i" -l 0 -- ./feeder &
		requests+=" $!"
	done
	# shellcheck disable=SC2086 # a list
	wait $requests
	feed 'data: one\n\n'
	for i in {1..20}; do
		eventually has '^data: one$' "v$i"
	done
	[ "$(wc -l <starts)" -eq 1 ]
	[ "$(sse-share -L | wc -l)" -eq 1 ]
	feed 'id: end\ndata: 0\n\n'
	end_feed
	all_over
	for i in {1..20}; do
		[ "$(frames "v$i" | grep -c '^data: ')" -eq 2 ]
	done
}

@test "a viewer gets the program's header and a comment before any event" {
	program slow <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/event-stream\r\nX-Own: 1\r\n\r\n'
		exec sleep 600
	END
	view v -l 0 -H 'X-Other: 2' -- ./slow
	eventually has '^:$' v
	printf '%s\r\n' 'Content-Type: text/event-stream' 'X-Own: 1' \
		'X-Other: 2' '' >expected
	printf ':\n\n' >>expected
	cmp -n "$(wc -c <expected)" expected v
	kill "$READER"
	all_over
}

# The id of the event "start" in a file.
start_of() {
	grep -B1 '^event: start$' "$1" | sed -n 's/^id: //p'
}

@test "who had no event yet gets a start with its place, and misses nothing" {
	view a -l 600 -- ./feeder
	eventually has '^event: start$' a
	kill "$READER"
	feed 'data: 1\n\ndata: 2\n\n'
	HTTP_LAST_EVENT_ID=$(start_of a) view b -l 600 -- ./feeder
	eventually has '^data: 2$' b
	[ "$(frames b | grep '^data')" = "$(printf 'data: %s\n' 1 2)" ]
	refute has start b
	# the place after an event is that event's id
	view c -l 600 -- ./feeder
	eventually has '^event: start$' c
	[ "$(start_of c)" = "$(ids b | tail -n 1)" ]
	feed 'id: own\ndata: 3\n\n'
	eventually has '^data: 3$' c
	view d -l 600 -- ./feeder
	eventually has '^event: start$' d
	[ "$(start_of d)" = own ]
	# and one of another channel is a gap, then all that the ring has
	stop_readers
	kill "$(channel_pid)"
	eventually no_socket
	view e -l 600 -- ./feeder
	feed 'data: 4\n\n'
	eventually has '^data: 4$' e
	HTTP_LAST_EVENT_ID=$(start_of a) view f -l 600 -- ./feeder
	eventually has '^data: 4$' f
	frames f | grep -A1 '^event: gap$' | grep -qx 'data: restart'
	# who gets something at once needs no place
	view g -l 600 -n 1 -- ./feeder
	eventually has '^data: 4$' g
	refute has '^event: start$' g
	stop_readers
	kill "$(channel_pid)"
	all_over
}

@test "with -f a start has the program's own id, or there is none" {
	view a -f -l 600 -- ./feeder
	eventually has '^:$' a
	feed 'id: own\ndata: 1\n\n'
	eventually has '^data: 1$' a
	view b -f -l 600 -- ./feeder
	eventually has '^event: start$' b
	[ "$(start_of b)" = own ]
	refute has '^event: start$' a
	stop_readers
	kill "$(channel_pid)"
	all_over
}

@test "events are encoded anew; those with data and without an id get one" {
	view v -l 0 -- ./feeder
	feed '\357\273\277data:a\r\nid: own\r\n: c\r\nunknown: 1\r\n\r\n'
	feed 'event: x\rdata\r\r'
	feed ': only a comment\n\n'
	feed 'retry: 77\n\n'
	feed 'id: alone\n\n'
	feed 'id\ndata: \377\n\n'
	feed 'event: gap\ndata: g\n\n'
	feed 'retry: 78\nid: \376\ndata: 1\ndata:\n\n'
	feed 'data: last\nid: end\n\n'
	end_feed
	all_over
	id=$(ids v | grep -v '^[a-z]*.$' | head -n 1)
	[[ "$id" =~ ^[0-9a-z]+-1$ ]]
	{
		printf ':\n\nid: own\ndata: a\n\n'
		printf 'id: %s\nevent: x\ndata: \n\n' "$id"
		printf 'retry: 77\n\nid: alone\n\n'
		printf 'id: \ndata: \357\277\275\n\nevent: gap\ndata: g\n\n'
		printf 'retry: 78\n\nid: \357\277\275\ndata: 1\ndata: \n\n'
		printf 'id: end\ndata: last\n\n'
	} >expected
	frames v | cmp - expected
}

@test "who comes back with an id that was no UTF-8 goes on after it" {
	view a -l 0 -- ./feeder
	feed 'id: x\377\ndata: 1\n\ndata: 2\n\n'
	eventually has '^data: 2$' a
	HTTP_LAST_EVENT_ID=$'x\357\277\275' view b -l 0 -- ./feeder
	eventually has '^data: 2$' b
	refute has '^data: 1$' b
	refute has gap b
	stop_readers
	all_over
}

@test "a new viewer gets the last events with -n, and none without" {
	view a -l 0 -- ./feeder
	feed 'data: 1\n\ndata: 2\n\ndata: 3\n\n'
	eventually has '^data: 3' a
	view b -l 0 -n 2 -- ./feeder
	view c -l 0 -- ./feeder
	view d -l 0 -n 10 -- ./feeder
	feed 'data: 4\nid: end\n\n'
	end_feed
	all_over
	[ "$(frames a | grep '^data')" = "$(printf 'data: %s\n' 1 2 3 4)" ]
	[ "$(frames b | grep '^data')" = "$(printf 'data: %s\n' 2 3 4)" ]
	[ "$(frames c | grep '^data')" = "$(printf 'data: %s\n' 4)" ]
	[ "$(frames d | grep '^data')" = "$(printf 'data: %s\n' 1 2 3 4)" ]
}

@test "a viewer that comes back goes on after the event it had last" {
	view a -l 0 -- ./feeder
	feed 'data: 1\n\ndata: 2\n\nid: x y\ndata: 3\n\ndata: 4\n\n'
	eventually has '^data: 4' a
	export HTTP_LAST_EVENT_ID
	HTTP_LAST_EVENT_ID=$(ids a | head -n 1)
	view b -l 0 -n 1 -- ./feeder
	HTTP_LAST_EVENT_ID='x y'
	view c -l 0 -- ./feeder
	HTTP_LAST_EVENT_ID='x'
	view d -l 0 -- ./feeder
	unset HTTP_LAST_EVENT_ID
	QUERY_STRING=lastEventId=x%20y view e -l 0 -- ./feeder
	feed 'data: 5\nid: end\n\n'
	end_feed
	all_over
	[ "$(frames b | grep '^data')" = "$(printf 'data: %s\n' 2 3 4 5)" ]
	[ "$(frames c | grep '^data')" = "$(printf 'data: %s\n' 4 5)" ]
	cmp c e
	frames d | grep -A1 '^event: gap$' | grep -qx 'data: restart'
	[ "$(frames d | grep '^data: [0-9]')" = \
		"$(printf 'data: %s\n' 1 2 3 4 5)" ]
	refute has gap b
}

@test "what the ring no longer has is a gap, and the ring from its oldest" {
	local i

	view a -l 0 -b 4096 -- ./feeder
	feed 'id: first\ndata: 0\n\n'
	for i in {1..50}; do
		feed 'id: i%s\ndata: %0100d\n\n' "$i" "$i"
	done
	eventually has '^id: i50$' a
	HTTP_LAST_EVENT_ID=first view b -l 0 -- ./feeder
	HTTP_LAST_EVENT_ID=$(printf '%05000d' 1) view c -l 0 -- ./feeder
	feed 'data: 0\nid: end\n\n'
	end_feed
	all_over
	frames b | grep -A1 '^event: gap$' | grep -qx 'data: overtaken'
	ids b >of-b
	ids a | tail -n "$(wc -l <of-b)" | cmp - of-b
	[ "$(wc -l <of-b)" -ge 30 ]
	[ "$(wc -l <of-b)" -lt 50 ]
	cmp b c
}

# Says what it was started for. The numbers above its id come at once, up to
# the last one of the file "numbers"; then those that come there.
counting() {
	program counts <<-'END'
		#!/bin/sh
		echo "$HTTP_LAST_EVENT_ID,$HTTP_HOST,$QUERY_STRING" >>starts
		printf 'Content-Type: text/event-stream\r\n\r\n'
		id=${HTTP_LAST_EVENT_ID:-$1}
		tail -n +1 -f numbers | while read -r n; do
			[ "$n" -le "$id" ] || printf 'id: %s\ndata: %s\n\n' \
				"$n" "$n"
		done
	END
	seq 100 >numbers
}

one_channel() {
	[ "$(sse-share -L | wc -l)" -eq 1 ]
}

@test "with -f who is behind the ring is caught up with, then shares it" {
	counting
	export HTTP_HOST=h QUERY_STRING=a=b HTTP_PROXY=evil
	view a -f -l 600 -- ./counts 90
	all_have '^data: 100$' a
	HTTP_LAST_EVENT_ID=20 view b -f -l 600 -- ./counts 90
	HTTP_LAST_EVENT_ID=20 view c -f -l 600 -- ./counts 90
	HTTP_LAST_EVENT_ID=95 view d -f -l 600 -- ./counts 90
	all_have '^data: 100$' b c d
	eventually one_channel
	[ "$(sse-share -L | cut -f 3)" -eq 4 ]
	echo 101 >>numbers
	all_have '^data: 101$' a b c d
	[ "$(frames a | grep '^data')" = "$(seq -f 'data: %g' 91 101)" ]
	[ "$(frames b | grep '^data')" = "$(seq -f 'data: %g' 21 101)" ]
	[ "$(frames c | grep '^data')" = "$(seq -f 'data: %g' 21 101)" ]
	[ "$(frames d | grep '^data')" = "$(seq -f 'data: %g' 96 101)" ]
	[ "$(grep -c '^Content-Type' b)" -eq 1 ]
	# nothing of a request but the id
	sort -u starts | cmp - <(printf '%s\n' ,, 20,,)
	stop_readers
	kill "$(channel_pid)"
	all_over
}

@test "with -f who comes back to no channel starts one, for others too" {
	counting
	HTTP_LAST_EVENT_ID=20 view a -f -l 600 -- ./counts 90
	all_have '^data: 100$' a
	eventually one_channel
	eventually has_viewers 1
	view b -f -l 600 -n 3 -- ./counts 90
	echo 101 >>numbers
	all_have '^data: 101$' a b
	[ "$(frames a | grep '^data')" = "$(seq -f 'data: %g' 21 101)" ]
	[ "$(frames b | grep '^data')" = "$(seq -f 'data: %g' 98 101)" ]
	[ "$(grep -c ^, starts)" -eq 1 ]
	stop_readers
	kill "$(channel_pid)"
	all_over
}

has_viewers() {
	[ "$(sse-share -L | cut -f 3)" = "$1" ]
}

@test "with -f a viewer who reads slowly is handed over at its own time" {
	counting
	seq 30000 >numbers
	view a -f -l 600 -- ./counts 29990
	all_have '^data: 30000$' a
	HTTP_LAST_EVENT_ID=5 deaf b -f -l 600 -- ./counts 29990
	two_channels() { [ "$(sse-share -L | wc -l)" -eq 2 ]; }
	eventually two_channels
	touch b.go
	all_have '^data: 30000$' b
	eventually one_channel
	eventually has_viewers 2
	echo 30001 >>numbers
	all_have '^data: 30001$' b
	frames b | grep '^data' | cmp - <(seq -f 'data: %.0f' 6 30001)
	stop_readers
	kill "$(channel_pid)"
	all_over
}

@test "with -f an id is a gap where the program gives none" {
	view a -f -l 600 -- ./feeder
	feed 'data: 1\n\n'
	eventually has '^data: 1$' a
	HTTP_LAST_EVENT_ID=x view b -f -l 600 -- ./feeder
	eventually has '^data: 1$' b
	frames b | grep -A1 '^event: gap$' | grep -qx 'data: restart'
	[ "$(wc -l <starts)" -eq 1 ]
	stop_readers
	kill "$(channel_pid)"
	all_over
}

@test "with -f a channel that dies sends back who was to come there" {
	counting
	view a -f -l 600 -- ./counts 200
	eventually has '^:$' a
	first=$(channel_pid)
	HTTP_LAST_EVENT_ID=20 view b -f -l 600 -- ./counts 200
	eventually has '^data: 100$' b
	kill -9 "$first"
	eventually ended "$READER"
	[[ "$(tail -n 2 b | head -n 1)" =~ ^'retry: '[0-9]+$ ]]
	eventually nothing_left # but dead sockets
}

# bats test_tags=slow
@test "200 viewers with 200 ids, the channel killed: one channel, few programs" {
	timeout 150 python3 "$TOP/tests/tools/share.py" herd 200 "sse-tail -n 0" \
		2>err 3>&- 7>&-
	all_over
}

@test "-Q ends channels, all or those with a key, and viewers come back" {
	view a -l 600 -K one -- ./feeder
	reader=$READER
	view b -l 600 -K two -- ./feeder
	view c -l 600 -K three -- ./feeder
	feed 'data: 1\n\n'
	run -0 sse-share -Q one
	eventually ended "$reader"
	[[ "$(tail -n 2 a | head -n 1)" =~ ^'retry: '[0-9]+$ ]]
	[ ! -e meet/one.sock ]
	[ "$(sse-share -L | cut -f 1 | sort | tr '\n' ' ')" = 'three two ' ]
	run -1 sse-share -Q one
	[[ "$output" = *'channel one: No such'* ]]
	run -2 sse-share -Q ../one
	REQUEST_METHOD=GET run -2 sse-share -Q
	run -0 sse-share -Q
	[ -z "$output" ]
	all_over
	sse-share -Q
}

@test "a stream that has ended stays so: the end, then 204" {
	view a -l 600 -- sse-pipe -- seq 3
	eventually has '^id: end$' a
	eventually ended "$READER"
	HTTP_LAST_EVENT_ID=end view b -l 600 -- sse-pipe -- seq 3
	view c -l 600 -- sse-pipe -- seq 3
	HTTP_LAST_EVENT_ID=$(ids a | head -n 1) \
		view d -l 600 -- sse-pipe -- seq 3
	kill "$(channel_pid)"
	all_over
	# also when nobody remembers it
	HTTP_LAST_EVENT_ID=end view e -l 600 -- sse-pipe -- seq 3
	no_socket
	all_over
	[ "$(head -n 1 b)" = $'Status: 204 No Content\r' ]
	cmp b e
	[ "$(frames a | grep '^data')" = "$(printf 'data: %s\n' 1 2 3 0)" ]
	[ "$(frames c | grep '^data')" = 'data: 0' ]
	[ "$(frames d | grep '^data')" = "$(printf 'data: %s\n' 2 3 0)" ]
}

@test "who has had the end gets 204 also while the program lives on" {
	view a -l 600 -- ./feeder
	feed 'id: end\ndata: 0\n\n'
	eventually has '^id: end$' a
	HTTP_LAST_EVENT_ID=end view b -l 600 -- ./feeder
	eventually has '^Status: 204 No Content' b
	end_feed
	stop_readers
	kill "$(channel_pid)"
	all_over
}

@test "the end of a stream is forgotten after the linger" {
	view a -l 0.1 -- sse-pipe -- seq 3
	all_over
	view b -l 0.1 -- sse-pipe -- seq 3
	all_over
	[ "$(frames b | grep '^data')" = "$(printf 'data: %s\n' 1 2 3 0)" ]
}

@test "a program that fails sends its viewers away, each at its own time" {
	local i

	for i in {1..9}; do
		view "v$i" -l 0 -r 1000 -- ./feeder
	done
	feed 'data: 1\n\n'
	for i in {1..9}; do
		eventually has '^data: 1' "v$i"
	done
	kill -9 "$(cat starts)"
	all_over
	for i in {1..9}; do
		[ "$(sed -n 's/^retry: //p' "v$i" | head -n 1)" -eq 1000 ]
		retry=$(tail -n 2 "v$i" | sed -n 's/^retry: //p')
		[ "$retry" -ge 1000 ]
		[ "$retry" -le 3000 ]
		echo "$retry" >>retries
	done
	[ "$(sort -u retries | wc -l)" -gt 5 ]
	# the next one is a new channel
	view next -l 0 -- ./feeder
	[ "$(wc -l <starts)" -eq 2 ]
	feed 'data: 2\n\n'
	eventually has '^data: 2' next
	kill "$READER"
	all_over
}

@test "an answer that is no stream goes to the first viewers, without its body" {
	program absent <<-'END'
		#!/bin/sh
		until [ -e go ]; do sleep 0.05; done
		printf 'Status: 404 Gone Fishing\nContent-Type: text/plain\n\n'
		echo 'gone,'; sleep 0.1; echo 'really'
	END
	view a -l 0 -- ./absent
	view b -l 0 -- ./absent
	touch go
	all_over
	cmp a b
	printf '%s\r\n' 'Status: 404 Gone Fishing' 'Content-Type: text/plain' \
		'' | cmp - a
}

@test "a program without a header, or that is not there, is a status 500" {
	program mute <<-'END'
		#!/bin/sh
		echo no header here
	END
	program text <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/plain\n\nhello\n'
	END
	view a -l 0 -- ./mute
	view b -l 0 -- ./absent
	view c -l 0 -- ./text
	view d -l 0 -- true
	all_over
	for i in a b c d; do
		[ "$(head -n 1 $i)" = $'Status: 500 Internal Server Error\r' ]
	done
	has 'absent: No such file' err
	has 'text: its Content-Type is not text/event-stream' err
	refute grep -q 'absent' b
}

@test "a program that ended leaves a daemon; one that was killed does not" {
	local i

	program daemons <<-'END'
		#!/bin/sh
		setsid sh -c '>daemon; exec sleep 1000' >/dev/null 2>&1 3>&- 7>&- &
		until [ -e daemon ]; do sleep 0.01; done
		printf 'Content-Type: text/event-stream\n\ndata: up\n\n'
		[ "$1" = over ] || exec sleep 1001 3>&- 7>&-
	END
	pid_of() {
		left_over | while read -r pid; do
			[ "$(ps -o args= -p "$pid")" != "$1" ] || echo "$pid"
		done
	}
	# it may be reaped only after its output has ended
	for i in {1..10}; do
		rm -f daemon
		view "a$i" -l 0 -- ./daemons over
		eventually no_socket
		kill "$(pid_of 'sleep 1000')"
		all_over
	done
	rm daemon
	view b -l 0 -- ./daemons
	eventually has '^data: up' b
	kill -9 "$(pid_of 'sleep 1001')"
	all_over
}

@test "a silent program: comments come, who left is found, then it ends" {
	program silent <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/event-stream\r\n\r\n'
		trap '' TERM
		(trap '' TERM; echo $$ >>pids; exec sleep 600) &
		while :; do sleep 600; done
	END
	view a -l 0.2 -k 0.1 -- ./silent
	view b -l 0.2 -k 0.1 -- ./silent
	enough() { [ "$(grep -c '^:$' "$1")" -gt 4 ]; }
	eventually enough a
	eventually enough b
	kill "$READER"
	one_left() { [ "$(sse-share -L | cut -f 3)" = 1 ]; }
	eventually one_left
	stop_readers
	all_over
}

# Ends the readers, and nothing else that the test started.
stop_readers() {
	local pid

	for pid in $SPAWNED; do
		kill "$pid" 2>/dev/null || :
	done
}

@test "a viewer that comes within the linger finds the program running" {
	view a -l 600 -- ./feeder
	feed 'data: 1\n\n'
	eventually has '^data: 1' a
	kill "$READER"
	none_left() { [ "$(sse-share -L | cut -f 3)" = 0 ]; }
	eventually none_left
	feed 'data: 2\n\n'
	view b -l 600 -n 2 -- ./feeder
	eventually has '^data: 2' b
	[ "$(wc -l <starts)" -eq 1 ]
	feed 'id: end\ndata: 0\n\n'
	end_feed
	eventually ended "$READER"
	kill "$(channel_pid)"
	all_over
}

@test "the program gets a plain GET, without anything of one request" {
	program tells <<-'END'
		#!/bin/sh
		env >environment
		pwd >>environment
		readlink /proc/$$/fd/0 >stdin
		ls -l /proc/$$/fd >descriptors
		printf 'Content-Type: text/event-stream\r\n\r\n'
		printf 'id: end\ndata: 0\n\n'
	END
	HTTP_COOKIE=secret HTTP_PROXY=evil REMOTE_ADDR=1 REMOTE_USER=u \
		AUTH_TYPE=Basic PATH_INFO=/x QUERY_STRING=a=b SSL_CLIENT_CERT=c \
		CONTENT_TYPE=t REQUEST_URI=/u SERVER_NAME=s OPERATOR=o \
		REDIRECT_REDIRECT_UNIQUE_ID=1 SSL_CERT_FILE=/f AUTH_TOKEN=t \
		REMOTE_DB_URL=d CONTENT_DIR=c REQUEST_TIMEOUT=1 \
		view a -l 0 -- ./tells 9</etc/passwd
	all_over
	grep -qx REQUEST_METHOD=GET environment
	grep -qx QUERY_STRING= environment
	grep -qx SERVER_NAME=localhost environment
	for variable in OPERATOR=o SSL_CERT_FILE=/f AUTH_TOKEN=t \
		REMOTE_DB_URL=d CONTENT_DIR=c REQUEST_TIMEOUT=1; do
		grep -qx "$variable" environment
	done
	grep -qx "$PWD" environment
	refute grep -E '^(HTTP_|REMOTE_[AU]|AUTH_TYPE|PATH_|SSL_CLI)' environment
	refute grep -E '^(CONTENT_TYPE|REQUEST_U|REDIRECT)' environment
	[ "$(cat stdin)" = /dev/null ]
	refute grep passwd descriptors
}

@test "the channel keeps nothing of the request: no stderr, directory, files" {
	connect v
	# a web server reads a CGI program's stderr to its end
	mkfifo err.pipe
	spawn sh -c 'exec cat err.pipe >of-err'
	REQUEST_METHOD=GET sse-share -l 0 -- ./feeder >v.pipe 2>err.pipe \
		3>&- 7>&- 9</etc/passwd
	eventually ended "$!"
	channel=$(channel_pid)
	[ "$(readlink "/proc/$channel/cwd")" = / ]
	refute grep -l passwd <(ls -l "/proc/$channel/fd")
	[ "$(ps -o ppid= -p "$channel")" -ne $$ ]
	kill "$READER"
	all_over
	[ ! -s of-err ]
}

# bats test_tags=tools
@test "a channel without an stderr of its own writes to the system's log" {
	connect v
	program no-header <<-'END'
		#!/bin/sh
		printf 'it\tfails\n' >&2
	END
	export ASAN_OPTIONS=detect_leaks=0 # it does not work under strace
	# strace stays until the channel has ended
	REQUEST_METHOD=GET timeout 60 strace -f -s 200 -e trace=sendto -o trace \
		sse-share -l 0 -- ./no-header >v.pipe 3>&- 7>&- 2> >(cat >of-err)
	grep -E '"<28>sse-share\[[0-9]+\]: \./no-header: ended without a .*/dev/log' \
		trace
	grep -F './no-header: it?fails"' trace
	[ ! -s of-err ]
}

@test "the socket directory is refused if others could have a hand in it" {
	refused() {
		run -1 timeout 20 sse-share -l 0 -- ./feeder 3>&- 7>&-
		[[ "$output" = *"socket directory $SSE_CGI_DIR: $1"* ]]
		[ ! -e starts ]
	}
	mkdir elsewhere -m 700
	ln -s elsewhere meet
	refused 'it must be a directory of mode 0700'
	SSE_CGI_DIR=$SSE_CGI_DIR/ run -1 sse-share -- ./feeder 3>&- 7>&-
	[ -z "$(ls elsewhere)" ]
	rm meet
	mkdir -m 755 meet
	refused 'it must be a directory of mode 0700'
	chmod 770 meet
	refused 'it must be a directory of mode 0700'
	rmdir meet
	touch meet
	refused 'it must be a directory of mode 0700'
	rm meet
	SSE_CGI_DIR=$PWD/absent/meet
	refused 'No such file'
	# who mends it has his viewers back
	REQUEST_METHOD=GET run -1 sse-share -- ./feeder 3>&- 7>&-
	[ "${lines[1]}" = $'Content-Type: text/event-stream\r' ]
	[[ "${lines[-1]}" =~ ^retry:\ [0-9]+$ ]]
	refute grep -q "$PWD" <(printf '%s\n' "${lines[@]:1}")
}

@test "a socket directory that vanishes is refused, and the program not run" {
	mkdir -m 700 meet
	connect a
	exec 8>meet/lock
	flock 8
	HTTP_LAST_EVENT_ID=7 request a -l 0 -- ./feeder 8>&- &
	waits_for_lock() (
		exec 8>&-
		find /proc/[0-9]*/fd -lname "$PWD/meet/lock" \
			-not -path "/proc/$$/*" 2>/dev/null | grep -q .
	)
	eventually waits_for_lock
	rm -r meet
	exec 8>&-
	wait "$!" || :
	eventually has '^retry: ' a
	[ ! -e starts ]
	all_over
}

# bats test_tags=tools
@test "another user's directory, and another user's channel, are refused" {
	[ "$(id -u)" -eq 0 ] || {
		# only root can be two users: the directory of root stands in
		SSE_CGI_DIR=/root run -1 sse-share -- ./feeder 3>&- 7>&-
		return
	}
	mkdir -m 700 meet
	chown 12345 meet
	run -1 timeout 20 sse-share -l 0 -- ./feeder 3>&- 7>&-
	[[ "$output" = *'must be a directory of mode 0700 that belongs'* ]]
	REQUEST_METHOD=GET run -1 timeout 20 sse-share -- ./feeder 3>&- 7>&-
	[ "${lines[1]}" = $'Content-Type: text/event-stream\r' ]
	[[ "${lines[-1]}" =~ ^retry:\ [0-9]+$ ]]
	chown 0 meet
	# a stranger's process answers at the socket
	program stranger <<-'END'
		#!/usr/bin/env python3
		import os, socket, time
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.bind("meet/k.sock")
		os.setuid(12345)
		s.listen(5)
		print("ready", flush=True)
		time.sleep(600)
	END
	spawn ./stranger >out
	eventually has ready out
	run -1 timeout 20 sse-share -K k -l 0 -- ./feeder 3>&- 7>&-
	[[ "$output" = *"a process of another user answers"* ]]
	[ ! -e starts ]
	[ -e meet/k.sock ]
}

@test "the socket directory is SSE_CGI_DIR, else XDG_RUNTIME_DIR, else /tmp" {
	local where=$SSE_CGI_DIR

	sse-share -L
	[ "$(stat -c %a "$where")" = 700 ]
	unset SSE_CGI_DIR
	mkdir -m 700 run
	XDG_RUNTIME_DIR=$PWD/run sse-share -L
	[ "$(stat -c %a run/sse-cgi)" = 700 ]
	XDG_RUNTIME_DIR='' sse-share -L
	[ "$(stat -c %a "/tmp/sse-cgi-$(id -u)")" = 700 ]
}

@test "dead sockets are replaced and swept" {
	view a -l 0 -K one -- ./feeder
	feed 'data: 1\n\n'
	eventually has '^data: 1' a
	kill -9 "$(channel_pid)"
	eventually ended "$READER"
	[ -e meet/one.sock ]
	[ -z "$(sse-share -L)" ]
	view b -l 0 -K two -- ./feeder
	[ ! -e meet/one.sock ]
	view c -l 0 -K one -- ./feeder
	[ "$(sse-share -L | wc -l)" -eq 2 ]
	stop_readers
	all_over
}

@test "at the limit of descriptors a viewer gets a stream that ends" {
	local i full=0

	ulimit -n 24
	for i in {1..20}; do
		view "v$i" -l 0 -k 0.1 -- ./feeder || echo "$i" >>refused
	done
	feed 'data: 1\n\n'
	for i in {1..20}; do
		ended_or_has() {
			has '^data: 1' "v$i" ||
				has '^retry: ' "v$i"
		}
		eventually ended_or_has
		has '^data: 1' "v$i" && continue
		full=$((full + 1))
		has '^Content-Type: text/event-stream' "v$i"
		retry=$(sed -n 's/^retry: //p' "v$i")
		[ "$retry" -ge 5000 ]
		[ "$retry" -le 15000 ]
	done
	echo "$full found no place"
	[ "$(wc -l <refused)" -eq "$full" ]
	[ "$full" -gt 2 ]
	[ "$full" -lt 15 ]
	stop_readers
	all_over
}

@test "HEAD and other methods are answered without a channel" {
	REQUEST_METHOD=HEAD sse-share -- ./feeder >head
	REQUEST_METHOD=POST sse-share -- ./feeder >post 2>/dev/null
	[ "$(head -n 1 head)" = $'Content-Type: text/event-stream\r' ]
	[ -z "$(frames head)" ]
	[ "$(head -n 1 post)" = $'Status: 405 Method Not Allowed\r' ]
	[ ! -e meet ]
	[ ! -e starts ]
}

# bats test_tags=slow
@test "a channel killed with -9 leaves nothing; the next request works" {
	program family <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/event-stream\r\n\r\ndata: x\n\n'
		(exec sleep 600) &
		(trap '' TERM; exec sleep 600) &
		setsid sh -c 'sleep 600; :' &
		wait
	END
	view a -l 0 -- ./family
	eventually has '^data: x' a
	kill -9 "$(channel_pid)"
	eventually ended "$READER"
	eventually nothing_left
	view b -l 0 -- ./family
	eventually has '^data: x' b
	kill "$READER"
	all_over
}

# bats test_tags=slow
@test "kill -9 of anything at any moment: streams end, the next one works" {
	program counts <<-'END'
		#!/bin/sh
		exec sse-counter -i 0.01
	END
	# what looks for leaks stops for ever where its helper is killed
	export ASAN_OPTIONS=detect_leaks=0
	timeout 150 python3 "$TOP/tests/tools/share.py" storm 60 ./counts \
		2>err 3>&- 7>&-
	all_over
}

# bats test_tags=slow
@test "viewers come and go while channels do: each gets its stream" {
	program counts <<-'END'
		#!/bin/sh
		exec sse-counter -i 0.01
	END
	timeout 150 python3 "$TOP/tests/tools/share.py" churn 150 ./counts \
		2>err 3>&- 7>&-
	all_over
	[ ! -s err ]
}

# A viewer that reads only when it is told to: its pipe stays full till then.
deaf_reader() {
	exec 7>&-
	exec 8<"$1.pipe"
	until [ -e "$1.go" ]; do sleep 0.05; done
	exec cat <&8 >"$1"
}

deaf() {
	local name=$1

	shift
	mkfifo "$name.pipe"
	spawn deaf_reader "$name"
	READER_BAD=$!
	request "$name" "$@"
}

@test "a viewer that stops reading is lapped and closed" {
	local i

	view good -l 0 -b 65536 -- ./feeder
	deaf bad -l 0 -b 65536 -- ./feeder
	for i in {1..3000}; do
		printf 'id: %s\ndata: %0100d\n\n' "$i" "$i"
	done >&7
	eventually has '^id: 3000$' good
	one_left() { [ "$(sse-share -L | cut -f 3)" = 1 ]; }
	eventually one_left
	touch bad.go
	eventually has '^id: 100$' bad
	eventually ended "$(echo "$SPAWNED" | tr -s ' ' '\n' | tail -n 1)"
	[ "$(tail -c 2 bad | od -An -c | tr -d ' ')" = '\n\n' ]
	[ "$(ids good | wc -l)" -eq 3000 ]
	ids bad | cmp - <(seq "$(ids bad | wc -l)")
	stop_readers
	all_over
}

@test "a long event that a slow viewer had in part is cut, and asked for again" {
	local i

	view good -l 0 -b 131072 -- ./feeder
	deaf bad -l 0 -b 131072 -- ./feeder
	for i in {1..20}; do
		printf 'id: %s\ndata: %050000d\n\n' "$i" "$i"
		eventually has "^id: $i\$" good
	done >&7
	touch bad.go
	eventually ended "$READER_BAD"
	# as a browser has it: the last event that is whole
	id=$(awk '/^$/ { last = id } /^id: / { id = $2 } END { print last }' bad)
	[ "$(awk 'length == 50006' bad | wc -l)" -eq "$id" ]
	HTTP_LAST_EVENT_ID=19 view again -l 0 -- ./feeder
	eventually has '^id: 20$' again
	refute has '^event: gap$' again
	[ "$(ids good | wc -l)" -eq 20 ]
	stop_readers
	all_over
}

@test "one viewer alone sets the pace: nothing of a burst is lost" {
	timeout 60 sse-share -l 0 -b 4096 -- sse-pipe -- seq 100000 \
		3>&- 7>&- 2>err | { sleep 0.5; grep '^data: ' >got; }
	[ "$(wc -l <got)" -eq 100001 ]
	sed 's/^data: //' got | cmp - <(seq 100000; echo 0)
	all_over
}

@test "-f: who had a gap last still misses nothing" {
	program resumes <<-'END'
		#!/bin/sh
		echo "$HTTP_LAST_EVENT_ID" >>starts
		printf 'Content-Type: text/event-stream\r\n\r\n'
		printf 'id: mine\ndata: 1\n\nevent: gap\ndata: lost\n\n'
		exec cat <feed
	END
	view a -f -l 600 -- ./resumes
	eventually has '^data: lost$' a
	view b -f -l 600 -n 1 -- ./resumes
	eventually has '^data: lost$' b
	refute has '^data: 1$' b
	HTTP_LAST_EVENT_ID=$(ids a | tail -n 1) view c -f -l 600 -- ./resumes
	eventually has '^data: lost$' c
	[ "$(wc -l <starts)" -eq 1 ]
	stop_readers
	kill "$(channel_pid)"
	all_over
}

@test "-n counts events whose ids are empty, too" {
	view a -l 0 -- ./feeder
	feed 'id:\ndata: 1\n\nid:\ndata: 2\n\nretry: 5\n\nid: x\n\n'
	eventually has '^id: x' a
	view b -l 0 -n 1 -- ./feeder
	feed 'data: 3\nid: end\n\n'
	end_feed
	all_over
	[ "$(frames b | grep '^data')" = "$(printf 'data: %s\n' 2 3)" ]
}

@test "if descriptors are short a viewer is told to come back" {
	local n

	sanitized sse-share && return # it needs some itself
	# of the request, of the channel, and of the program's start
	for n in 5 7 9 10; do
		REQUEST_METHOD=GET timeout 10 prlimit --nofile="$n:$n" \
			sse-share -l 0 -- ./feeder 2>>err 3>&- 7>&- |
			cat >"of-$n"
		has '^retry: [0-9]*$' "of-$n"
		refute has '^Status' "of-$n"
	done
}

# bats test_tags=tools
@test "a header that is longer than the pipe cuts nobody off" {
	timeout 60 python3 - 3>&- 7>&- 2>>err <<-'END'
		import fcntl, os, subprocess
		reader, writer = os.pipe()
		assert fcntl.fcntl(writer, 1031, 4096) == 4096  # F_SETPIPE_SZ
		fields = ["X-%d: %s" % (i, str(i) * 1000) for i in range(9)]
		subprocess.run(["sse-share", "-l", "0", "-b", "65536"] +
		    [part for field in fields for part in ("-H", field)] +
		    ["--", "sse-pipe", "--", "seq", "1000"], check=True,
		    stdout=writer, env=dict(os.environ, REQUEST_METHOD="GET"))
		os.close(writer)
		got = open(reader, newline="").read()
		for field in fields:
		    assert field + "\r\n" in got, field
		for i in range(1, 1001):
		    assert "data: %d\n" % i in got, i
		assert got.endswith("id: end\nevent: end\ndata: 0\n\n"), got[-60:]
	END
	all_over
}

# bats test_tags=tools
@test "connections that say nothing stop no event, if descriptors are out" {
	program counts <<-'END'
		#!/bin/sh
		exec sse-counter -i 0.02
	END
	timeout 60 python3 "$TOP/tests/tools/share.py" silent 40 ./counts \
		3>&- 7>&- 2>>err
	all_over
}

# bats test_tags=tools
@test "a channel that cannot begin has its viewer told to come back" {
	local n

	program complains <<-'END'
		#!/bin/sh
		head -c 3000 /dev/zero | tr '\0' e >&2
		exec sleep 600
	END
	export ASAN_OPTIONS=detect_leaks=0 # it does not work under strace
	# of the signals, the socket, the program's output, and its stderr
	for n in 1 2 3 4; do
		connect "v$n"
		REQUEST_METHOD=GET timeout 60 strace -f -o trace -e \
			inject=epoll_ctl:error=ENOSPC:when="$n" sse-share \
			-l 0 -- ./complains >"v$n.pipe" 3>&- 7>&- 2> >(cat \
			>>of-err) || :
		eventually ended "$READER"
		has '^Content-Type: text/event-stream' "v$n"
		has '^retry: [0-9]*$' "v$n"
		refute has '^Status' "v$n"
		all_over
	done
}

@test "an event that is longer than the ring is a gap, and said once" {
	view a -l 0 -b 4096 -- ./feeder
	{
		printf 'data: 1\n\n'
		printf 'data: %09000d\n\n' 1
		printf 'data: %030000d\r\n\r\n' 1
		printf 'data: 2\nid: end\n\n'
	} >&7
	end_feed
	all_over
	[ "$(frames a | grep '^data')" = \
		"$(printf 'data: %s\n' 1 'too long' 'too long' 2)" ]
	[ "$(frames a | grep -c '^event: gap$')" -eq 2 ]
	[ "$(grep -c 'longer than' err)" -eq 1 ]
}

@test "-m closes a viewer between two events, and the channel goes on" {
	view a -l 600 -m 0.5 -- ./feeder
	feed 'data: 1\n\n'
	eventually ended "$READER"
	has '^Content-Type: text/event-stream' a
	one_event() { [ "$(sse-share -L | cut -f 4)" = 1 ]; }
	eventually one_event
	view b -l 600 -n 1 -- ./feeder
	eventually ended "$READER"
	[ "$(frames b | tail -n 2)" = 'data: 1' ]
	[ "$(wc -l <starts)" -eq 1 ]
	kill "$(channel_pid)"
	all_over
}

@test "-m closes also a viewer that does not read, inside an event" {
	deaf bad -l 0.1 -m 1 -- ./feeder
	feed 'data: %0100000d\n\n' 1
	feed 'data: 2\n\n'
	eventually no_socket
	touch bad.go
	all_over
	refute has '^data: 2' bad
}

# bats test_tags=tools
@test "a Python and a shell program that know nothing of it are shared" {
	program snake <<-'END'
		#!/usr/bin/env python3
		import sys, time
		print("Content-Type: text/event-stream\n")
		for i in range(10 ** 6):
		    print(f"data: {i}\n", flush=True)
		    time.sleep(0.02)
	END
	program shell <<-'END'
		#!/bin/sh
		echo 'Content-Type: text/event-stream'
		echo
		i=0
		while echo "data: $i" && echo; do
			i=$((i + 1))
			sleep 0.02
		done
	END
	for name in snake shell; do
		view "$name.a" -l 0 -n 1000 -- "./$name"
		view "$name.b" -l 0 -n 1000 -- "./$name"
	done
	for name in snake shell; do
		eventually has '^data: 9$' "$name.a"
		eventually has '^data: 9$' "$name.b"
		cmp <(frames "$name.a" | head -n 30) \
			<(frames "$name.b" | head -n 30)
	done
	[ "$(sse-share -L | wc -l)" -eq 2 ]
	stop_readers
	all_over
}

@test "-L lists key, program, viewers, events, bytes and age" {
	[ -z "$(sse-share -L)" ]
	view a -l 0 -K my.key -- ./feeder "$(printf 'a\tb')"
	view b -l 0 -K my.key -- ./feeder
	feed 'data: 1\n\ndata: 2\nid: 2\n\n'
	eventually has '^data: 2' b
	[[ "$(sse-share -L)" =~ \
		^my.key$'\t'./feeder\ a\?b$'\t'2$'\t'2$'\t'[0-9]+$'\t'[0-9]+$ ]]
	REQUEST_METHOD=GET run -2 sse-share -L
	stop_readers
	all_over
}

@test "in a shell it stays until its stream ends; Ctrl-C leaves the channel" {
	spawn sse-share -l 0 -- ./feeder >a 2>>err 7>&-
	shell=$!
	feed 'data: 1\n\n'
	eventually has '^data: 1' a
	view b -l 0 -- ./feeder
	kill -INT "$shell"
	eventually ended "$shell"
	feed 'data: 2\n\n'
	eventually has '^data: 2' b
	refute has '^data: 2' a
	# and where the pipe's other end goes
	spawn bash -c 'sse-share -l 0 -n 1 -- ./feeder 2>>err |
		head -n 6 >c' 7>&-
	eventually ended $!
	has '^data: 2' c
	feed 'data: 0\nid: end\n\n'
	end_feed
	all_over
	[ "$(wc -l <starts)" -eq 1 ]
}

@test "keys differ with the arguments and the directory, and -K is checked" {
	mkdir other
	cp feeder other
	view a -l 0 -- ./feeder
	view b -l 0 -- ./feeder x
	connect c
	(cd other && mkfifo feed && request ../c -l 0 -- ./feeder)
	[ "$(sse-share -L | cut -f 1 | sort -u | wc -l)" -eq 3 ]
	for key in '' . .x a/b 'a b' "$(printf '%065d' 1)"; do
		run -2 sse-share -K "$key" -- ./feeder
	done
	run -2 sse-share
	run -2 sse-share -b 4095 -- ./feeder
	run -2 sse-share -e x -- ./feeder
	stop_readers
	all_over
}

@test "through lighttpd one process serves all viewers" {
	local i

	make_site
	cgi shared <<-END
		#!/bin/sh
		export SSE_CGI_DIR='$SSE_CGI_DIR' SSE_TEST='$SSE_TEST'
		exec $PROGRAMS_DIR/sse-share -l 0.2 -k 1 -n 3 -- \
			$PROGRAMS_DIR/sse-counter -i 0.05
	END
	start_lighttpd
	for i in {1..8}; do
		spawn curl -sNi "$URL/cgi-bin/shared" >"v$i" 2>/dev/null 7>&-
	done
	for i in {1..8}; do
		eventually has '^data: 9' "v$i"
	done
	[ "$(sse-share -L | cut -f 3)" -eq 8 ]
	has '^X-Accel-Buffering: no' v1
	# a channel, its guard and the counter, and no process of a viewer
	eventually has_only_three
	kill "$(echo "$SPAWNED" | tr -s ' ' '\n' | tail -n 1)"
	seven() { [ "$(sse-share -L | cut -f 3)" -eq 7 ]; }
	eventually seven
	stop_readers
	eventually no_socket
	stop_all
	nothing_left
}

has_only_three() {
	[ "$(left_over | while read -r pid; do
		ps -o comm= -p "$pid"
	done | grep -c '^sse-')" -eq 3 ]
}

# bats test_tags=slow,memory
@test "a channel of 300 viewers takes less than 4 MB" {
	local i rss

	spawn timeout 150 python3 "$TOP/tests/tools/share.py" crowd 300 ./feeder \
		>crowd 2>err 7>&-
	DEADLINE=90 eventually has 'all there' crowd
	for i in {1..3000}; do
		printf 'data: %050d\n\n' "$i"
	done >&7
	all_sent() { [ "$(sse-share -L | cut -f 3,4)" = $'300\t3000' ]; }
	DEADLINE=90 eventually all_sent
	rss=$(ps -o rss= -p "$(channel_pid)")
	echo "RSS: $rss KB"
	grep -q __asan_init "$(command -v sse-share)" || [ "$rss" -lt 4096 ]
	feed 'data: 0\nid: end\n\n'
	end_feed
	DEADLINE=90 eventually has '3001 events each' crowd
	all_over
}

# How many channels there are.
channels() {
	sse-share -L | wc -l
}

@test "two scripts that differ only in an exported variable are two channels" {
	local name

	for name in 1 2; do
		program "script$name" <<-END
			#!/bin/sh
			export X=$name
			exec sse-share -l 0 -- sse-pipe -- \
				sh -c 'echo \$X; exec sleep 600 3>&- 7>&-'
		END
		connect "v$name"
		REQUEST_METHOD=GET timeout 60 "./script$name" >"v$name.pipe" \
			2>>err 3>&- 7>&-
	done
	eventually has '^data: 1$' v1
	eventually has '^data: 2$' v2
	[ "$(channels)" -eq 2 ]
	stop_readers
	all_over
}

@test "what a request says makes no channel, nor does the variables' order" {
	local a=(B=1 A=2 REMOTE_PORT=1 HTTP_HOST=a SERVER_NAME=a PATH_INFO=/a
		SERVER_PORT=1 HTTPS=on SSL_CLIENT_S_DN=a SSL_TLS_SNI=a
		REDIRECT_URL=/a UNIQUE_ID=a SOCAT_PID=1 QUERY_STRING=a=b)
	local b=(A=2 REMOTE_PORT=2 HTTP_HOST=b HTTP_COOKIE=b B=1
		SERVER_PROTOCOL=HTTP/2.0 SERVER_ADDR=b SCRIPT_NAME=/b
		REDIRECT_REDIRECT_SSL_SESSION_ID=b H2_STREAM_TAG=b)

	share_with() {
		connect "$1"
		env "${@:2}" REQUEST_METHOD=GET sse-share -l 0 -- \
			./feeder >"$1.pipe" 2>>err 3>&- 7>&-
	}
	share_with v1 "${a[@]}"
	share_with v2 "${b[@]}"
	[ "$(channels)" -eq 1 ]
	# what nobody knows costs sharing, never privacy
	share_with v3 "${a[@]}" SERVER_SAYS=1
	share_with v4 "${a[@]}" SERVER_SAYS=2
	share_with v5 "${a[@]}" SERVER_SAYS=2
	[ "$(channels)" -eq 3 ]
	stop_readers
	all_over
}

@test "the key is a SHA-256 of all that the program gets" {
	local n text digest

	program sleeper <<<'#!/bin/sh
exec sleep 600 3>&- 7>&-'
	# a word too many or too few, and the edges of SHA-256's blocks
	for n in 1 {56..64} 5000; do
		text=$(printf "%0${n}d" 0)
		spawn env -i SSE_CGI_DIR="$SSE_CGI_DIR" SSE_TEST="$SSE_TEST" \
			PATH="$PATH" X="$text" "$(command -v sse-share)" -l 0 \
			-- ./sleeper 'a b' '' >/dev/null 7>&-
		digest=$(printf '%s\0' "$PWD" 3 ./sleeper 'a b' '' PATH="$PATH" \
			QUERY_STRING= REQUEST_METHOD=GET SERVER_NAME=localhost \
			SERVER_PORT=80 SERVER_PROTOCOL=HTTP/1.1 \
			SSE_CGI_DIR="$SSE_CGI_DIR" SSE_TEST="$SSE_TEST" \
			X="$text" | sha256sum | cut -c 1-32)
		eventually test -S "meet/sleeper-$digest.sock"
	done
	stop_readers
}

@test "-H takes the place of the program's field of that name" {
	program fields <<-'END'
		#!/bin/sh
		printf '%s\r\n' 'Content-Type: text/event-stream' \
			'cache-control: no-cache' 'X-Own: 1' 'Cache-Control: x' \
			'Connection: keep-alive' ''
		exec sleep 600 3>&- 7>&-
	END
	view v -l 0 -H 'Cache-Control: no-store' -H 'X: 2' -- ./fields
	ln -s "$(command -v sse-share)" nph-sse-share
	spawn env REQUEST_METHOD=GET ./nph-sse-share -l 0 \
		-H 'Cache-Control: no-store' -H 'X: 2' -- ./fields >n 2>>err 7>&-
	all_have '^:$' v n
	printf '%s\r\n' 'Content-Type: text/event-stream' 'X-Own: 1' \
		'Connection: keep-alive' 'Cache-Control: no-store' 'X: 2' '' |
		cmp - <(head -n 6 v)
	printf '%s\r\n' 'HTTP/1.1 200 OK' 'Content-Type: text/event-stream' \
		'X-Own: 1' 'Cache-Control: no-store' 'X: 2' \
		'Connection: close' '' | cmp - <(head -n 7 n)
	stop_readers
	all_over
}

@test "sse-share's own answers have the -H fields, too" {
	local allow='Access-Control-Allow-Origin: *' name

	program absent <<-'END'
		#!/bin/sh
		printf 'Status: 404 Not Found\nContent-Type: text/plain\n\nno\n'
	END
	view ended -l 600 -H "$allow" -- sse-pipe -- true
	eventually ended "$READER"
	HTTP_LAST_EVENT_ID=end view known -H "$allow" -- sse-pipe -- true
	HTTP_LAST_EVENT_ID=end view unknown -H "$allow" -- sse-pipe -- false
	view failed -H "$allow" -- false
	view absent.v -H "$allow" -- ./absent
	kill "$(channel_pid)"
	connect late
	request late -H "$allow" -- sleep 600
	kill "$(channel_pid)"
	all_over
	[ "$(head -n 1 known)" = $'Status: 204 No Content\r' ]
	[ "$(head -n 1 failed)" = $'Status: 500 Internal Server Error\r' ]
	[ "$(head -n 1 absent.v)" = $'Status: 404 Not Found\r' ]
	has '^retry: ' late
	for name in ended known unknown failed absent.v late; do
		[ "$(grep -c '^Access-Control-Allow-Origin' "$name")" = 1 ]
	done
}

@test "a program's header of 16,384 bytes is passed on, a longer one is a 500" {
	program long <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/event-stream\r\nX: %0*d\r\n\r\n' "$1" 0
		exec sleep 600 3>&- 7>&-
	END
	# less the rest of the header: 33, 5 and 2 bytes
	view a -l 0 -- ./long $((16384 - 40))
	view b -l 0 -- ./long $((16384 - 39))
	eventually has '^:$' a
	[ "$(sed '/^\r$/q' a | wc -c)" -eq 16384 ]
	eventually has '^Status: 500' b
	stop_readers
	all_over
}

@test "whoever cleans /tmp leaves a living channel its socket" {
	view a -l 0 -K k -- ./feeder
	# what tmpfiles.d(5) says it honours
	[ "$(stat -c %a meet/k.sock meet/lock)" = $'1600\n1600' ]
	refute flock --nonblock --exclusive meet true
	if command -v systemd-tmpfiles; then
		printf 'd %s 0700 - - 0\n' "$PWD/meet" >t.conf
		systemd-tmpfiles --clean "$PWD/t.conf"
	fi
	view b -l 0 -K k -- ./feeder
	[ "$(wc -l <starts)" -eq 1 ]
	[ "$(channels)" -eq 1 ]
	stop_readers
	all_over
	flock --nonblock --exclusive meet true
}

@test "no umask of the server spoils the socket directory" {
	local mask

	program says <<-'END'
		#!/bin/sh
		umask >mask
		printf 'Content-Type: text/event-stream\n\n'
		exec sleep 600 3>&- 7>&-
	END
	for mask in 0177 0777; do
		mkfifo "v$mask.pipe"
		: >mask
		spawn cat "v$mask.pipe" >"v$mask" 7>&-
		(umask "$mask" && request "v$mask" -l 0 -- ./says)
		eventually has '^:$' "v$mask"
		[ "$(stat -c %a meet meet/lock meet/*.sock)" = \
			$'700\n1600\n1600' ]
		[ "$(cat mask)" = "$mask" ]
		[ "$(channels)" -eq 1 ]
		stop_readers
		all_over
		# as an older version left it
		chmod 600 meet
	done
	chmod 700 meet
}
