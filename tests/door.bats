#!/usr/bin/env bats
# How clients reach sse-share: a script whose first line names it, the client's
# own socket, and the door, a listening socket.
# shellcheck disable=SC2030,SC2031 # each test is a shell of its own
# shellcheck disable=SC2154 # stderr is of "run"

load lib/share

# script NAME OPTIONS: a file whose first line names sse-share; its rest comes
# from stdin.
script() {
	{
		echo "#!$PROGRAMS_DIR/sse-share $2"
		cat
	} | program "$1"
}

feeder_script() {
	script "$1" "$2" <<-'END'
		echo "$0 $*" >>args
		exec ./feeder
	END
}

@test "a script whose first line names sse-share runs once for all its viewers" {
	feeder_script events '-n 1  -l 0 -H X-Test:seen'
	mkfifo a.pipe b.pipe
	spawn reader a
	REQUEST_METHOD=GET ./events >a.pipe 3>&- 7>&-
	feed 'data: 1\n\n'
	eventually has '^data: 1$' a
	spawn reader b
	REQUEST_METHOD=GET ./events >b.pipe 3>&- 7>&-
	all_have '^data: 1$' a b
	all_have '^X-Test:seen' a b
	[ "$(wc -l <starts)" -eq 1 ]
	[[ "$(sse-share -L)" == events-*$'\tsh ./events\t2\t1\t'* ]]
	end_feed
	all_over
}

@test "a script gets its own arguments from a shell, and none from a query" {
	script words '-l 0' <<-END
		exec $PROGRAMS_DIR/sse-pipe -- echo "\$@"
	END
	./words one 'two three' | grep -qx 'data: one two three'
	# as Apache has it: ?one+-K+x
	REQUEST_METHOD=GET QUERY_STRING=one+-K+x ./words one -K x | cat >got
	grep -qx 'data: ' got
	all_over
}

@test "a script's first line may end with --" {
	script dashes '-l 0 -n 2 --' <<<"exec $PROGRAMS_DIR/sse-pipe -- echo yes"
	./dashes | grep -qx 'data: yes'
	all_over
}

@test "a script's first line may be longer than what the kernel hands over" {
	local fields

	fields=$(printf -- '-H X-%d:0123456789 ' {1..20})
	script many "-l 0 $fields" <<<"exec $PROGRAMS_DIR/sse-pipe -- echo"
	REQUEST_METHOD=GET ./many | cat >got
	[ "$(grep -c '^X-[0-9]*:0123456789' got)" -eq 20 ]
	all_over
}

@test "a script whose first line is too long is refused" {
	script long "$(printf -- '-l 0%02000d' 0)" <<<'exec true'
	run -2 --separate-stderr ./long
	[ "$stderr" = 'long: its first line: longer than 1023 bytes' ]
}

@test "a script that names sse-share is a CGI program under lighttpd" {
	make_site
	cgi events <<-END
		#!$PROGRAMS_DIR/sse-share -n 2 -l 0
		echo "\$HTTP_COOKIE\$0" >>$BATS_TEST_TMPDIR/starts
		exec $PROGRAMS_DIR/sse-counter -i 0.1
	END
	start_lighttpd
	spawn curl -sN "$URL/cgi-bin/events?-K+x" >a
	spawn curl -sN -H 'Cookie: c=1' "$URL/cgi-bin/events" >b
	all_have '^data: 5$' a b
	[ "$(cat starts)" = "$SITE/cgi-bin/events" ]
	stop_all
}

# --- the client's own socket ---

# The programs as nph-, first in PATH.
as_nph() {
	mkdir -p nph
	ln -sf "$PROGRAMS_DIR/sse-share" nph/nph-sse-share
	PATH=$PWD/nph:$PATH
}

# The processes of sse-share that there are.
sharers() {
	local pid

	for pid in $(left_over); do
		case $(ps -o comm= -p "$pid") in *sse-share) echo "$pid" ;; esac
	done
}

only_channel() {
	[ "$(sharers | wc -l)" = 1 ]
}

door_py() {
	timeout 600 python3 "$TOP/tests/tools/door.py" "$@" 3>&- 7>&-
}

