#!/usr/bin/env bats
# sse-cat and its decoder: every rule of the event stream format (WHATWG HTML,
# sections 9.2.5 and 9.2.6), whole and byte by byte.

load lib/helper

setup_file() {
	make -s -C "$TOP" build/tests/tools/decode
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

# sse-cat -j must print these lines for a stream, printf's first argument. The
# driver fails if the result differs when bytes come one by one.
decodes() {
	local n

	# shellcheck disable=SC2059
	printf "$1" >stream
	shift
	printf '%s\n' "$@" | grep . >expected || :
	sse-cat -j <stream >printed
	diff expected printed
	n=$(printf %08x "$(wc -c <stream)")
	{
		# shellcheck disable=SC2059
		printf "\\x${n:0:2}\\x${n:2:2}\\x${n:4:2}\\x${n:6:2}"
		cat stream
	} | "$TOP/build/tests/tools/decode" >/dev/null
}

message() {
	printf '{"event":"message","id":"%s","data":"%s"}\n' "$2" "$1"
}

@test "an empty line ends an event, if lines end with LF, CR or CRLF" {
	decodes 'data: a\n\n' "$(message a)"
	decodes 'data: a\r\n\r\n' "$(message a)"
	decodes 'data: a\r\r' "$(message a)"
	decodes 'data: a\r\n\ndata: b\n\r\ndata: c\r\n\rdata: d\n\r' \
		"$(message a)" "$(message b)" "$(message c)" "$(message d)"
}

@test "an event that is not finished when the stream ends is dropped" {
	decodes '' ''
	decodes 'data: a\n' ''
	decodes 'data: a' ''
	decodes 'data: a\n\ndata: b\n' "$(message a)"
	decodes 'data: a\n\nid: 1\ndata: b' "$(message a)"
}

@test "several data fields are one message, joined by newlines" {
	decodes 'data: a\ndata: b\ndata\ndata:\ndata: c\n\n' \
		"$(message 'a\nb\n\n\nc')"
}

@test "an event without a data field is not printed, one with empty data is" {
	decodes 'event: a\n\nid: 1\n\n\n\n\ndata: x\n\n' "$(message x 1)"
	decodes 'data\n\ndata:\n\ndata: \n\n' "$(message)" "$(message)" \
		"$(message)"
	decodes 'data\ndata\n\n' "$(message '\n')"
}

@test "one space after the colon is no part of the value" {
	decodes 'data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\ndata: a: b \n\n' \
		"$(message a)" "$(message a)" "$(message ' a')" \
		"$(message '\ta')" "$(message 'a: b ')"
}

@test "comments and unknown fields are ignored, names match exactly" {
	decodes ':\n: data: c\n:data: c\n\ndata: a\n: c\n\n' "$(message a)"
	decodes 'Data: b\n data: b\ndata : b\ndatas: b\ndat: b\nDATA\nx\n\n' ''
	decodes 'data: a\ndataset: b\nidea: 5\nevents: x\nretry-after: 5\n\n' \
		"$(message a)"
}

@test "the event type counts for its own event only" {
	decodes 'event: t\ndata: a\n\ndata: b\n\n' \
		'{"event":"t","id":"","data":"a"}' "$(message b)"
	decodes 'event: t\n\ndata: b\n\n' "$(message b)"
	decodes 'event: t\nevent: u\ndata: a\n\nevent: t\nevent\ndata: b\n\n' \
		'{"event":"u","id":"","data":"a"}' "$(message b)"
	decodes 'data: a\nevent:  t \n\n' '{"event":" t ","id":"","data":"a"}'
}

@test "the last event id stays until another comes" {
	decodes 'id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n' \
		"$(message a 1)" "$(message b 1)" "$(message c)"
	decodes 'id: 1\n\ndata: a\nid: 2\nid: 3\n\n' "$(message a 3)"
	decodes 'data: a\nid:\n\nid: 4\ndata: b\n\nid: \ndata: c\n\n' \
		"$(message a)" "$(message b 4)" "$(message c)"
}

@test "an id with NUL is ignored" {
	decodes 'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid:\0003\ndata: c\n\n' \
		"$(message a 1)" "$(message b 1)" "$(message c 1)"
	decodes 'data: a\0b\n\n' "$(message 'a\u0000b')"
}

@test "a retry of digits alone counts, and comes with the next event" {
	decodes 'retry: 250\n\ndata: a\n\ndata: b\n\n' \
		'{"event":"message","id":"","data":"a","retry":250}' \
		"$(message b)"
	decodes 'retry: 1\nretry: 007\nretry\nretry:\nretry: 2s\nretry: -3\n
		retry:  4\nretry: 5 \nretry: 1.5\ndata: a\n\n' \
		'{"event":"message","id":"","data":"a","retry":7}'
	decodes 'retry: 99999999999999999999999\ndata: a\n\n' \
		'{"event":"message","id":"","data":"a","retry":18446744073709551615}'
	decodes 'data: a\n\nretry: 5\n\n' "$(message a)"
}

@test "a byte order mark is skipped at the start and nowhere else" {
	decodes '\xef\xbb\xbfdata: a\n\n' "$(message a)"
	decodes '\xef\xbb\xbf\n\xef\xbb\xbfdata: a\n\n' ''
	decodes '\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n' ''
	decodes '\xef\xbbdata: a\n\n' ''
	decodes '\xef\ndata: \xef\xbb\xbfa\n\n' "$(message $'\xef\xbb\xbfa')"
}

@test "bytes that are no UTF-8 become U+FFFD, by maximal parts, on the same line" {
	local u=$'\xef\xbf\xbd'

	decodes 'data: \xff\xe2\x82x\xf0\x9f\x98\n\n' "$(message "$u${u}x$u")"
	decodes 'data: \xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80 \xf0\x80\n\n' \
		"$(message "$u$u$u $u$u $u$u$u$u $u$u")"
	decodes 'data: \xf1\x80\x80\x41 \xe1\x80\xc3\xa9 \xc3\n\n' \
		"$(message "${u}A ${u}é $u")"
	decodes 'event: \x80\nid: \xfe\ndata: \xf0\x9f\x98\x80\xe2\x82\xac\n\n' \
		"{\"event\":\"$u\",\"id\":\"$u\",\"data\":\"😀€\"}"
}

@test "JSON escapes what it must and is one line an event" {
	decodes 'data: "\\/\b\f\t\x01\x1f\x7f\ndata: \xe2\x80\xa8\n\n' \
		"$(message '\"\\/\b\f\t\u0001\u001f'$'\x7f''\n'$'\xe2\x80\xa8')"
}

# bats test_tags=slow
@test "sse-cat decodes as the standard and eventsource-parser do" {
	node "$TOP/tests/tools/decode.mjs" 100000 >log
	grep '^100000 streams, ' log
}

@test "sse-cat prints each event's data and a newline, of all types" {
	printf 'data: a\n\nevent: b\ndata: b1\ndata: b2\n\ndata\n\n' >stream
	[ "$(sse-cat <stream; echo .)" = $'a\nb1\nb2\n\n.' ]
}

@test "sse-cat -e prints one type: message, if an event has none" {
	printf 'data: a\n\nevent: b\ndata: b\n\nevent: message\ndata: c\n\n' \
		>stream
	[ "$(sse-cat -e b <stream)" = b ]
	[ "$(sse-cat --event message <stream)" = $'a\nc' ]
	[ "$(sse-cat -e B <stream)" = '' ]
	[ "$(sse-cat -j -e b <stream)" = '{"event":"b","id":"","data":"b"}' ]
}

@test "sse-cat passes over a CGI header before the stream" {
	sse-counter -n 2 -i 0.01 | sse-cat >printed
	[ "$(cat printed)" = $'1\n2' ]
	printf '%s\r\n' 'Status: 200 OK' 'Content-Type: text/event-stream' '' \
		'data: x' '' | sse-cat >printed
	[ "$(cat printed)" = x ]
}

@test "sse-pipe < FILE | sse-cat gives every text file of UTF-8 back" {
	{
		printf 'data: x\n\n\nid: 1\n:\n \n\t\n  two\n\xef\xbb\xbfmark\n'
		printf 'ä€😀\ue000 latin\x01\x7f\n'
		seq 1 5000
		head -c 1000000 /dev/zero | tr '\0' x
		echo
		head -c 300000 /dev/urandom | tr -d '\0\r\200-\377'
		echo
	} >file
	sse-pipe <file | sse-cat >back
	cmp back file
	for file in "$TOP"/*.c "$TOP"/Makefile "$TOP"/tests/*; do
		[ -f "$file" ] || continue
		sse-pipe <"$file" | sse-cat >back
		cmp back "$file"
	done
	: | sse-pipe | sse-cat | cmp - /dev/null
}

@test "the events start and end are printed with -j, or if -e names their type" {
	echo x | sse-pipe >stream
	[ "$(sse-cat <stream)" = x ]
	[ "$(sse-cat -e end <stream)" = 0 ]
	[ "$(sse-cat -j <stream | tail -1)" = \
		'{"event":"end","id":"end","data":"0"}' ]
	printf 'id: end\nevent: end\ndata: 3\n\n' >stream
	[ -z "$(sse-cat <stream)" ]
	printf 'id: 7\nevent: start\ndata:\n\n' >stream
	[ -z "$(sse-cat <stream)" ]
	sse-cat -j <stream | grep -q '"id":"7"'
	printf 'id: end\ndata: 1\n\ndata: 0\n\n' >stream
	[ "$(sse-cat <stream)" = $'1\n0' ]
}

@test "curl -sN URL | sse-cat is live" {
	start_lighttpd
	spawn bash -c "exec curl -sN $URL/events | sse-cat" >live
	eventually grep -qx 2 live
	[ "$(head -2 live)" = $'1\n2' ]
	stop_all
	nothing_left
}

@test "an event is printed before the next one is read" {
	mkfifo in
	spawn sh -c 'exec sse-cat -j <in >out'
	exec 4>in
	printf 'data: a\n' >&4
	printf '\ndata: b' >&4
	eventually grep -q a out
	[ "$(cat out)" = "$(message a)" ]
	printf '\n\n' >&4
	eventually grep -q b out
	exec 4>&-
	eventually ended $!
}

@test "an event longer than -b is an error that says so, one of just -b is not" {
	printf 'data: %0100d\n\n' 1 >stream
	printf 'data: ok\n\n' | cat - stream stream >two
	sse-cat -b 100 <stream >printed
	[ "$(wc -c <printed)" -eq 101 ]
	run -1 sh -c 'sse-cat -b 99 <two 2>error'
	[ "$output" = ok ]
	[ "$(cat error)" = 'sse-cat: an event is longer than 99 bytes (-b)' ]
	# names, comments and unknown fields are not held
	printf ': %09999d\nx: %09999d\ndata: a\n\n' 1 1 | sse-cat -b 9 >printed
	[ "$(cat printed)" = a ]
	# a line that never ends is no event, and takes no unbounded memory
	run -1 sh -c '{ printf data:; yes | tr -d "\n"; } | sse-cat -b 1000000'
	[ "$output" = 'sse-cat: an event is longer than 1000000 bytes (-b)' ]
}

@test "sse-cat prints an event of 16 MiB" {
	head -c 16777216 /dev/zero | tr '\0' x >data
	{ printf data: && cat data && printf '\n\n'; } >stream
	sse-cat <stream | head -c 16777216 | cmp - data
	run -1 sh -c 'sed s/data:/data:y/ stream | sse-cat'
	[ "$output" = 'sse-cat: an event is longer than 16777216 bytes (-b)' ]
}

@test "sse-cat exits 0 if its reader leaves, also while nothing comes" {
	mkfifo in out
	spawn sh -c 'exec sse-cat <in >out'
	pid=$!
	exec 4>in
	head -c 0 <out
	eventually ended "$pid"
	wait "$pid"
	exec 4>&-
	(yes $'data: x\n' || :) | (sse-cat; echo $? >status) | head -1 >first
	[ "$(cat first)" = x ]
	[ "$(cat status)" -eq 0 ]
}

@test "sse-cat fails on a full disk or if stdin is a directory, not without stdin" {
	run -1 sh -c 'printf "data: x\n\n" | sse-cat >/dev/full'
	[[ $output == 'sse-cat: write to stdout: '* ]]
	run -1 sh -c 'sse-cat </'
	[[ $output == 'sse-cat: read: '* ]]
	run -0 sh -c 'sse-cat <&-'
	[ -z "$output" ]
	run -0 sh -c 'printf "data: x\n\n" | sse-cat >&-'
	run -0 sh -c 'printf "data: x\n\n" | (trap "" PIPE; sse-cat >&-)'
}

@test "sse-cat refuses what it does not know with exit status 2" {
	for bad in -x -b -b0 '-b -1' '-b x' -e '-r 5' -f -c '-c data,id' \
		'-c id' '-c x,data' '-j -c data' '-0 -j'; do
		# shellcheck disable=SC2086
		run -2 sse-cat $bad </dev/null
		[ "${#lines[@]}" -eq 1 ]
		[[ $output == 'sse-cat: '* ]]
	done
	run -2 sse-cat -e $'a\nb' </dev/null
	run -2 env REQUEST_METHOD=POST sse-cat -x </dev/null
	[[ $output != *Status:* ]]
	run -0 sse-cat --help
	[[ $output == 'usage: sse-cat '* ]]
	[[ $output != *--retry* ]]
	run -0 sse-cat --version
	[[ $output == 'sse-cat '[0-9]* ]]
}

@test "sse-cat in a CGI script obeys no request" {
	printf 'event: price\ndata: 1\n\n' >stream
	export REQUEST_METHOD=GET QUERY_STRING=price
	[ "$(sse-cat -e price <stream)" = 1 ]
	QUERY_STRING=x%2by run -2 sse-cat x+y <stream
	# a query runs no command and writes no file
	for query in touch+made --+touch+made -f+made -fmade -j+-fmade; do
		IFS=+ read -ra words <<<"$query"
		QUERY_STRING=$query run -2 sse-cat "${words[@]}" <stream
	done
	[ ! -e made ]
	QUERY_STRING=x run -0 sse-cat -- sh -c \
		'printf "data: $1\n\nid: end\nevent: end\ndata\n\n"' sh x
	[ "$output" = x ]
	REQUEST_METHOD=HEAD run -0 sse-cat <stream
	[ "$output" = 1 ]
	cp "$PROGRAMS_DIR/sse-cat" nph-sse-cat
	[ "$(./nph-sse-cat <stream)" = 1 ]
	# what the script has opened stays open
	[ "$(sse-cat -e price 5<stream <&5)" = 1 ]
}

@test "-c prints columns, and with the type's the marks as well" {
	printf '%s\n' 'id: 1' 'event: a' 'data: x' 'data:	y' '' 'data: z' '' \
		': c' 'id: 2' '' 'data' '' 'event: start' 'id: 3' 'data' '' \
		'event: end' 'id: end' 'data: 0' '' >stream
	printf '%s\0' $'1\ta\tx\n\ty' $'\t\tz' $'2\t\t' $'3\tstart\t' \
		$'end\tend\t0' >expected
	sse-cat -0 -c id,event,data <stream | cmp - expected
	printf '%s\0' $'1\tx\n\ty' $'\tz' $'2\t' >expected
	sse-cat -0 -c id,data <stream | cmp - expected
	printf '%s\n' $'end\t0' >expected
	sse-cat -e end --columns event,data <stream | cmp - expected
	printf '%s\0' $'x\n\ty' z '' >expected
	sse-cat -0 <stream | cmp - expected
	sse-cat --null -c data <stream | cmp - expected
}

@test "no byte of an event begins a record or a column of its own" {
	printf 'id: 1\ndata: a\ndata: 2\ndata: 3\n\ndata: b\n\n' >stream
	[ "$(sse-cat -c id,data <stream 2>error)" = $'1\ta 2 3\n\tb' ]
	[ "$(cat error)" = 'sse-cat: data of several lines become one: -0 keeps them' ]
	printf 'id: 1\t2\nevent: a\tb\ndata: c\td\n\nevent: x\0\ndata\n\n' \
		>stream
	[ "$(sse-cat -c id,event,data <stream 2>error)" = $'\t\tc\td\n\t\t' ]
	[ "$(cat error)" = \
		'sse-cat: an id or event type holds TAB or NUL: it is left out' ]
	printf 'data: a\0b\n\ndata: \0\n\n' >stream
	printf 'a\xef\xbf\xbdb\0\xef\xbf\xbd\0' >expected
	sse-cat -0 <stream 2>error | cmp - expected
	[ "$(cat error)" = 'sse-cat: data hold NUL: it becomes U+FFFD' ]
	sse-cat -c data <stream >printed 2>error
	printf 'a\0b\n\0\n' | cmp - printed
	[ ! -s error ]
}

# bats test_tags=tools
@test "sse-cat -0 -c id,event,data | sse-pipe -0 -c id,event,data passes every stream on" {
	python3 "$TOP/tests/tools/pass-on.py" 200 $RANDOM
}

# The last event id that each run got.
again() {
	cat >again <<-END
		echo "<\$LAST_EVENT_ID>" >>runs
		n=\$(grep -c . runs)
		$1
	END
	shift
	sse-cat "$@" -- sh again
}

@test "sse-cat runs its command again, with the last id, until the event end" {
	# shellcheck disable=SC2016
	again 'printf "retry: 1\n\nid: $n\ndata: x\ndata: $n\n\nid: 9\ndata: torn"
		[ "$n" -lt 3 ] || printf "\n\nid: end\nevent: end\ndata: 0\n\n"' \
		>printed
	[ "$(cat printed)" = $'x\n1\nx\n2\nx\n3\ntorn' ]
	[ "$(cat runs)" = $'<>\n<1>\n<2>' ]
	nothing_left
}

@test "an id stays for a next run's events that have none" {
	# shellcheck disable=SC2016
	again 'printf "retry: 1\n\n"; [ "$n" -gt 1 ] || printf "id: 1\n\n"
		printf "data: $n\n\n"
		[ "$n" -lt 3 ] || printf "id: end\nevent: end\ndata\n\n"' -j \
		>printed
	[ "$(cat runs)" = $'<>\n<1>\n<1>' ]
	[ "$(grep -c '"id":"1"' printed)" = 3 ]
}

@test "sse-cat exits with the status of the event end, whoever still runs" {
	run -3 again 'printf "data: x\n\nid: end\nevent: end\ndata: 3\n\n"
		sleep 1000'
	[ "$output" = x ]
	run -0 again 'printf "id: end\nevent: end\ndata: 256\n\n"'
	run -0 again 'printf "id: end\nevent: end\ndata: done\n\n"'
	run -1 again 'printf "event: end\nid: end\ndata: 1\n\nid: 1\n\n"'
	nothing_left
}

@test "runs that bring nothing are said, and their pause grows" {
	# shellcheck disable=SC2016
	again '[ "$n" -lt 5 ] || printf "id: end\nevent: end\ndata\n\n"
		[ "$n" -ne 1 ] || printf "retry: 1\n:\n\n"; exit 7' 2>error
	[ "$(wc -l <runs)" -eq 5 ]
	printf "sse-cat: sh ended with status 7 and without an event; %s\n" \
		'it runs again in 200 ms' 'it runs again in 400 ms' \
		'it runs again in 800 ms' | diff - error
}

@test "without a retry field sse-cat waits for three seconds" {
	# shellcheck disable=SC2016
	again 'cut -d " " -f 1 /proc/uptime >>times
		[ "$n" -lt 2 ] || printf "id: end\nevent: end\ndata\n\n"'
	awk 'NR == 1 { t = $1 } NR == 2 { exit !($1 - t >= 3) }' times
}

@test "a command that cannot be run ends sse-cat as it ends a shell" {
	run -127 sse-cat -- ./no-such
	[ "$output" = 'sse-cat: ./no-such: No such file or directory' ]
	run -126 sse-cat -- /
}

@test "the command ends with sse-cat and with its reader, also between runs" {
	mkfifo out
	spawn sse-cat -- sh -c 'echo $$ >pid; sleep 1000' >printed
	cat=$!
	eventually test -s pid
	kill "$cat"
	eventually ended "$(cat pid)"
	wait "$cat"
	spawn sh -c 'exec sse-cat -- sh -c "echo \$\$ >pid2; sleep 1000" >out'
	cat=$!
	head -c 0 <out
	eventually ended "$cat"
	wait "$cat"
	spawn sh -c 'exec sse-cat -- sh -c "echo >>ran" >printed'
	cat=$!
	eventually test -s ran
	kill "$cat"
	eventually ended "$cat"
	wait "$cat"
	nothing_left
}

@test "-f keeps the last id over restarts, and what has ended stays ended" {
	# shellcheck disable=SC2016
	command='echo "$n" >out; printf "id: a$n\ndata: $n\n\n"
		[ "$n" -lt 2 ] || printf "id: end\nevent: end\ndata: 4\n\n"'
	spawn again "$command" -f pos >printed
	eventually grep -qx a1 pos
	stop_all
	run -4 again "$command" -f "$PWD/pos"
	[ "$output" = 2 ]
	[ "$(cat runs)" = $'<>\n<a1>' ]
	[ "$(cat pos)" = end ]
	run -0 again "$command" --file pos
	[ -z "$output" ]
	[ "$(wc -l <runs)" -eq 2 ]
	[ ! -e pos.new ]
	printf 'data: x\n\n' >stream
	printf '7\n' >pos
	[ "$(sse-cat -j -f pos <stream)" = "$(message x 7)" ]
}

@test "a stream whose last id is end has ended, whatever its type" {
	run -3 timeout 5 sse-cat -f pos -- \
		sse-pipe -x 'done' -- sh -c 'echo hi; exit 3'
	[[ $output = *hi* ]]
	[ "$(cat pos)" = end ]
	run -0 timeout 5 sse-cat -- printf 'data: x\n\nid: end\n\n'
	[ "$output" = x ]
}

@test "a file that cannot keep an id is refused before anything is read" {
	printf 'id: 1\ndata: x\n\n' >stream
	mkdir directory
	printf 'two\nlines\n' >lines
	head -c 8193 /dev/zero | tr '\0' x >long
	mkfifo fifo
	ln -s stream link
	for file in no/such directory lines long fifo link /dev/stdin \
		"$(printf '%0250d/x' 0)" "$(printf '%0253d' 0)"; do
		run -1 timeout 5 sse-cat -f "$file" <stream
		[ "${#lines[@]}" -eq 1 ]
		[[ $output = "sse-cat: -f "* ]]
	done
	[ -p fifo ]
	[ -L link ]
	ln -s stream pos.new
	run -1 sse-cat -f pos <stream
	[ "$(sed 's/id: 1/id: 22/' stream | sse-cat -f '')" != x ]
	(printf 'id: '; cat long; printf '\ndata: y\n\n') | cat stream - >both
	run -1 sh -c 'sse-cat -f place <both 2>error'
	[ "$output" = x ]
	[ "$(cat error)" = 'sse-cat: an id is longer than 8192 bytes' ]
	[ "$(cat place)" = 1 ]
}

# bats test_tags=tools
@test "an event is printed, and then its id is in the file" {
	printf 'id: 1\ndata: x\n\n' >stream
	ASAN_OPTIONS=detect_leaks=0 strace -o trace \
		-e trace='/^(writev?|fdatasync|fsync|rename)' \
		sse-cat -f pos <stream >printed
	# C libraries differ in which write and which rename they take
	grep -v '^+' trace | tail -n 6 | sed -E \
		's/\(1[,)].*/ 1/; s/\(.*//; s/^writev/write/; s/^rename.*/rename/' \
		>calls
	printf '%s\n' write fsync 'write 1' 'fdatasync 1' rename fsync |
		diff - calls
}

# Lines that grow, through a web server, with ids.
growing_site() {
	make_site
	cgi log <<-END
		#!/bin/sh
		exec $PROGRAMS_DIR/sse-tail -n all -r 1 $PWD/log
	END
	: >log
	: >out
	spawn bash -c 'i=0; until [ -e stop ]; do
		echo "line $((++i)) of a log"; read -t 0.01 -u 4; done >>log' \
		4<> <(:)
	start_lighttpd
}

follow_log() {
	# shellcheck disable=SC2016
	spawn sse-cat -f pos -- sh -c 'exec curl -fsN \
		-H "Last-Event-ID: $LAST_EVENT_ID" "$URL/cgi-bin/log"' \
		>>out 2>>error
	CAT=$!
}

more_than() {
	[ "$(wc -l <out)" -gt "$1" ]
}

# Waits until up to 20 more lines have come, and kills the named process.
kill_after_more() {
	eventually more_than $(($(wc -l <out) + RANDOM % 20))
	kill "-$1" "$2"
	eventually ended "$2"
	wait "$2" 2>/dev/null || :
}

# follow_through_kills COUNT SIGNAL: how often, and how sse-cat is killed
follow_through_kills() {
	growing_site
	follow_log
	for ((i = 0; i < $1; i++)); do
		kill_after_more KILL "$LIGHTTPD"
		start_lighttpd
		kill_after_more "$2" "$CAT"
		follow_log
	done
	touch stop
	# what came twice after a kill -9 is not counted
	eventually followed
	kill "$CAT"
	eventually ended "$CAT"
}

followed() {
	awk '!seen[$0]++' out | cmp -s - log
}

# bats test_tags=slow
@test "each line comes once while server and sse-cat are ended again and again" {
	follow_through_kills "${KILLS:-8}" TERM
	cmp out log
}

# bats test_tags=slow
@test "no line is lost while server and sse-cat are killed by SIGKILL" {
	follow_through_kills "${KILLS:-8}" KILL
	# one that goes back does so once a kill
	awk '{ if ($2 != last + 1) back++; last = $2 }
		END { print back + 0, NR; exit back > '"${KILLS:-8}"' }' out
}

# bats test_tags=memory
@test "sse-cat passes a stream on within little memory" {
	local max=3000

	! sanitized sse-cat || max=200000
	mkfifo in
	spawn sh -c 'exec sse-cat -j <in >/dev/null'
	exec 4>in
	yes $'id: 5\ndata: some text\n' | head -c 20000000 >&4
	[ "$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$!/status")" \
		-lt "$max" ]
	exec 4>&-
}
