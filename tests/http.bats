#!/usr/bin/env bats
# The programs through lighttpd with the project's configuration, and curl.

load lib/helper

setup() {
	make_site
	OUT=$BATS_TEST_TMPDIR/out
}

# A CGI script that becomes the program that its arguments say.
script() {
	local name=$1

	shift
	printf '#!/bin/sh\nPATH=%s:/usr/bin:/bin\nexec %s\n' "$PROGRAMS_DIR" \
		"$*" | cgi "$name"
}

# Whether no CGI program of the test's lighttpd runs.
no_program() {
	! grep -lsazq "^SERVER_PORT=$PORT\$" /proc/[0-9]*/environ
}

status() {
	curl -s -m 30 -o "$OUT" -w '%{http_code}' "$@"
}

@test "the header fields arrive as they were written" {
	script finite sse-counter -n 2 -i 0.01
	start_lighttpd
	curl -s -m 30 -D "$OUT" "$URL/cgi-bin/finite" >"$OUT.body"
	tr -d '\r' <"$OUT" >"$OUT.lines"
	cat "$OUT.lines"
	grep -qx 'HTTP/1.1 200 OK' "$OUT.lines"
	grep -qx 'Content-Type: text/event-stream' "$OUT.lines"
	grep -qx 'Cache-Control: no-cache' "$OUT.lines"
	grep -qx 'X-Accel-Buffering: no' "$OUT.lines"
	diff - "$OUT.body" <<<"retry: 10000

id: 1
data: 1

id: 2
data: 2
"
}

@test "an event reaches the viewer before the next one is written" {
	local event

	mkfifo "$BATS_TEST_TMPDIR/source"
	exec 7<>"$BATS_TEST_TMPDIR/source"
	script live "sse-pipe cat '$BATS_TEST_TMPDIR/source'"
	start_lighttpd 7>&-
	spawn curl -sN "$URL/cgi-bin/live" >"$OUT" 7>&-
	for event in one two three; do
		echo "$event" >&7
		eventually grep -qx "data: $event" "$OUT"
	done
}

@test "the header and the first byte are there while the source is silent" {
	script silent sse-pipe sleep 1000
	start_lighttpd
	spawn curl -siN "$URL/cgi-bin/silent" >"$OUT"
	eventually grep -qx : "$OUT"
	grep -q '^Content-Type: text/event-stream' "$OUT"
}

@test "a viewer that leaves a silent stream ends every process of it" {
	script silent "sse-pipe sh -c 'echo up; sleep 1000 & sleep 1001; :'"
	start_lighttpd
	spawn curl -sN "$URL/cgi-bin/silent" >"$OUT"
	eventually grep -qx 'data: up' "$OUT"
	refute no_program
	kill $!
	eventually no_program
}

@test "a viewer that leaves a busy stream ends every process of it" {
	script busy "sse-pipe yes"
	start_lighttpd
	spawn curl -sN "$URL/cgi-bin/busy" >/dev/null
	eventually eval '! no_program'
	kill $!
	eventually no_program
}

@test "Last-Event-ID, or lastEventId, says where the stream goes on" {
	script finite sse-counter -n 43 -i 0.001
	start_lighttpd
	curl -s -m 30 -H 'Last-Event-ID: 42' "$URL/cgi-bin/finite" >"$OUT"
	[ "$(grep -c '^id: ' "$OUT")" -eq 1 ]
	grep -qx 'data: 43' "$OUT"
	curl -s -m 30 "$URL/cgi-bin/finite?lastEventId=41" >"$OUT"
	[ "$(grep -c '^id: ' "$OUT")" -eq 2 ]
	[ "$(status "$URL/cgi-bin/finite?lastEventId=43")" = 204 ]
}

