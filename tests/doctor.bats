#!/usr/bin/env bats
# The doctor: tests/doctor in a shell and doctor.html in Chromium, on a correct
# server and on servers with faults.

# shellcheck disable=SC2030,SC2031 # each test has its own PORT
load lib/helper

# Only the files that a user copies: two, and sse-pipe.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export TMPDIR=$BATS_TEST_TMPDIR
	export SITE=$PWD/site
	mkdir -p site/www site/cgi-bin
	cp "$TOP"/www/doctor.* "$TOP/www/style.css" site/www/
	cp "$TOP/cgi-bin/doctor" "$PROGRAMS_DIR/sse-pipe" site/cgi-bin/
}

# lighttpd with the project's configuration as a sed script changes it
serve() {
	sed "${1:-}" "$TOP/conf/lighttpd.conf" >lighttpd.conf
	LIGHTTPD_CONF=$PWD/lighttpd.conf start_lighttpd
}

# The doctor's words are in said, its exit status in status.
shell() {
	status=0
	timeout -k 5 200 "$TOP/tests/doctor" "$@" >said 2>&1 3>&- || status=$?
	cat said
}

page() {
	timeout -k 5 200 node "$TOP/tests/tools/doctor.mjs" "$1" >said 2>&1 3>&-
	cat said
}

# bats test_tags=slow
@test "the shell's doctor finds nothing wrong with a server that streams, and exits 0" {
	serve
	shell -n 12 "$URL/cgi-bin/doctor"
	[ "$status" -eq 0 ]
	grep -q '^good  The doctor.s program runs: sse-pipe .* lighttpd' said
	grep -q '^good  8 events came one by one' said
	grep -q '^good  No proxy' said
	grep -q '^good  The stream is not compressed' said
	grep -q '^good  Pages of other sites can be let in' said
	grep -q '^good  Last-Event-ID arrives' said
	grep -q '^note  HTTP/1.1 here' said
	grep -q '^....  The program ends .* viewer' said
	grep -q '^good  12 streams are open at once' said
	eventually refute pgrep -P "$LIGHTTPD"
}

# bats test_tags=slow
@test "the doctor's page finds nothing wrong with a server that streams" {
	serve
	page "$URL/doctor.html"
	grep -qx 'This server streams as it should.' said
	grep -q '^✓ good | row-program | It runs: sse-pipe' said
	grep -q '^✓ good | row-flow | 8 events came one by one' said
	grep -q '^✓ good | row-between | No proxy .* not compressed' said
	grep -q '^✓ good | row-origin | They can be let in' said
	grep -q '^✓ good | row-id | It arrives' said
	grep -q '^! note | row-version | HTTP/1.1' said
	grep -q ' | row-end | The program ende\?[ds]' said
	grep -q '^✓ good | row-silence | .* 17 seconds lives' said
	grep -q '^✓ good | row-streams | 6 streams' said
	eventually refute pgrep -P "$LIGHTTPD"
}

# bats test_tags=slow
@test "if a server keeps streams back the shell's doctor names the directive" {
	serve 's/^server.stream-response-body = 2/server.stream-response-body = 0/'
	shell -n 2 "$URL/cgi-bin/doctor"
	[ "$status" -eq 1 ]
	grep -q '^BAD   8 events came in one lump' said
	grep -q '^BAD   No stream that stays open gets through' said
	[ "$(grep -c '^      lighttpd: server.stream-response-body = 2$' \
		said)" -eq 2 ]
	grep -q '^good  Last-Event-ID arrives' said
}

# bats test_tags=slow
@test "if a server keeps streams back the doctor's page names the directive" {
	serve 's/^server.stream-response-body = 2/server.stream-response-body = 0/'
	page "$URL/doctor.html?url=/cgi-bin/doctor"
	grep -q '^This server does not stream as it should: [23] of 9' said
	grep -q '^✗ bad | row-flow | .* one lump.*stream-response-body = 2' said
	grep -q '^✗ bad | row-streams | No stream .*stream-response-body = 2' said
	grep -q '^✓ good | row-id' said
}

# bats test_tags=slow
@test "if a server has few descriptors the doctor says how many streams it takes" {
	serve 's/^server.max-fds = .*/server.max-fds = 32/
		s/^server.max-connections = .*/server.max-connections = 10/'
	shell -n 20 "$URL/cgi-bin/doctor"
	[ "$status" -eq 1 ]
	grep -q '^BAD   [1-9][0-9]* streams of 20 are open at once' said
	grep -q 'lighttpd: server.max-fds' said
}