# bats test_tags=tools
@test "a client's own connection is handed over, and one that it half-closes has left" {
	as_nph
	door_py own -l 600 -k 0 -- ./feeder
	kill "$(sharers)"
	all_over
}

# bats test_tags=tools
@test "a client that does not read, but sends, holds no more than 64 KiB each way" {
	as_nph
	door_py deaf -l 0 -b 65536 -- sse-pipe -k 0 -- yes
	door_py deaf -l 0 -- sse-pipe -k 0 -- printf '%0900000d\n' 0
	all_over
}

# own_socket COMMAND ...: its viewers come by TCP and need no process.
own_socket() {
	PORT=$(free_port)
	"$@"
	eventually listens "$PORT"
	spawn curl -sNi -m 60 "http://127.0.0.1:$PORT/" >a
	spawn curl -sNi -m 60 -H 'Last-Event-ID: 1' \
		"http://127.0.0.1:$PORT/?x=y" >b
	all_have '^data: 7$' a b
	all_have '^HTTP/1.1 200 OK' a b
	eventually only_channel
	[ "$(sse-share -L | cut -f 3)" = 2 ]
	frames b | grep -qx 'data: 2'
	kill "$(sharers)"
	stop_all
}

# bats test_tags=all
@test "under socat, tcpserver and a systemd socket a viewer needs no process" {
	as_nph
	program stream <<-'END'
		#!/bin/sh
		exec nph-sse-share -f -n 2 -l 600 -- sse-counter -i 0.1
	END
	under_socat() {
		spawn socat "TCP-LISTEN:$PORT,bind=127.0.0.1,fork,reuseaddr" \
			"EXEC:./stream,nofork"
	}
	under_tcpserver() {
		spawn tcpserver -H -R -l 0 127.0.0.1 "$PORT" ./stream
	}
	under_systemd() {
		spawn systemd-socket-activate --accept --inetd -E PATH \
			-E SSE_CGI_DIR -E SSE_TEST -l "127.0.0.1:$PORT" ./stream
	}
	own_socket under_socat
	own_socket under_tcpserver
	own_socket under_systemd
}

# bats test_tags=all
@test "with -f, too, nph-sse-share answers with a status line" {
	as_nph
	program stream <<-'END'
		#!/bin/sh
		exec nph-sse-share -f -l 0 -- sse-counter -i 0.1
	END
	PORT=$(free_port)
	spawn tcpserver -H -R -l 0 127.0.0.1 "$PORT" ./stream
	eventually listens "$PORT"
	spawn curl -sNi -m 60 "http://127.0.0.1:$PORT/" >a
	eventually has '^data: 7$' a
	spawn curl -sNi -m 60 -H 'Last-Event-ID: 5000' \
		"http://127.0.0.1:$PORT/" >b
	eventually has '^data: 5001$' b
	[ "$(head -n 1 b)" = $'HTTP/1.1 200 OK\r' ]
	[ "$(grep -c '^HTTP/' b)" = 1 ]
	stop_all
}

# --- the door ---

# bats test_tags=tools
@test "a door answers as a CGI or an nph- process does, by SCGI and by HTTP" {
	as_nph
	program five <<-'END'
		#!/bin/sh
		echo "$QUERY_STRING$HTTP_LAST_EVENT_ID$HTTP_ORIGIN" >>starts
		printf 'Content-Type: text/event-stream\n\n'
		printf 'id: %s\ndata: x\n\n' 1 2 3 4 5
		exec sleep 600
	END
	door_py same -K five -l 5 -k 0.1 -A alive -m 0.3 -n 2 -O http://a \
		-H 'X-Test: seen' -- ./five 2>>err
	[ "$(cat starts)" = '' ] && [ "$(wc -l <starts)" = 1 ]
	kill "$(sharers)"
	all_over
}

# bats test_tags=tools
@test "a crowd at a door is served by one channel; if the door is killed nobody notices" {
	door_py crowd -l 0 -- sse-counter -i 0.1
	all_over
}

# bats test_tags=tools
@test "a viewer that leaves a door's silent stream is gone at once" {
	door_py leave -l 0 -k 0 -- ./feeder
	all_over
}

