#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr
# sse-pipe with stdin as its source: records, columns, pieces; and any byte of
# input stays data.

load lib/helper

# The body alone, without its first comment.
body() (
	set -o pipefail
	"$@" | sed '1,/^\r$/d' | sed '1,2d'
)

# Whether sse-pipe with these options turns stdin into the output of printf with
# the text, and the end event.
makes() {
	# shellcheck disable=SC2059 # the format is what the test gives
	printf "$1"'id: end\nevent: end\ndata: 0\n\n' \
		>"$BATS_TEST_TMPDIR/expected"
	shift
	body sse-pipe "$@" >"$BATS_TEST_TMPDIR/body"
	diff "$BATS_TEST_TMPDIR/expected" "$BATS_TEST_TMPDIR/body"
}

# sse-pipe on a pipe that the test writes to through descriptor 7.
open_pipe() {
	mkfifo "$BATS_TEST_TMPDIR/in"
	sse-pipe "$@" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" \
		2>"$BATS_TEST_TMPDIR/err" 3>&- &
	SPAWNED+=" $!"
	exec 7>"$BATS_TEST_TMPDIR/in"
}

# Waits until the stream that open_pipe started ends with these lines.
arrives() {
	printf '%b' "$1" >"$BATS_TEST_TMPDIR/tail"
	eventually arrived
}

arrived() {
	tail -c "$(wc -c <"$BATS_TEST_TMPDIR/tail")" "$BATS_TEST_TMPDIR/out" |
		cmp -s "$BATS_TEST_TMPDIR/tail"
}

@test "the header is sent before there is any input, with a comment" {
	open_pipe -H 'X-Answer: 42'
	arrives "$(printf '%s\\r\\n' 'Content-Type: text/event-stream' \
		'Cache-Control: no-cache' 'Connection: keep-alive' \
		'X-Accel-Buffering: no' 'X-Answer: 42' '')"':\n\n'
	[ "$(head -c 12 "$BATS_TEST_TMPDIR/out")" = Content-Type ]
}

@test "each line is an event, whether LF, CR or CRLF ends it" {
	printf 'a\nb\rc\r\n\n\r\r\nlast' |
		makes 'data: a\n\ndata: b\n\ndata: c\n\ndata: \n\ndata: \n\ndata: \n\ndata: last\n\n'
}

@test "without any input there is an event end, and no other" {
	makes '' </dev/null
	printf '\n' | makes 'data: \n\n'
}

@test "a line that CR ends is live, and an LF that comes later belongs to it" {
	open_pipe
	printf '10 %%\r' >&7
	arrives 'data: 10 %\n\n'
	printf '\n' >&7
	printf '20 %%\r' >&7
	arrives 'data: 10 %\n\ndata: 20 %\n\n'
}

@test "each line is sent before the next one is read" {
	local line

	open_pipe
	for line in one two three; do
		echo "$line" >&7
		arrives "data: $line\n\n"
	done
	printf 'unfinished' >&7
	exec 7>&-
	arrives 'data: unfinished\n\nid: end\nevent: end\ndata: 0\n\n'
	eventually nothing_left
}

# bats test_tags=tools
@test "what one read brought is one write" {
	export ASAN_OPTIONS=detect_leaks=0 # it does not work under strace
	seq 1000 >"$BATS_TEST_TMPDIR/lines"
	strace -o "$BATS_TEST_TMPDIR/trace" -e trace=write,writev -e signal=none \
		sse-pipe <"$BATS_TEST_TMPDIR/lines" >/dev/null
	grep '^write.*(1,' "$BATS_TEST_TMPDIR/trace" >"$BATS_TEST_TMPDIR/writes"
	cat "$BATS_TEST_TMPDIR/writes"
	# the header, the lines, the end
	[ "$(wc -l <"$BATS_TEST_TMPDIR/writes")" -eq 3 ]
}

# Makes the pipe that descriptor 8 is hold $1 bytes.
set_pipe() {
	perl -e 'open my $pipe, "<&=", 8 or die;
		fcntl $pipe, 1031, int shift or die $!' "$1" # F_SETPIPE_SZ
}