# bats test_tags=slow
@test "the doctor names a proxy in between" {
	serve
	local back=$PORT
	PORT=$(free_port)
	cat >front.conf <<-END
		server.modules = ( "mod_proxy" )
		server.bind = "127.0.0.1"
		server.port = $PORT
		server.document-root = "$PWD/site/www"
		server.upload-dirs = ( "$PWD" )
		server.stream-response-body = 2
		proxy.server = ( "" => ( ( "host" => "127.0.0.1", "port" => $back ) ) )
	END
	spawn lighttpd -D -f front.conf >front.log 2>&1
	eventually listens "$PORT"
	shell -n 5 "http://127.0.0.1:$PORT/cgi-bin/doctor"
	grep -q '^note  A proxy is in between: .*127.0.0.1' said
	page "http://127.0.0.1:$PORT/doctor.html"
	grep -q '^! note | row-between | A proxy is in between.* 502, and' said
}

# bats test_tags=slow
@test "a proxy that cuts silent streams is named, and so is nothing examined" {
	serve
	local back=$PORT
	PORT=$(free_port)
	sed -e "s/@PORT@/$PORT/" -e "s/@BACKEND@/$back/" -e "s|@SSE_RUN@|$PWD|" \
		-e 's/read_timeout 60s/read_timeout 5s/' \
		"$TOP/conf/nginx-proxy.conf" >nginx.conf
	spawn nginx -p "$PWD" -c "$PWD/nginx.conf" >nginx.log 2>&1
	eventually listens "$PORT"
	page "http://127.0.0.1:$PORT/doctor.html"
	grep -q '^✗ bad | row-silence | .* is cut after [567] seconds.*-k [23]' said
	page "http://127.0.0.1:$PORT/doctor.html?url=/cgi-bin/nothing"
	grep -q '^Nothing was examined' said
}

# bats test_tags=slow
@test "the doctor names compression that delivers events in lumps" {
	mv site/cgi-bin/doctor site/cgi-bin/real
	cgi doctor <<-'END'
		#!/bin/sh
		case $QUERY_STRING in
		test=flow*) ;;
		*) exec "${0%/*}/real" ;;
		esac
		printf 'Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n'
		"${0%/*}/real" | sed '1,/^.$/d' | gzip
	END
	serve
	shell -n 2 "$URL/cgi-bin/doctor"
	[ "$status" -eq 1 ]
	grep -q '^BAD   8 events came in one lump' said
	grep -q '^      It is compressed: leave text/event-stream out' said
	grep -q '^note  The stream is compressed (gzip).* keeps it plain' said
	page "$URL/doctor.html"
	grep -q '^✗ bad | row-flow | .* one lump' said
	grep -q '^! note | row-between | .*compressed (gzip).* keeps it plain' said
	# by a server that does not ask what it may do
	sed -i 's/test=flow\*)/test=flow* | test=plain*)/' site/cgi-bin/doctor
	shell -n 2 "$URL/cgi-bin/doctor"
	grep -q '^note  The stream is compressed (gzip).* does not keep' said
}

# bats test_tags=slow
@test "the doctor names a server that answers pages of other sites itself" {
	cat >conf.add <<-'END'
		setenv.add-response-header = ( "Access-Control-Allow-Origin" => "*" )
	END
	serve "\$r conf.add"
	shell -n 2 "$URL/cgi-bin/doctor"
	grep -q '^note  The server lets pages of other sites read' said
	page "$URL/doctor.html"
	grep -q '^! note | row-origin | The server lets them read streams' said
	# and one that answers OPTIONS
	kill "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	cat >conf.add <<-'END'
		$HTTP["request-method"] == "OPTIONS" { url.access-deny = ( "" ) }
	END
	serve "\$r conf.add"
	shell -n 2 "$URL/cgi-bin/doctor"
	grep -q '^note  Pages of other sites .* OPTIONS gets 403' said
	page "$URL/doctor.html"
	grep -q '^! note | row-origin | .* OPTIONS gets 403' said
}