# bats test_tags=tools
@test "a viewer at a Unix socket that does not read holds no more than 64 KiB" {
	door_py hold -l 0 -- sse-pipe -k 0 -- yes
	all_over
}

# bats test_tags=tools
@test "what is no request is refused, and viewers are served meanwhile" {
	door_py bad -l 0 -k 0 -- sse-counter -i 0.1
	all_over
}

# bats test_tags=tools
@test "idle and short connections by the thousand harm nobody, in bounded memory" {
	sanitized sse-share && export SANITIZED=1
	door_py many -l 0 -k 0 -- sse-counter -i 0.1
	all_over
}

# bats test_tags=tools,slow
@test "a million short connections harm nobody" {
	sanitized sse-share && export SANITIZED=1
	SHORT=1000000 door_py many -l 0 -k 0 -- sse-counter -i 0.1
	all_over
}

# bats test_tags=tools
@test "if its channel does not answer, a door tells viewers to come back" {
	door_py stop -l 0 -k 0 -- sse-counter -i 0.1 2>err
	grep -q 'no answer$' err
	all_over
}

# bats test_tags=tools
@test "with -f a door brings who was away long to the program, then to the channel" {
	seq 300 >numbers
	door_py further -f -l 0 -- sse-tail -n 10 numbers 2>>err
	all_over
}

# bats test_tags=tools
@test "with -f viewers that wait for a turn at a door hold up nobody else" {
	seq -f '%09000.0f' 600 >numbers
	door_py crammed -f -l 0 -b 65536 -n 1 -- sse-tail -n 5 numbers 2>err
	grep -q 'too many viewers have an id that it has lost$' err
	[ "$(wc -l <err)" -lt 60 ]
	all_over
}

# bats test_tags=tools
@test "a door without a socket directory, or descriptors, tells viewers to come back" {
	mkdir -m 755 "$SSE_CGI_DIR"
	door_py back -l 0 -- sse-counter -i 0.1 2>err
	grep -q 'it must be a directory of mode 0700' err
	rmdir "$SSE_CGI_DIR"
	sanitized sse-share || door_py short -l 0 -- sse-counter -i 0.1
	all_over
}

has_viewers() {
	[ "$(sse-share -L | cut -f 3)" = "$1" ]
}

status_of() {
	curl -s -m 60 -o status -w '%{http_code}' "$@"
}

# What the doors below share: three events, then silence.
three_events() {
	program "$1" <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/event-stream\n\n'
		for i in 1 2 3; do
			printf 'id: %s\ndata: %s\n\n' "$i" "$i"
			sleep 0.1
		done
		exec sleep 600
	END
}

# Two viewers of the door at this path of http://127.0.0.1:$PORT; one leaves
# while nothing is written.
sees_door() {
	local url=http://127.0.0.1:$PORT$1 first

	spawn curl -sNi -m 60 "$url" >a
	first=$!
	eventually has '^data: 1$' a
	spawn curl -sNi -m 60 -H 'Last-Event-ID: 1' "$url?x=y" >b
	all_have '^data: 3$' a b
	all_have '^HTTP/1.1 200' a b
	refute has '^data: 1$' b
	has_viewers 2
	[ "$(sharers | wc -l)" = 2 ]
	[ "$(status_of -d x=y "$url")" = 405 ]
	[ "$(status_of -H 'Last-Event-ID: end' "$url")" = 204 ]
	curl -sI -m 60 "$url" | grep -i '^Content-Type: text/event-stream'
	kill "$first"
	DEADLINE=10 eventually has_viewers 1
}