@test "a job that has ended is not run again" {
	script job "sse-pipe sh -c 'echo ran >>$BATS_TEST_TMPDIR/log; echo x'"
	start_lighttpd
	[ "$(status "$URL/cgi-bin/job")" = 200 ]
	grep -qx 'id: end' "$OUT"
	[ "$(status -H 'Last-Event-ID: end' "$URL/cgi-bin/job")" = 204 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/log")" -eq 1 ]
}

@test "HEAD, POST, other methods and programs that fail get their status" {
	script missing sse-pipe ./no-such-command
	script post sse-pipe cat
	start_lighttpd
	[ "$(status -I "$URL/events")" = 200 ]
	[ "$(status -X DELETE "$URL/events")" = 405 ]
	[ "$(status "$URL/cgi-bin/missing")" = 500 ]
	refute grep -q no-such-command "$OUT"
	[ "$(status -d 'a body' "$URL/cgi-bin/post")" = 200 ]
	grep -qx 'data: a body' "$OUT"
}

@test "a query without = does not become an option" {
	script finite 'sse-counter -n 1 -i 0.001 "$@"'
	start_lighttpd
	curl -s -m 30 "$URL/cgi-bin/finite?-n+2" >"$OUT"
	grep -qx 'data: 1' "$OUT"
	refute grep -qx 'data: 2' "$OUT"
}

# bats test_tags=slow
@test "HTTP/2: eight streams on one connection are live at the same time" {
	script live sse-counter -i 0.05
	start_lighttpd
	timeout 60 node "$TOP/tests/tools/h2.mjs" "$URL/cgi-bin/live" 8 20 \
		>"$OUT"
	[ "$(grep -cx '200 text/event-stream' "$OUT")" -eq 8 ]
	eventually no_program
}

@test "HTTP/2: a viewer that leaves a silent stream ends it" {
	script silent "sse-pipe sh -c 'echo up; sleep 1000 & wait'"
	start_lighttpd
	spawn curl -sN --http2-prior-knowledge "$URL/cgi-bin/silent" >"$OUT"
	eventually grep -qx 'data: up' "$OUT"
	kill $!
	eventually no_program
}

@test "the demo scripts stream from the checkout" {
	if [ "$PROGRAMS_DIR" = "$TOP" ]; then
		unset SITE
	else
		# these find the programs beside their folder
		cp "$TOP"/cgi-bin/{vmstat,load,job} "$SITE/cgi-bin/"
		cp "$PROGRAMS_DIR"/sse-* "$SITE/"
	fi
	start_lighttpd
	spawn curl -sN "$URL/cgi-bin/vmstat" >"$OUT.vmstat"
	spawn curl -sN "$URL/cgi-bin/load" >"$OUT.load"
	spawn curl -sN -d '' "$URL/cgi-bin/job" >"$OUT.job"
	eventually grep -q '^data: procs' "$OUT.vmstat"
	eventually grep -q '^event: load' "$OUT.load"
	eventually grep -q '^data: *5 %' "$OUT.job"
}

@test "through lighttpd a preflight is answered, and an origin refused" {
	script counter sse-counter -O http://page.example -n 1 -i 0.01
	start_lighttpd
	[ "$(status -X OPTIONS -H 'Origin: http://page.example' \
		-H 'Access-Control-Request-Method: GET' \
		-H 'Access-Control-Request-Headers: last-event-id' \
		-D "$OUT.header" "$URL/cgi-bin/counter")" = 204 ]
	tr -d '\r' <"$OUT.header" >"$OUT.lines"
	grep -qx 'Access-Control-Allow-Origin: http://page.example' "$OUT.lines"
	grep -qx 'Access-Control-Allow-Headers: last-event-id' "$OUT.lines"
	[ "$(status -H 'Origin: http://x' "$URL/cgi-bin/counter")" = 403 ]
	[ "$(status -H 'Origin: http://page.example' \
		"$URL/cgi-bin/counter")" = 200 ]
	[ "$(status "$URL/cgi-bin/counter")" = 200 ]
}
