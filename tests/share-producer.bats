#!/usr/bin/env bats
# shellcheck disable=SC2026,SC2030,SC2031,SC2059,SC2094,SC2238
# sse-share: the program that is shared: its header, events, end and failure.

load lib/share

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

@test "events are encoded anew, and get an id if they have data and none" {
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

@test "each viewer gets the program's reconnection time once, or that of -r" {
	local n

	view a -l 600 -n 9 -- sse-pipe -r 10000 -- seq 2
	eventually has '^id: end' a
	view b -l 600 -n 9 -- sse-pipe -r 10000 -- seq 2
	eventually has '^id: end' b
	sse-share -Q
	view c -r 500 -l 600 -n 9 -- sse-pipe -r 10000 -- seq 2
	eventually has '^id: end' c
	for n in a b; do
		[ "$(grep '^retry' "$n")" = 'retry: 10000' ]
	done
	[ "$(grep '^retry' c)" = 'retry: 500' ]
	sse-share -Q
	all_over
}

@test "after a stream's end its viewers get the end, and 204 when they come back" {
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

@test "a viewer that has had the end gets 204 also while the program lives on" {
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

@test "fields that frame a program's body are left out: the body is another" {
	local field

	for field in 'Content-Length: 9' 'content-length:12' \
		'Transfer-Encoding: chunked'; do
		program framed <<-END
			#!/bin/sh
			printf '%s\r\n' "\$@" 'Content-Type: text/event-stream' \
				'$field' 'X-Own: 1' ''
			printf 'data: 1\n\nid: end\ndata: 0\n\n'
		END
		ln -sf "$(command -v sse-share)" nph-sse-share
		view cgi -l 0 -- ./framed
		view error -l 0 -- ./framed 'Status: 503 Service Unavailable'
		REQUEST_METHOD=GET ./nph-sse-share -l 0 -- ./framed >nph
		all_have '^X-Own: 1' cgi error nph
		all_have '^id: end' cgi nph
		all_over
		refute grep -i "^${field%%:*}" cgi error nph
		rm cgi.pipe error.pipe
	done
}

@test "a program without a header, or that does not exist, gets its viewers a 500" {
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

@test "of a silent program viewers get comments; after the last has left it ends" {
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

@test "a viewer that comes has a program that draws screens draw anew" {
	local screen=(sse-pipe -T -- "$TOP/tests/tools/screen.py")

	echo 7 >screen
	view a -l 600 -- "${screen[@]}"
	eventually has 'screen 7' a
	view b -l 600 -- "${screen[@]}"
	eventually has '"width":80' b
	eventually has 'screen 7' b
	stop_readers
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

@test "an event longer than the ring becomes a gap, and stderr says so once" {
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

# bats test_tags=tools
@test "a Python and a shell program that know nothing of sse-share are shared" {
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
	alone() { [[ $(channel_pid) =~ ^[0-9]+$ ]]; }
	eventually alone
	kill "$(channel_pid)"
	connect late
	request late -H "$allow" -- sleep 600
	eventually alone
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
