#!/usr/bin/env bats
# shellcheck disable=SC2026,SC2030,SC2031,SC2059,SC2094,SC2238
# sse-share: what each viewer gets: its place, a gap, -f; and slow viewers.

load lib/share

# The id of the event "start" in a file.
start_of() {
	grep -B1 '^event: start$' "$1" | sed -n 's/^id: //p'
}

@test "a viewer that had no event yet gets a start with its place, and misses nothing" {
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
	# a viewer that gets an event at once needs no "start"
	view g -l 600 -n 1 -- ./feeder
	eventually has '^data: 4$' g
	refute has '^event: start$' g
	stop_readers
	kill "$(channel_pid)"
	all_over
}

@test "with -f a start has the program's own id; without such an id there is no start" {
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

@test "a viewer that comes back with an id that was no UTF-8 goes on after it" {
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

# The data of all events before the end, joined as a page joins chunks
joined() {
	frames "$1" | awk '/^event: end$/ { exit } /^$/ { lines = 0 }
		sub(/^data: /, "") { printf "%s%s", lines++ ? "\n" : "", $0 }'
}

@test "a new viewer with -n joins the chunks of an answer from its start" {
	local part

	for part in 1 2; do
		head -c 20000 /dev/urandom | iconv -f UTF-16LE -t UTF-8 -c |
			tr -d '\0\r' >"part$part"
	done
	view a -l 0 -n 100000 -- sse-pipe -C -- cat feed
	cat part1 >&7
	eventually has '^data: ' a
	view b -l 0 -n 100000 -- sse-pipe -C -- cat feed
	cat part2 >&7
	exec 7>&-
	all_over
	joined a | cmp - <(cat part1 part2)
	joined b | cmp - <(cat part1 part2)
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

@test "a viewer from before the ring gets a gap, then the ring from its oldest event" {
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

# Says with which id it was started. Sends the numbers above that id, up to the
# last one in the file "numbers"; then those that are added to the file.
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

@test "with -f a viewer from before the ring catches up, then shares the channel" {
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

has_viewers() {
	[ "$(sse-share -L | cut -f 3)" = "$1" ]
}

@test "with -f a viewer that comes back to no channel starts one, for others too" {
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

# A viewer that reads only when told to: until then its pipe stays full.
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

@test "with -f a viewer that reads slowly is handed over as soon as it has caught up" {
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

@test "with -f a viewer gets a gap if the program gives no ids" {
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

@test "with -f viewers that catch up are told to come back if their channel dies" {
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

@test "one viewer alone loses nothing of a burst: the program waits for it" {
	timeout 60 sse-share -l 0 -b 4096 -- sse-pipe -- seq 100000 \
		3>&- 7>&- 2>err | { sleep 0.5; grep '^data: ' >got; }
	[ "$(wc -l <got)" -eq 100001 ]
	sed 's/^data: //' got | cmp - <(seq 100000; echo 0)
	all_over
}

@test "with -f a viewer whose last event was a gap misses nothing" {
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

@test "if descriptors are short a viewer is told to come back, and stderr why" {
	local n

	sanitized sse-share && return # it needs some itself
	# of the request, of the channel, and of the program's start
	for n in 5 7 9 10 11; do
		REQUEST_METHOD=GET timeout 10 prlimit --nofile="$n:$n" \
			sse-share -l 0 -- ./feeder 2>err 3>&- 7>&- |
			cat >"of-$n"
		[[ "$(cat err)" =~ ^'sse-share: '[^$'\n']+': Too many open files'$ ]]
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
@test "connections that say nothing stop no event, also without free descriptors" {
	program counts <<-'END'
		#!/bin/sh
		exec sse-counter -i 0.02
	END
	timeout 60 python3 "$TOP/tests/tools/share.py" silent 40 ./counts \
		3>&- 7>&- 2>>err
	all_over
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