# Whether it can hold $1 bytes, of which $2 or more are there.
pipe_is() {
	perl -e 'open my $pipe, "<&=", 8 or die;
		ioctl $pipe, 0x541b, my $n or die $!; # FIONREAD
		my $size = fcntl $pipe, 1032, 0; # F_GETPIPE_SZ
		exit !($size == $ARGV[0] && unpack("i", $n) >= $ARGV[1])' "$@"
}

@test "the pipe of a fast stream holds two writes, and is never made smaller" {
	local size

	cd "$BATS_TEST_TMPDIR"
	head -c 1000000 /dev/zero | tr '\0' x | fold -w 99 >lines
	head -n 300 lines >few
	for size in 65536 262144; do
		rm -f out && mkfifo out && exec 8<>out
		set_pipe "$size"
		sse-pipe <few >&8
		pipe_is "$size" 30000
		spawn sh -c 'exec sse-pipe <lines' >&8
		eventually pipe_is $((size > 131072 ? size : 131072)) 100000
	done
}

@test "with -0 a record ends with NUL, and its lines are lines of data" {
	printf 'a\nb\0c\r\nd\re\0\0\nlast' |
		makes 'data: a\ndata: b\n\ndata: c\ndata: d\ndata: e\n\ndata: \n\ndata: \ndata: last\n\n' -0
}

@test "with -p a record is a paragraph" {
	printf '\n\na\nb\n\n\n\r\nc\r\rd\r\n\r\nlast\nline' |
		makes 'data: a\ndata: b\n\ndata: c\n\ndata: d\n\ndata: last\ndata: line\n\n' -p
	printf 'a\n' | makes 'data: a\n\n' -p
	printf '\n\r' | makes '' -p
}

@test "-e gives the event type, -x the last event's, and the retry of -r comes first" {
	echo a | body sse-pipe -e log -x over >"$BATS_TEST_TMPDIR/body"
	diff - "$BATS_TEST_TMPDIR/body" <<<"event: log
data: a

id: end
event: over
data: 0
"
	run -0 sse-pipe --retry 77 </dev/null
	[[ $output = *$'\r\n\r\nretry: 77\n\nid: end'* ]] ||
		[[ $output = *$'\r\nretry: 77\n\nid: end'* ]]
}

@test "TABs divide a record into columns; a record without TABs is data alone" {
	printf 'tick\t1\nno\n\t2\na\tb\tc\n' |
		makes 'event: tick\ndata: 1\n\ndata: no\n\ndata: 2\n\nevent: a\ndata: b\tc\n\n' \
		-c event,data
	printf 'x\n' | makes 'data: x\n\n' -c data
}

@test "with an id column the ids are the source's, and no event marks the end" {
	printf '7\ttick\t1\n\ttick\t2\n8\t\t3\n9\n' |
		body sse-pipe -e other --columns id,event,data \
			>"$BATS_TEST_TMPDIR/body"
	diff - "$BATS_TEST_TMPDIR/body" <<<"id: 7
event: tick
data: 1

event: tick
data: 2

id: 8
event: other
data: 3

event: other
data: 9
"
	printf 't\t8\tx\n' | body sse-pipe -c event,id,data \
		>"$BATS_TEST_TMPDIR/body"
	diff - "$BATS_TEST_TMPDIR/body" <<<"id: 8
event: t
data: x
"
}

@test "an id or type with NUL is left out, with one warning" {
	printf '%b' 'a\0b\tx\tone\nc\td\ttwo\ne\tf\0g\tthree\n' |
		body sse-pipe -c id,event,data >"$BATS_TEST_TMPDIR/body" \
			2>"$BATS_TEST_TMPDIR/err"
	diff - "$BATS_TEST_TMPDIR/body" <<<"event: x
data: one

id: c
event: d
data: two

id: e
data: three
"
	[ "$(cat "$BATS_TEST_TMPDIR/err")" = "sse-pipe: an id or event \
column holds NUL: it is left out" ]
}

@test "columns are those of a record's first line, else it is all data" {
	printf 'tick\t1\n2\t3\n\nno\ntick\t4\n\n' |
		makes 'event: tick\ndata: 1\ndata: 2\t3\n\ndata: no\ndata: tick\t4\n\n' \
		-p -c event,data
	printf 'a\rb\t1\0tick\t2\n3\0' |
		makes 'data: a\ndata: b\t1\n\nevent: tick\ndata: 2\ndata: 3\n\n' \
		-0 -c event,data
}

