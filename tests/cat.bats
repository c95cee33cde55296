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

# What sse-cat -j makes of a stream, printf's first argument, must be these
# lines. The driver fails where byte by byte makes a difference.
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
	# a line that never ends is no event, and no end of memory
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

@test "sse-cat refuses unknown options and operands with exit status 2" {
	for bad in -x -b -b0 '-b -1' '-b x' -e '-r 5' file '-j file'; do
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
	REQUEST_METHOD=HEAD run -0 sse-cat <stream
	[ "$output" = 1 ]
	cp "$PROGRAMS_DIR/sse-cat" nph-sse-cat
	[ "$(./nph-sse-cat <stream)" = 1 ]
	# what the script has opened stays open
	sse-cat <(cat stream) </dev/null 2>&1 | grep -q 'no argument'
	[ "$(sse-cat -e price 5<stream <&5)" = 1 ]
}

@test "sse-cat prints a long stream within little memory" {
	# bats test_tags=memory
	local max=3000

	grep -q __asan_init "$TOP/sse-cat" && max=200000
	mkfifo in
	spawn sh -c 'exec sse-cat -j <in >/dev/null'
	exec 4>in
	yes $'id: 5\ndata: some text\n' | head -c 20000000 >&4
	[ "$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$!/status")" \
		-lt "$max" ]
	exec 4>&-
}