# A checkout with the configurations, by sed as given, and these programs.
checkout() {
	mkdir -p top/conf run
	cp "$TOP"/conf/* top/conf/
	cp -a "$TOP/cgi-bin" "$TOP/www" top/
	cp "$PROGRAMS_DIR/sse-share" top/
	three_events top/sse-counter
	sed -i "$@"
	PORT=$(free_port)
	SSE_CGI_DIR=$PWD/run/meet
	export PORT SSE_TOP=$PWD/top SSE_RUN=$PWD/run SSE_CGI_DIR
}

@test "lighttpd starts a door, tells it at once that a viewer left, and ends it" {
	checkout -e 's/ -n 1 -- / -n 3 -l 600 -k 0 -- /; s/"PATH"/& , "SSE_TEST"/' \
		top/conf/lighttpd-scgi.conf
	spawn lighttpd -D -f top/conf/lighttpd-scgi.conf >log 2>&1
	lighttpd=$!
	eventually listens "$PORT"
	sees_door /door
	kill "$lighttpd"
	eventually only_channel
	kill "$(sharers)"
	all_over
}

# bats test_tags=tools
@test "a lighttpd that is killed leaves no door to serve the next one" {
	local number

	checkout -e 's/"PATH"/& , "SSE_TEST"/' top/conf/lighttpd-scgi.conf
	for number in 1 2; do
		sed -i "s/ -n 1.* -- / -n 1 -H X-Test:$number -- /" \
			top/conf/lighttpd-scgi.conf
		spawn lighttpd -D -f top/conf/lighttpd-scgi.conf >log 2>&1
		eventually listens "$PORT"
		curl -sI -m 60 "http://127.0.0.1:$PORT/door" >answer
		has "^X-Test: *$number" answer
		kill -9 $!
		all_over
	done
}

@test "nginx brings its viewers to a door that spawn-fcgi has started" {
	checkout -e "s,@SSE_TOP@,$PWD/top,; s,@SSE_RUN@,$PWD/run," \
		-e '/^daemon/s/^/user root;/' top/conf/nginx-scgi.conf
	[ "$(id -u)" = 0 ] || sed -i 's/^user root;//' top/conf/nginx-scgi.conf
	sed -i "s,@PORT@,$PORT," top/conf/nginx-scgi.conf
	spawn spawn-fcgi -n -s run/door.sock -- \
		"$SSE_TOP/sse-share" -l 600 -k 0 -n 3 -- "$SSE_TOP/sse-counter"
	eventually test -S run/door.sock
	spawn nginx -p run -c "$SSE_TOP/conf/nginx-scgi.conf" 2>log
	eventually listens "$PORT"
	sees_door /door
	stop_all
}

# bats test_tags=all
@test "a door at a systemd socket and at inetd's speaks HTTP itself" {
	three_events three
	PORT=$(free_port)
	spawn systemd-socket-activate --inetd -E PATH -E SSE_CGI_DIR \
		-E SSE_TEST -l "127.0.0.1:$PORT" \
		sse-share -l 600 -k 0 -n 3 -- ./three
	eventually listens "$PORT"
	sees_door /
	stop_all
	rm a b
	PORT=$(free_port)
	echo "127.0.0.1:$PORT stream tcp wait $(id -un)" \
		"$PROGRAMS_DIR/sse-share sse-share -l 600 -k 0 -n 3 --" \
		"$PWD/three" >inetd.conf
	spawn inetd -i inetd.conf
	eventually listens "$PORT"
	sees_door /
	stop_all
}

# --- gathering ---

@test "with -g the first event comes at once, others wait, the end brings them" {
	view a -l 0 -g 600 -- ./feeder
	feed 'id: 1\ndata: 1\n\n'
	eventually has '^data: 1$' a
	feed 'id: 2\ndata: 2\n\n'
	events_are() { [ "$(sse-share -L | cut -f 4)" = "$1" ]; }
	eventually events_are 2
	view b -l 0 -- ./feeder
	feed 'id: 3\ndata: 3\n\n'
	eventually events_are 3
	# a new viewer gets its place, so as not to lose it; none waits twice
	eventually has '^data: 3$' b
	refute has '^data: [23]$' a
	refute has '^event: start' b
	end_feed
	all_over
	[ "$(frames a | grep '^data')" = "$(printf 'data: %s\n' 1 2 3)" ]
	[ "$(frames b | grep '^data')" = 'data: 3' ]
}

@test "with -g what was gathered comes when its time is over" {
	view a -l 0 -g 0.2 -- ./feeder
	feed 'data: 1\n\n'
	eventually has '^data: 1$' a
	feed 'data: 2\n\n'
	eventually has '^data: 2$' a
	end_feed
	all_over
}

# bats test_tags=tools
@test "with -g many events come in few pieces" {
	door_py gather -l 0 -g 0.25 -- sse-counter -i 0.01
	all_over
}
