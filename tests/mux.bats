#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # the programs expand what is theirs
# sse-mux: several streams on one connection, each resumed, ended and restarted
# separately. mux.py tests the same at random.

load lib/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export SSE_CGI_DIR=$BATS_TEST_TMPDIR/meet
	PATH=$PWD:$PATH
}

# A program from stdin. HEADER is what begins its stream.
program() {
	{
		printf '#!/bin/sh\nHEADER="Content-Type: text/event-stream\n\n"\n'
		cat
	} >"$1"
	chmod +x "$1"
}

# A viewer in the background: what it gets is in the file NAME. Its last event
# id is -, or what is given; its pid is VIEWER.
view() {
	local name=$1 id=$2

	shift 2
	[ "$id" != - ] || id=
	HTTP_LAST_EVENT_ID=$id spawn sse-mux "$@" >"$name" 2>"$name.err"
	VIEWER=$!
}

# The same for a stream that ends: its body, without the first comment.
body() {
	timeout 60 sse-mux "$@" 2>>err | sed '1,/^\r$/d' | sed '1,2d'
}

# A viewer's events as one line: PLACES<type>data, but for "start".
events() {
	tr -d '\r' <"$1" | sed '/^event: start$/,/^$/d' |
		sed -n 's/^event: \(.*\)/<\1>/p; s/^data: //p' |
		tr '\n' ' ' | sed 's/ $//'
}

got() {
	[ "$(events "$1")" = "$2" ]
}

gets() {
	eventually got "$1" "$2" || {
		echo "got: $(events "$1")" >&2
		return 1
	}
}

last_id() {
	sed -n 's/^id: //p' "$1" | tail -n 1
}

