#!/usr/bin/env bats
# The load client of tests and benchmarks must detect each kind of fault in a
# stream.

load lib/helper

# A server with one program, which sends stdin and then waits.
serve() {
	make_site
	{
		printf '#!/bin/sh\nprintf "%%b" "Content-Type: text/event-stream'
		printf '\\n\\n'
		sed 's/$/\\n\\n/' | tr -d '\n'
		printf '"\n%s\n' "${1:-exec sleep 600}"
	} | cgi stream
	start_lighttpd
}

viewers() {
	timeout 60 "$TOP/build/bench/viewers" "$@" "$PORT" /cgi-bin/stream \
		>"$BATS_TEST_TMPDIR/figures"
}

figure() {
	sed -n "s/^$1 //p" "$BATS_TEST_TMPDIR/figures"
}

@test "bench/viewers finds nothing wrong if viewers get every event in order and once" {
	serve <<-'X'
		id: 1\ndata: 1
		:
		id: 2\ndata: 2
		id: 3\ndata: 3
	X
	viewers -n 20 -s 1 -e 3
	[ "$(figure viewers)" = 20 ]
	[ "$(figure events)" = 60 ]
	[ "$(figure first_n)" = 20 ]
}

@test "bench/viewers finds an event that is missing" {
	serve <<-'X'
		id: 1\ndata: 1
		id: 4\ndata: 4
	X
	run ! viewers -s 0.5
	[ "$(figure missing)" = 2 ]
}

@test "bench/viewers finds an event that comes twice" {
	serve <<-'X'
		id: a-1\ndata: 1
		id: a-1\ndata: 1
	X
	run ! viewers -s 0.5
	[ "$(figure twice)" = 1 ]
}

@test "bench/viewers finds events out of order, and those of another stream" {
	serve <<-'X'
		id: a-2\ndata: 2
		id: a-1\ndata: 1
		id: b-2\ndata: 2
	X
	run ! viewers -s 0.5
	[ "$(figure disorder)" = 2 ]
}

@test "bench/viewers finds a stream that does not go on after the last id" {
	serve <<-'X'
		id: 7\ndata: 7
	X
	viewers -s 0.5 -l 6
	run ! viewers -s 0.5 -l 4
	[ "$(figure missing)" = 2 ]
}

@test "bench/viewers finds a stream that ends, and a viewer that got nothing" {
	serve 'exit 0' </dev/null
	run ! viewers -s 0.5
	[ "$(figure ended)" = 1 ]
	[ "$(figure nothing)" = 1 ]
}

@test "bench/viewers finds an answer that is no stream" {
	serve </dev/null
	cgi stream <<<$'#!/bin/sh\necho "Status: 503\n\nno"'
	run ! viewers -s 0.5
	[ "$(figure refused)" = 1 ]
}

# bats test_tags=slow
@test "bench/viewers finds a viewer that got fewer of the same events" {
	serve <<-'X'
		id: 1\ndata: 1
	X
	# who comes second gets one more
	cgi stream <<-'X'
		#!/bin/sh
		printf 'Content-Type: text/event-stream\n\nid: 1\ndata: 1\n\n'
		mkdir "$0.first" 2>/dev/null || printf 'id: 2\ndata: 2\n\n'
		exec sleep 600
	X
	rm -rf "$SITE/cgi-bin/stream.first" # of an earlier try
	run ! viewers -n 2 -s 0.5 -p 8 -t
	[ "$(figure missing)" = 1 ]
}

@test "delays come from the stamps, and order from the data with -D" {
	serve </dev/null
	cgi stream <<-'X'
		#!/bin/sh
		printf 'Content-Type: text/event-stream\n\n:\n\n'
		for n in 5 6 7; do
			sleep 0.5
			printf 'data: %s %s\n\n' "$n" "$(date +%s%N)"
		done
		exec sleep 600
	X
	viewers -s 0.5 -D -e 3
	[ "$(figure delay_n)" -ge 1 ]
	[ "$(figure events)" = 3 ]
}

@test "viewers that come and go leave nobody behind" {
	serve </dev/null
	cgi stream <<<$'#!/bin/sh\nexec "${0%/*}/sse-counter" -i 0.1'
	viewers -j 600 -s 2
	[ "$(figure left)" = "$(figure viewers)" ]
	[ "$(figure viewers)" -ge 5 ]
	[ "$(figure hung)" = 0 ]
}

# bats test_tags=tools
@test "-b ends with the last chunk, also if the connection stays" {
	PORT=$(free_port)
	cat >"$BATS_TEST_TMPDIR/answer" <<-'X'
		#!/bin/sh
		printf 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
		sleep 0.3
		printf '9\r\ndata: 1\n\n\r\n0\r\n'
		sleep 0.3
		printf '\r\n'
		exec sleep 600
	X
	chmod +x "$BATS_TEST_TMPDIR/answer"
	spawn socat "TCP-LISTEN:$PORT,bind=127.0.0.1,fork" \
		"EXEC:$BATS_TEST_TMPDIR/answer"
	eventually listens "$PORT"
	viewers -b -s 600
	[ "$(figure ended)" = 1 ]
}