@test "a record longer than -b comes in pieces, with one warning" {
	printf 'abcdefgh\nabc\nabcd\n' |
		makes 'data: abc\n\ndata: def\n\ndata: gh\n\ndata: abc\n\ndata: abc\n\ndata: d\n\n' \
		-b 3 2>"$BATS_TEST_TMPDIR/err"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -eq 1 ]
	grep -q '^sse-pipe: a record is longer than 3 bytes (-b)' \
		"$BATS_TEST_TMPDIR/err"
}

@test "no piece of a long record ends within a UTF-8 character or a CRLF" {
	printf 'xäöx\n€€\n\xf0\x9f\x98\x80\xf0\x9f\x98\x80\n' |
		makes 'data: xä\n\ndata: öx\n\ndata: €\n\ndata: €\n\ndata: \xf0\x9f\x98\x80\n\ndata: \xf0\x9f\x98\x80\n\n' -b 4
	printf 'abc\r\nd' |
		makes 'data: abc\n\ndata: \ndata: d\n\n' -0 -b 4
	# what is no UTF-8 is cut anywhere
	printf '\x80\x80\x80\x80\x80\x80\x80' |
		makes 'data: ����\n\ndata: ���\n\n' -b 4
	# a character that is longer than -b is a piece
	for end in '' '\n'; do
		printf '%b' "ä\xf0\x9f\x98\x80xy€$end" |
			makes 'data: ä\n\ndata: \xf0\x9f\x98\x80\n\ndata: x\n\ndata: y\n\ndata: €\n\n' -b 1
	done
	printf 'ä€x' | makes 'data: ä\n\ndata: €\n\ndata: x\n\n' -b 1 -C
}

@test "all pieces of a record have its type, and the last one has its id" {
	printf '7\ttick\tabcdefgh\n8\ttick\tx\n' |
		body sse-pipe -b 10 -c id,event,data >"$BATS_TEST_TMPDIR/body"
	diff - "$BATS_TEST_TMPDIR/body" <<<"event: tick
data: abc

id: 7
event: tick
data: defgh

id: 8
event: tick
data: x
"
}

# bats test_tags=memory,slow
@test "a record of 100 MB passes in pieces within 8 MB of memory" {
	local limit=8192 bytes=100000000

	! sanitized sse-pipe || limit=100000
	mkfifo "$BATS_TEST_TMPDIR/in"
	sse-pipe <"$BATS_TEST_TMPDIR/in" 2>"$BATS_TEST_TMPDIR/err" 3>&- > >(
		grep -a '^data: ' | tr -d '\n' | wc -c \
			>"$BATS_TEST_TMPDIR/count"
	) &
	SPAWNED+=" $!"
	exec 7>"$BATS_TEST_TMPDIR/in"
	head -c "$bytes" /dev/zero | tr '\0' x >&7
	# all but what a pipe holds has been read
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$!/status")" -lt "$limit" ]
	exec 7>&-
	wait "$!"
	eventually test -s "$BATS_TEST_TMPDIR/count"
	# 96 pieces of 1 MiB at the most, and the end; "data: " before each
	[ "$(cat "$BATS_TEST_TMPDIR/count")" -eq $((bytes + 96 * 6 + 7)) ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -eq 1 ]
}

# bats test_tags=memory
@test "a running sse-pipe takes less than 2 MB of memory" {
	local limit=2048

	! sanitized sse-pipe || limit=100000
	open_pipe
	seq -f 'line %.0f' 20000 >&7
	arrives 'data: line 20000\n\n'
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$!/status")" -lt "$limit" ]
}

@test "no byte of a line can begin a field or an event" {
	printf 'x\rdata: y\n' | makes 'data: x\n\ndata: data: y\n\n'
	printf 'x\r\nid: 1\n' | makes 'data: x\n\ndata: id: 1\n\n'
	printf ': c\n:\n x\n  y\nevent: e\n' |
		makes 'data: : c\n\ndata: :\n\ndata:  x\n\ndata:   y\n\ndata: event: e\n\n'
	printf '\xef\xbb\xbfdata: x\n' | makes 'data: \xef\xbb\xbfdata: x\n\n'
	printf 'a\0b\n\xff\xfe\xc3\n\x85\x0b\x0c\n' |
		makes 'data: a\0b\n\ndata: ���\n\ndata: �\x0b\x0c\n\n'
	printf 'x\n\ndata: y\r\rid: 1\0\r\n:z\0' |
		makes 'data: x\ndata: \ndata: data: y\ndata: \ndata: id: 1\n\ndata: \ndata: :z\n\n' -0
}