# Waits until a file has so many lines.
has_lines() {
	[ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

# An id of these programs: their digest, which is made here once more.
id_of() {
	local places=$1

	shift
	printf '%s\0' "$@" | perl -0777 -ne '
		$hash = 2166136261;
		$hash = (($hash ^ $_) * 16777619) & 0xffffffff for unpack "C*";
		printf "%08x", $hash'
	printf '%s\n' "$places"
}

@test "events of two programs come joined, each with the places in both" {
	local id

	program one <<-'END'
		printf "$HEADER"
		printf ': c\nretry: 9\nid: a 1_%%\303\251-.\nevent: t\ndata: x\ndata: y\n'
		printf 'unknown: 1\n\nid: bare\n\nevent: start\nid: 2\ndata\n\n'
		printf 'data: \377\nretry: 8\n\nid\ndata: none\n\n'
		printf 'event: end\nid: end\ndata: 3\n\n'
	END
	program two <<-'END'
		until [ -e go ]; do sleep 0.02; done
		exec sse-pipe -x bye -- echo last
	END
	id=$(id_of '' one two)
	view v - one two
	eventually grep -q '^event: 1.end' v
	touch go
	eventually ended "$VIEWER"
	printf '%s\r\n' 'Content-Type: text/event-stream' \
		'Cache-Control: no-cache' 'Connection: keep-alive' \
		'X-Accel-Buffering: no' '' >expected
	cat >>expected <<-END
		:

		id: ${id}__a_201_5F_25_C3_A9-.__
		event: t
		data: x
		data: y

		id: ${id}__2__
		event: start
		data: 

		id: ${id}__2__
		data: $(printf '\xef\xbf\xbd')

		id: ${id}____
		data: none

		id: ${id}__end__
		event: 1.end
		data: 3

		id: ${id}__end__
		data: last

		id: ${id}__end__end
		event: bye
		data: 0

		id: end
		event: end
		data: 0

	END
	diff expected v
}

@test "each program gets a plain GET with its own part of the id" {
	program tells <<-'END'
		printf "$HEADER"
		{
			echo "$REQUEST_METHOD,$QUERY_STRING,$CONTENT_LENGTH"
			echo "${HTTP_LAST_EVENT_ID-none},${HTTP_PROXY-none}"
			readlink /proc/$$/fd/0
		} >"$1"
		printf 'id: end\ndata: 0\n\n'
	END
	echo evil >input
	HTTP_PROXY=evil REQUEST_METHOD=GET CONTENT_LENGTH=5 \
		QUERY_STRING="a=b&lastEventId=$(id_of '__a_201_5F_25_C3_A9__' \
			'tells 1' 'tells 2' | sed 's/_/%5F/g')&c=d" \
		sse-mux 'tells 1' 'tells 2' <input
	printf '%s\n' 'GET,a=b&c=d,' $'a 1_%\xc3\xa9,none' /dev/null | diff - 1
	printf '%s\n' 'GET,a=b&c=d,' none,none /dev/null | diff - 2
}

@test "a viewer that comes back gets of each of 25 logs what it missed, once" {
	local log logs=()

	for log in {a..y}; do
		echo "$log-1" >"$log.log"
		logs+=("exec sse-tail -n 0 $log.log")
	done
	view v - "${logs[@]}"
	all_placed() { [ "$(grep -c '^event: start' v)" = 25 ]; }
	eventually all_placed
	for log in {a..y}; do
		echo "$log-2" >>"$log.log"
		eventually grep -qx "data: $log-2" v
	done
	kill "$VIEWER"
	[ "$(last_id v | wc -c)" -le 1025 ]
	refute grep -q '^id: .*[^0-9A-Za-z._-]' v
	for log in {a..y}; do
		echo "$log-3" >>"$log.log"
		mv "$log.log" "$log.log.1"
		echo "$log-4" >"$log.log"
	done
	view w "$(last_id v)" "${logs[@]}"
	all_back() { [ "$(grep -c '^data: .*-4$' w)" = 25 ]; }
	eventually all_back
	for log in {a..y}; do
		[ "$(grep -E "^data: $log-|gap" w)" = \
			"$(printf 'data: %s\n' "$log-3" "$log-4")" ]
	done
}

@test "a program that is killed is started again, with its place" {
	seq 3 >log
	program follow <<-'END'
		echo $$ >>pids
		exec sse-tail -n all log
	END
	view v - follow 'exec sse-pipe -x "" -- sleep 600'
	gets v '1 2 3'
	kill -9 "$(cat pids)"
	echo 4 >>log
	gets v '1 2 3 4'
	kill -9 "$(tail -n 1 pids)"
	echo 5 >>log
	gets v '1 2 3 4 5'
	has_lines pids 3
}

@test "one that fails without a place is a gap, said once until it sends more" {
	program flaky <<-'END'
		echo >>starts
		n=$(wc -l <starts)
		printf "$HEADER"
		[ "$n" = 2 ] || printf 'data: %s\n\n' "$n"
		[ "$n" != 4 ] || exec sleep 600
	END
	view v - flaky
	DEADLINE=100 gets v '1 <gap> 1 stopped 3 <gap> 1 stopped 4'
	refute grep -q '^id' v
}

# bats test_tags=slow
@test "the pause before a new start grows, and a retry field lengthens it" {
	program fails <<-'END'
		date +%s%N | cut -c 1-13 >>"$1"
		printf "$HEADER$2"
	END
	view v - 'fails grows' 'fails told "retry: 9000\n\n"'
	DEADLINE=90 eventually has_lines told 2
	DEADLINE=90 eventually has_lines grows 4
	mapfile -t at <grows
	[ $((at[1] - at[0])) -ge 1000 ]
	[ $((at[2] - at[1])) -ge 2000 ]
	[ $((at[3] - at[2])) -ge 4000 ]
	mapfile -t at <told
	[ $((at[1] - at[0])) -ge 9000 ]
}

@test "an error status, no header and no program are gaps, each said once" {
	program busy <<-'END'
		echo >>starts
		printf 'Status: 503 Busy\r\nContent-Type: text/plain\r\n\r\nx\n'
	END
	program mute <<-'END'
		echo no header
	END
	program text <<-'END'
		printf 'Content-Type: text/plain\n\nx\n'
	END
	view v - busy mute text ./absent
	eventually has_lines starts 3
	[ "$(events v | tr ' ' '\n' | grep -c gap)" = 4 ]
	[ "$(grep ^data v | sort)" = "$(printf 'data: %s\n' '1 status 503' \
		'2 no stream' '3 no stream' '4 no stream')" ]
	[ "$(grep -c '^sse-mux: source 1: status 503$' v.err)" = 1 ]
	refute grep -q '^id' v
}

@test "an id of another list begins anew, with one gap" {
	local id

	for id in "$(id_of __1 'sse-pipe -- echo b')" 00000000__1 x 3 \
		"$(id_of '' 'sse-pipe -- echo a')" \
		"$(id_of __1__2 'sse-pipe -- echo a')" \
		"$(id_of __1_4 'sse-pipe -- echo a')" \
		"$(id_of __a_61 'sse-pipe -- echo a')" \
		"$(id_of __a_0A 'sse-pipe -- echo a')" \
		"$(id_of "__$(printf '%01100d' 0)" 'sse-pipe -- echo a')"; do
		HTTP_LAST_EVENT_ID=$id body 'sse-pipe -- echo a' >out
		[ "$(events out)" = '<gap> changed a <1.end> 0 <end> 0' ]
	done
	HTTP_LAST_EVENT_ID=$(id_of __1 'sse-pipe -- echo a') \
		body 'sse-pipe -- echo a' >out
	[ "$(events out)" = 'a <1.end> 0 <end> 0' ]
}

@test "what has ended stays so: one program is not run again, all are 204" {
	program job <<-'END'
		echo >>runs
		exec sse-pipe -- echo done
	END
	view a - job 'exec sse-tail log'
	gets a 'done <1.end> 0'
	kill "$VIEWER"
	view b "$(last_id a)" job 'exec sse-tail log'
	echo more >log
	gets b 'more'
	kill "$VIEWER"
	[ "$(wc -l <runs)" = 1 ]
	HTTP_LAST_EVENT_ID=$(id_of __end job) body job >c
	[ "$(events c)" = '<end> 0' ]
	[ "$(wc -l <runs)" = 1 ]
	HTTP_LAST_EVENT_ID=end sse-mux job >d
	[ "$(head -n 1 d)" = $'Status: 204 No Content\r' ]
	[ "$(wc -l <runs)" = 1 ]
}

@test "one that answers 204 has ended, too" {
	program counter <<-'END'
		echo >>runs
		exec sse-counter -n 2 -i 0.01 -r 1
	END
	body counter >v
	[ "$(events v)" = '1 2 <1.end>  <end> 0' ]
	[ "$(wc -l <runs)" = 2 ]
	[ "$(last_id v)" = end ]
}

@test "-e puts the program's number before each type but start" {
	view v - -e 'sse-pipe -e a -- echo x' 'sse-tail -n 0 log' \
		'sse-pipe -- echo' 'echo'
	eventually grep -q 1.end v
	eventually grep -q 3.end v
	echo line >log
	eventually grep -q 2.message v
	[ "$(sed -n 's/^event: //p' v | grep -v start | sort | xargs)" = \
		'1.a 1.end 2.message 3.end 3.message 4.gap' ]
}

@test "an event that is longer than -b is a gap, and the next one comes" {
	program long <<-'END'
		printf "$HEADER"
		printf 'data: %1000s\n\ndata: short\n\n' x x
		printf 'id: end\ndata: 0\n\n'
	END
	body -b 100 long >out
	[ "$(events out)" = \
		'<gap> 1 too long short <gap> 1 too long short 0 <end> 0' ]
	[ "$(grep -c '^sse-mux: source 1: too long$' err)" = 1 ]
}

@test "an id for which there is no room is a gap, and left out" {
	program long <<-'END'
		printf "$HEADER"
		printf 'id: 1\ndata: 1\n\nid: %01000d\ndata: 2\n\n' 7
		printf 'id: %01100d\ndata: 3\n\nid: end\ndata: 0\n\n' 7
	END
	body long >out
	[ "$(events out)" = '1 2 3 <gap> 1 id too long 0 <end> 0' ]
	grep '^id' out | sed 's/0000*/../; s/^id: [^_]*__/__/' >ids
	[ "$(tr '\n' ' ' <ids)" = '__1 __..7 __ __ __end id: end ' ] || {
		cat ids
		return 1
	}
}

@test "an id that a program takes back is taken back for the viewer" {
	program back <<-'END'
		printf "$HEADER"
		printf 'data: 0\n\nid: 1\ndata: 1\n\nid\ndata: 2\n\n'
		printf 'id: end\ndata: 0\n\n'
	END
	body back | sed -n 's/^id: [^_]*//p; s/^data: //p' >out
	[ "$(head -n 5 out | tr '\n' ' ')" = '0 __1 1 __ 2 ' ]
}

@test "a gap of a program passes with its number" {
	program trimmed <<-'END'
		printf "$HEADER"
		printf 'event: gap\ndata: trimmed\n\nevent: gap\ndata\n\n'
		printf 'id: end\ndata: 0\n\n'
	END
	body 'sse-pipe -- true' trimmed >out
	[ "$(events out | sed 's/<1.end> 0 //')" = \
		'<gap> 2 trimmed <gap> 2  0 <end> 0' ]
}

@test "a program that stops in an event holds up no other" {
	program slow <<-'END'
		printf "$HEADER"
		printf 'data: half'
		until [ -e go ]; do sleep 0.02; done
		printf '\n\n'
		exec sleep 600
	END
	view v - slow 'sse-pipe -x "" -- sh -c "seq 20000; sleep 600"'
	eventually grep -q '^data: 20000' v
	touch go
	eventually grep -q '^data: half' v
	[ "$(grep -c '^data: [0-9]' v)" = 20000 ]
}

@test "a program that hands its output over streams on after its exit" {
	view v - 'sse-share -l 0 -- sse-counter -i 0.5'
	eventually grep -q '^data: 7' v
	refute grep -q gap v
	kill "$VIEWER"
	eventually nothing_left
}

@test "nothing is left of the programs when the viewer leaves" {
	program stubborn <<-'END'
		trap '' TERM HUP
		printf "$HEADER"
		(trap '' TERM; echo >>up; exec sleep 600) &
		sleep 600
		sleep 600
	END
	mkfifo pipe
	spawn cat pipe >/dev/null
	reader=$!
	REQUEST_METHOD=GET spawn sse-mux stubborn stubborn stubborn stubborn \
		'exec sleep 600' >pipe 2>/dev/null
	VIEWER=$!
	eventually has_lines up 4
	kill "$reader"
	start=$SECONDS
	eventually nothing_left
	# each takes two seconds, but all at the same time
	[ $((SECONDS - start)) -lt 6 ]
	wait "$VIEWER"
	# nor if it is killed
	view v - stubborn 'exec sleep 600'
	eventually has_lines up 5
	kill -9 "$VIEWER"
	eventually nothing_left
}

@test "up to 25 programs are taken, and none of a query" {
	local status=0 all=()

	REQUEST_METHOD=GET QUERY_STRING='touch+evil' \
		timeout 30 sse-mux 'sse-pipe -- echo a' touch evil >out
	refute [ -e evil ]
	[ "$(sed '1,/^\r$/d' out | grep -c '^event: 1.end')" = 1 ]
	mapfile -t all < <(yes true | head -n 25)
	REQUEST_METHOD=HEAD sse-mux "${all[@]}" >out
	run -2 --separate-stderr sse-mux "${all[@]}" true
	[ "$stderr" = 'sse-mux: 26 command lines: 1 to 25 are expected' ]
	[ -z "$output" ]
	REQUEST_METHOD=GET run -2 --separate-stderr sse-mux
	[ "${lines[0]}" = $'Status: 500 Internal Server Error\r' ]
}

@test "HEAD runs nothing, POST is refused" {
	REQUEST_METHOD=HEAD sse-mux 'touch ran' >out
	[ "$(head -n 1 out)" = $'Content-Type: text/event-stream\r' ]
	REQUEST_METHOD=POST sse-mux 'touch ran' >out 2>err
	[ "$(head -n 1 out)" = $'Status: 405 Method Not Allowed\r' ]
	grep -q $'^Allow: GET, HEAD\r' out
	refute [ -e ran ]
}

# Viewers of sse-share, as a web server has them.
share() {
	local name=$1 id=$2

	shift 2
	[ "$id" != - ] || id=
	[ -p "$name.pipe" ] || mkfifo "$name.pipe"
	spawn cat "$name.pipe" >"$name"
	VIEWER=$!
	REQUEST_METHOD=GET HTTP_LAST_EVENT_ID=$id sse-share -l 0.2 "$@" \
		>"$name.pipe" 2>>err 3>&-
}

@test "under sse-share new viewers get a replay, and old ones what they missed" {
	echo a1 >a
	share v - -n 2 -- sse-mux 'sse-tail -n all a' 'sse-tail -n 0 b'
	gets v a1
	echo b1 >b
	gets v 'a1 b1'
	echo a2 >>a
	gets v 'a1 b1 a2'
	share w - -n 2 -- sse-mux 'sse-tail -n all a' 'sse-tail -n 0 b'
	gets w 'b1 a2'
	id=$(last_id v)
	echo b2 >>b
	gets w 'b1 a2 b2'
	share x "$id" -n 2 -- sse-mux 'sse-tail -n all a' 'sse-tail -n 0 b'
	gets x b2
}

@test "under sse-share -f the programs resume what the channel does not have" {
	local mux=(-f -- sse-mux 'sse-tail -n 0 a' 'sse-tail -n 0 b')

	touch a b
	share v - "${mux[@]}"
	starts() { [ "$(grep -c '^event: start' v)" = 2 ]; }
	eventually starts
	echo a1 >>a
	gets v a1
	kill "$VIEWER"
	eventually nothing_left
	echo b1 >>b
	echo a2 >>a
	share w - "${mux[@]}"
	eventually grep -q '^id' w
	share x "$(last_id v)" "${mux[@]}"
	both() { [ "$(events x | tr ' ' '\n' | sort | xargs)" = 'a2 b1' ]; }
	eventually both
	echo a3 >>a
	eventually grep -q '^data: a3' x
	gets w a3
}

# How many pieces come from stdin.
pieces() {
	python3 -c 'import os; print(sum(1 for _ in iter(lambda: os.read(0, 65536), b"")))'
}

# bats test_tags=tools
@test "with -g events are sent in few pieces, the first at once" {
	[ "$(sse-mux -g 0.25 'sse-counter -n 100 -i 0.01' | pieces)" -le 20 ]
	view v - -g 600 "sh -c 'sse-counter -n 1; sleep 600'"
	gets v 1
	kill "$VIEWER"
	eventually nothing_left
	view w - -g 600 'sse-pipe -- echo 2'
	eventually grep -q '^id: end' w
}

@test "with -g a source that has much to send does not wait" {
	SECONDS=0
	body -g 2 'sse-pipe -- seq 500000' >out
	[ "$(grep -c '^data: ' out)" -eq 500002 ]
	[ "$SECONDS" -lt 30 ] # a pipe at a time would take minutes
}

@test "the demo's page script joins the log, the load and vmstat" {
	if [ "$PROGRAMS_DIR" != "$TOP" ]; then
		make_site
		cp "$TOP"/cgi-bin/{page,vmstat,load} "$SITE/cgi-bin/"
		cp "$PROGRAMS_DIR"/sse-* "$SITE/"
	fi
	start_lighttpd
	curl -s "$URL/one" >out
	spawn curl -sN "$URL/cgi-bin/page" >v
	DEADLINE=20 eventually grep -q '^data: .*GET /one' v
	DEADLINE=20 eventually grep -q '^event: load' v
	DEADLINE=20 eventually grep -q '^event: sample' v
	kill $!
	curl -s "$URL/two" >out
	spawn curl -sN -H "Last-Event-ID: $(last_id v)" "$URL/cgi-bin/page" >w
	DEADLINE=20 eventually grep -q '^data: .*GET /two' w
	DEADLINE=20 eventually grep -q '^event: sample' w
	refute grep -q -e gap -e 'GET /one' w
	kill $!
	none_runs() { refute pgrep -P "$LIGHTTPD" >/dev/null; }
	eventually none_runs
}

# mux.py in the test's folder, for some seconds, with a server of its own.
random_kills() {
	local redis=$PWD/redis.sock

	: >a.log
	: >b.log
	# without the test's mark it is none of those that are killed
	spawn env -u SSE_TEST redis-server --port 0 --unixsocket "$redis" \
		--save '' >redis.log
	eventually redis-cli -s "$redis" ping >/dev/null
	timeout 180 python3 "$TOP/tests/tools/mux.py" 8 "$redis" "$@" 3>&-
}

# bats test_tags=slow,tools
@test "each event comes once, in order, while all are killed at random" {
	random_kills
}

# bats test_tags=slow,tools
@test "through sse-share -f, too, each comes once while all are killed at random" {
	mkdir -m 700 meet
	random_kills share
}
