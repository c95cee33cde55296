#!/usr/bin/env bats
# sse-counter: the seed's counter, byte by byte.

load helper

@test "sse-counter counts up with ids, the header first" {
	run -0 sse-counter -n 2 -i 0.01
	[ "$output" = "$(printf '%s\r\n' 'Content-Type: text/event-stream' \
		'Cache-Control: no-cache' 'Connection: keep-alive' \
		'X-Accel-Buffering: no' ''
		printf '%s\n' 'retry: 10000' '' 'id: 1' 'data: 1' '' \
			'id: 2' 'data: 2' '')" ]
}

@test "sse-counter reaches curl through lighttpd, and ends with its viewer" {
	start_lighttpd
	spawn curl -sN "$URL/events" >"$BATS_TEST_TMPDIR/events"
	eventually grep -q '^data: 1' "$BATS_TEST_TMPDIR/events"
	kill $!
	stop_all
	nothing_left
}