@test "30,000 lines make the same events with and without columns" {
	head -c 300000 /dev/urandom | tr '\t' x >"$BATS_TEST_TMPDIR/in"
	seq 30000 >>"$BATS_TEST_TMPDIR/in"
	sse-pipe -e a <"$BATS_TEST_TMPDIR/in" | grep -av '^id: end' |
		md5sum >"$BATS_TEST_TMPDIR/fast"
	sse-pipe -e a -c event,data <"$BATS_TEST_TMPDIR/in" |
		grep -av '^id: end' | md5sum >"$BATS_TEST_TMPDIR/slow"
	diff "$BATS_TEST_TMPDIR/fast" "$BATS_TEST_TMPDIR/slow"
}

@test "with -C what one read brought is an event, without a line end" {
	open_pipe -C
	printf 'tok1 ' >&7
	arrives 'data: tok1 \n\n'
	printf 'tok2\n' >&7
	arrives 'data: tok1 \n\ndata: tok2\ndata: \n\n'
	printf 'Name: ' >&7
	arrives 'data: Name: \n\n'
	exec 7>&-
	arrives 'data: Name: \n\nid: end\nevent: end\ndata: 0\n\n'
}

@test "a character that is torn between two reads waits for its rest" {
	open_pipe --chunks --json
	printf 'a\xe2' >&7
	arrives 'data: "a"\n\n'
	printf '\x82\xacb' >&7
	arrives 'data: "a"\n\ndata: "€b"\n\n'
	printf 'c\xf0\x9f' >&7
	arrives 'data: "c"\n\n'
	# but not for ever
	arrives 'data: "c"\n\ndata: "\xef\xbf\xbd"\n\n'
	printf '\xc3' >&7
	exec 7>&-
	arrives 'data: "\xef\xbf\xbd"\n\nid: end\nevent: end\ndata: 0\n\n'
}

@test "-C works with -b, -e and -j, and is refused beside -0, -p and -c" {
	local option

	printf 'abä€' | makes 'event: t\ndata: "abä"\n\nevent: t\ndata: "€"\n\n' \
		-C -j -b 4 -e t
	printf '\xff\xffab\x80\x80' |
		makes 'data: "\xef\xbf\xbd\xef\xbf\xbdab\xef\xbf\xbd\xef\xbf\xbd"\n\n' -C -j
	makes '' -C </dev/null
	for option in -0 -p '-c data'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr sse-pipe $option -C </dev/null
		[ -z "$output" ]
		# shellcheck disable=SC2086
		run -2 sse-pipe -C $option </dev/null
	done
}

@test "with -j data is a JSON string that has each byte" {
	printf 'a"\\b\t\x01\0c\n\nd' |
		makes 'data: "a\\"\\\\b\\t\\u0001\\u0000c"\n\ndata: ""\n\ndata: "d"\n\n' -j
	printf 'a\r\nb\n\0\r\0' |
		makes 'data: "a\\r\\nb\\n"\n\ndata: "\\r"\n\n' -j -0
	printf 'a\r\nb\n\nc' | makes 'data: "a\\r\\nb"\n\ndata: "c"\n\n' -j -p
	printf 't\ta\tb\n' | makes 'event: t\ndata: "a\\tb"\n\n' -j -c event,data
	printf 'abcdef\n' | makes 'data: "abcd"\n\ndata: "ef"\n\n' -j -b 4 2>&1
	# one U+FFFD for each maximal part of a character (WHATWG Encoding)
	printf 'ä\xe2\x82x\xed\xa0\x80\xff' |
		makes 'data: "ä\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"\n\n' -j
}

# bats test_tags=slow
@test "a client's parser decodes 12,000 random records, and chunks, as they went in" {
	timeout 120 node "$TOP/tests/tools/roundtrip.mjs" \
		"$PROGRAMS_DIR/sse-pipe" 3000
}