# bats test_tags=slow
@test "the doctor sees HTTP/2 over TLS" {
	serve
	kill "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 30 -subj /CN=localhost -keyout key.pem -out cert.pem \
		2>openssl.log
	cat >>lighttpd.conf <<-END
		server.modules += ( "mod_openssl" )
		ssl.engine = "enable"
		ssl.privkey = "$PWD/key.pem"
		ssl.pemfile = "$PWD/cert.pem"
	END
	LIGHTTPD_CONF=$PWD/lighttpd.conf start_lighttpd
	shell -k -n 5 "https://127.0.0.1:$PORT/cgi-bin/doctor"
	[ "$status" -eq 0 ]
	grep -q '^good  HTTP/2: ' said
}

# bats test_tags=slow
@test "the doctor finds a program that outlives its viewer, in a shell and on the page" {
	mv site/cgi-bin/doctor site/cgi-bin/real
	cgi doctor <<-'END'
		#!/bin/sh
		case $QUERY_STRING in
		test=stay*) ;;
		*) exec "${0%/*}/real" ;;
		esac
		trap '' TERM PIPE
		printf 'Content-Type: text/event-stream\r\n\r\ndata: here\n\n'
		sleep 60
	END
	serve
	shell -n 2 "$URL/cgi-bin/doctor"
	[ "$status" -eq 1 ]
	grep -q '^BAD   The program still runs 15 seconds after' said
	grep -q -- '-m SECONDS' said
	page "$URL/doctor.html"
	grep -q '^✗ bad | row-end | The program still runs .*-m SECONDS' said
}

@test "a doctor that cannot look says why, with exit status 1" {
	serve
	shell "$URL/cgi-bin/nothing"
	[ "$status" -eq 1 ]
	grep -q '^BAD   There is no program at .*/nothing (404' said
	shell "$URL/doctor.html"
	[ "$status" -eq 1 ]
	grep -q '^BAD   The server answers with text/html.* instead of running' said
	chmod -x site/cgi-bin/doctor
	shell "$URL/cgi-bin/doctor"
	[ "$status" -eq 1 ]
	grep -q '^BAD   ' said
	chmod +x site/cgi-bin/doctor
	mv site/cgi-bin/sse-pipe site/cgi-bin/hidden
	shell "$URL/cgi-bin/doctor"
	# it may be installed on this machine
	grep -q 'sse-pipe' said
	kill "$LIGHTTPD"
	eventually refute listens "$PORT"
	shell "$URL/cgi-bin/doctor"
	[ "$status" -eq 1 ]
	grep -q '^BAD   The server does not answer' said
}

@test "the doctor refuses wrong options, and says if a stream is not its own" {
	shell
	[ "$status" -eq 2 ]
	shell -n 0 http://localhost/
	[ "$status" -eq 2 ]
	shell ftp://localhost/
	[ "$status" -eq 2 ]
	grep -q '^doctor \[-k\] \[-n STREAMS\] URL' said
	cgi stream <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-counter' -i 0.2 -n 9
	END
	serve
	shell "$URL/cgi-bin/stream"
	[ "$status" -eq 0 ]
	grep -q '^note  This is not cgi-bin/doctor' said
	grep -q '^good  [89] events came one by one' said
}

@test "the doctor's program takes from a request the names of its tests alone" {
	export REQUEST_METHOD=GET
	# shellcheck disable=SC2016 # nothing expands it, that is the test
	local evil='$(id)'
	QUERY_STRING="test=alive&of=$evil" run -0 site/cgi-bin/doctor
	[[ $output == 'Status: 400'* ]]
	QUERY_STRING='test=alive&of=../../etc' run -0 site/cgi-bin/doctor
	[[ $output == 'Status: 400'* ]]
	QUERY_STRING='test=alive&of=0123456789abcdef' run -0 site/cgi-bin/doctor
	[ "${lines[-1]}" = 0 ]
	QUERY_STRING='test=id' HTTP_LAST_EVENT_ID=$evil \
		run -0 site/cgi-bin/doctor
	[ "${lines[-1]}" = 'data: no' ]
	QUERY_STRING='test=id' HTTP_LAST_EVENT_ID=doctor-1 \
		run -0 site/cgi-bin/doctor
	[ "${lines[-1]}" = 'data: yes' ]
	QUERY_STRING='<script>' HTTP_VIA='<script>' run -0 site/cgi-bin/doctor
	[[ $output == *'Content-Type: text/plain'*nosniff* ]]
}
