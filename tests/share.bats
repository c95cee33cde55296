#!/usr/bin/env bats
# shellcheck disable=SC2026,SC2030,SC2031,SC2094,SC2153,SC2238
# sse-share: one process for all viewers: channels, their keys, beginning and end.

load lib/share

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

# bats test_tags=slow
@test "200 viewers with 200 ids, the channel killed: one channel, few programs" {
	timeout 150 python3 "$TOP/tests/tools/share.py" herd 200 "sse-tail -n 0" \
		2>err 3>&- 7>&-
	all_over
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
	# the leak detector hangs if its helper process is killed
	export ASAN_OPTIONS=detect_leaks=0
	timeout 150 python3 "$TOP/tests/tools/share.py" storm 60 ./counts \
		2>err 3>&- 7>&-
	all_over
}

# bats test_tags=tools
@test "if a channel cannot begin its viewer is told to come back" {
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

@test "in a shell sse-share stays until its stream ends; Ctrl-C leaves the channel" {
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

@test "other arguments or another directory make another channel, and -K is checked" {
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

has_only_three() {
	[ "$(left_over | while read -r pid; do
		ps -o comm= -p "$pid"
	done | grep -c '^sse-')" -eq 3 ]
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

@test "two requests, and two orders of variables, share one channel" {
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
	# unknown variables are part of the key: less sharing, but no leak
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
	# one word too many or too few, and lengths near SHA-256's block size
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