# What stdin as the body of a request becomes; the body is not ended.
posted() { # BODY, CONTENT_LENGTH, options
	mkfifo "$BATS_TEST_TMPDIR/in.$#" 2>/dev/null || :
	exec 7<>"$BATS_TEST_TMPDIR/in.$#"
	printf '%b' "$1" >&7
	REQUEST_METHOD=${METHOD-POST} CONTENT_LENGTH=$2 body timeout 60 \
		sse-pipe "${@:3}" <"$BATS_TEST_TMPDIR/in.$#" 7>&-
}

@test "a posted body is as long as the request says, also if it is not ended" {
	run -0 posted hello 5
	[ "$output" = "$(printf '%s\n' 'data: hello' '' 'id: end' 'event: end' \
		'data: 0')" ]
	run -0 posted 'one\ntwo\nthree' 8
	[ "${lines[1]}" = 'data: two' ]
	[ "${lines[2]}" = 'id: end' ]
	run -0 posted '' 0
	[ "${lines[0]}" = 'id: end' ]
	run -0 posted 'a\xc3' 2 -C -j
	[ "${lines[1]}" = $'data: "\xef\xbf\xbd"' ]
}

@test "a body shorter than its length, or without a valid length, ends with the input" {
	local length

	for length in 50 x -1 '' 5x 99999999999999999999; do
		REQUEST_METHOD=POST CONTENT_LENGTH=$length run -0 body sse-pipe \
			< <(printf hello; sleep 0.2; printf ' world')
		[ "${lines[0]}" = 'data: hello world' ]
		[ "${lines[1]}" = 'id: end' ]
	done
	# a GET has no body, and in a shell there is no request
	REQUEST_METHOD=GET CONTENT_LENGTH=0 run -0 body sse-pipe <<<hello
	[ "${lines[0]}" = 'data: hello' ]
	CONTENT_LENGTH=2 run -0 body sse-pipe <<<hello
	[ "${lines[0]}" = 'data: hello' ]
}

# bats test_tags=tools
@test "an nph- program under socat takes a posted body, and ends after it" {
	local port

	cp "$PROGRAMS_DIR/sse-pipe" "$BATS_TEST_TMPDIR/nph-sse-pipe"
	cd "$BATS_TEST_TMPDIR"
	port=$(free_port)
	spawn socat "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" \
		EXEC:./nph-sse-pipe
	eventually listens "$port"
	run -0 curl -s -m 30 -d hello "http://127.0.0.1:$port/"
	[ "${lines[-4]}" = 'data: hello' ]
	[ "${lines[-1]}" = 'data: 0' ]
}

# bats test_tags=tools
@test "a client that sends a body which the command does not read gets the whole stream" {
	local port size

	cp "$PROGRAMS_DIR/sse-pipe" "$BATS_TEST_TMPDIR/nph-sse-pipe"
	cd "$BATS_TEST_TMPDIR"
	port=$(free_port)
	spawn socat "TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" \
		'EXEC:./nph-sse-pipe -- seq 20000,nofork'
	eventually listens "$port"
	for size in 0 5 2000000 2000000 2000000; do
		head -c "$size" /dev/zero >body
		curl -s -m 50 --limit-rate 4M -H 'Expect:' --data-binary @body \
			"http://127.0.0.1:$port/" >out
		[ "$(grep -c '^data: ' out)" -eq 20001 ]
	done
}

@test "a client that has had the end gets 204" {
	local method

	for method in GET POST; do
		HTTP_LAST_EVENT_ID=end REQUEST_METHOD=$method \
			run -0 sse-pipe <<<x
		[ "$output" = "$(printf '%s\r\n' 'Status: 204 No Content' \
			'Cache-Control: no-cache' '')" ]
	done
	QUERY_STRING=lastEventId=end REQUEST_METHOD=GET run -0 sse-pipe <<<x
	[ "${lines[0]}" = $'Status: 204 No Content\r' ]
	# a source with its own ids sends its own end
	HTTP_LAST_EVENT_ID=end REQUEST_METHOD=GET \
		run -0 sse-pipe -c id,data <<<x
	grep -q '^data: x$' <<<"$output"
}

@test "if input cannot be read sse-pipe fails, and sends no end" {
	run -1 --separate-stderr sse-pipe <"$BATS_TEST_TMPDIR"
	[ "$stderr" = "sse-pipe: read: Is a directory" ]
	refute grep -q '^id: end' <<<"$output"
}
