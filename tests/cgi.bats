#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2094,SC2154 # bats; run sets stderr
# The programs as a web server runs them (RFC 3875): environment in, bytes
# out, and whatever a server does to a process before it starts it.

load lib/helper

header() {
	printf '%s\r\n' 'Content-Type: text/event-stream' \
		'Cache-Control: no-cache' 'Connection: keep-alive' \
		'X-Accel-Buffering: no' ''
}

# A program under an nph- name, reading the request in its first argument.
nph() {
	local request=$1

	shift
	mkdir -p "$BATS_TEST_TMPDIR/nph"
	cp "$PROGRAMS_DIR/$1" "$BATS_TEST_TMPDIR/nph/nph-$1"
	printf '%b' "$request" | "$BATS_TEST_TMPDIR/nph/nph-$1" "${@:2}"
}

@test "a GET gets the header, then at once a comment or the retry field" {
	REQUEST_METHOD=GET run -0 sse-pipe </dev/null
	[ "$output" = "$(header
		printf '%s\n' : '' 'id: end' 'event: end' 'data: 0')" ]
	REQUEST_METHOD=GET run -0 sse-counter -n 0
	[ "$output" = "$(header
		echo 'retry: 10000')" ]
}

@test "a HEAD gets the header alone, and no command is run" {
	REQUEST_METHOD=HEAD sse-pipe -- touch "$BATS_TEST_TMPDIR/ran" \
		>"$BATS_TEST_TMPDIR/out"
	header | cmp - "$BATS_TEST_TMPDIR/out"
	REQUEST_METHOD=HEAD sse-counter >"$BATS_TEST_TMPDIR/out"
	header | cmp - "$BATS_TEST_TMPDIR/out"
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "a method that a program does not answer gets 405 and a list of the others" {
	local method

	for method in POST PUT DELETE get '' 'GET x'; do
		REQUEST_METHOD=$method run -0 --separate-stderr sse-counter
		[ "$output" = "$(printf '%s\r\n' \
			'Status: 405 Method Not Allowed' \
			'Content-Type: text/plain' 'Cache-Control: no-cache' \
			'Allow: GET, HEAD' ''
			echo '405 Method Not Allowed')" ]
	done
	REQUEST_METHOD=PUT run -0 --separate-stderr \
		sse-pipe touch "$BATS_TEST_TMPDIR/ran"
	[ "${lines[0]}" = $'Status: 405 Method Not Allowed\r' ]
	grep -q '^Allow: GET, HEAD, POST' <<<"$output"
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "sse-pipe answers a POST too" {
	REQUEST_METHOD=POST run -0 sse-pipe echo posted
	grep -qx 'data: posted' <<<"$output"
}

@test "-H adds header fields, and takes the place of one that is there" {
	run -0 sse-counter -n 0 -H 'X-One: 1' --header 'cache-control: no-store'
	[ "$output" = "$(printf '%s\r\n' 'Content-Type: text/event-stream' \
		'Connection: keep-alive' 'X-Accel-Buffering: no' \
		'X-One: 1' 'cache-control: no-store' ''
		echo 'retry: 10000')" ]
}

@test "-H can give the stream's Content-Type parameters, and nothing else" {
	local type='content-type: text/event-stream; charset=utf-8'

	run -0 sse-counter -n 0 -H "$type"
	[ "$output" = "$(printf '%s\r\n' 'Cache-Control: no-cache' \
		'Connection: keep-alive' 'X-Accel-Buffering: no' "$type" ''
		echo 'retry: 10000')" ]
	run -0 sse-share -l 0 -- sse-counter -n 0 -H "$type"
	[ "$(grep -i ^content-type <<<"$output")" = "$type"$'\r' ]
	# an error's body is no stream
	REQUEST_METHOD=PUT run -0 --separate-stderr sse-counter -H "$type"
	[ "$(grep -i ^content-type <<<"$output")" = \
		$'Content-Type: text/plain\r' ]
	REQUEST_METHOD=GET HTTP_LAST_EVENT_ID=1 run -0 sse-counter -n 1 \
		-H "$type"
	refute grep -qi ^content-type <<<"$output"
}

# The programs' response to a request with METHOD and ORIGIN, without CR.
asked() {
	local method=$1 origin=$2

	shift 2
	REQUEST_METHOD=$method HTTP_ORIGIN=$origin "$@" 2>/dev/null |
		tr -d '\r' >"$BATS_TEST_TMPDIR/out"
}

said() {
	grep -qxF -e "$1" "$BATS_TEST_TMPDIR/out"
}

@test "-O lets pages of the origins read that it names, and refuses others" {
	local origin program

	set -- -O https://a.example --origin http://b:8080 -O null
	for program in 'sse-counter -n 0' 'sse-pipe echo x' \
		'sse-tail -m 0.1 /etc/hostname' \
		'sse-share -l 0 -- sse-pipe echo x'; do
		for origin in https://a.example http://b:8080 null; do
			# shellcheck disable=SC2086 # words
			asked GET "$origin" ${program%% *} "$@" ${program#* }
			said 'Content-Type: text/event-stream'
			said "Access-Control-Allow-Origin: $origin"
			said 'Vary: Origin'
		done
		for origin in https://a.example.evil https://a.example:443 \
			http://a.example https://b https://a.example/ \
			'https://a.example, http://b:8080' '*'; do
			# shellcheck disable=SC2086 # words
			asked GET "$origin" ${program%% *} "$@" ${program#* }
			said 'Status: 403 Forbidden'
			said 'Vary: Origin'
			refute grep -q ^Access "$BATS_TEST_TMPDIR/out"
		done
		# no page of another site: curl, or a page of this one
		# shellcheck disable=SC2086 # words
		asked GET '' ${program%% *} "$@" ${program#* }
		said 'Content-Type: text/event-stream'
		said 'Vary: Origin'
		refute grep -q ^Access "$BATS_TEST_TMPDIR/out"
	done
	# browsers omit a scheme's default port
	asked GET http://x sse-counter -n 0 -O http://x:80
	said 'Access-Control-Allow-Origin: http://x'
	asked GET http://x sse-counter -n 0 -O '*'
	said 'Access-Control-Allow-Origin: *'
	asked GET null sse-counter -n 0
	refute grep -q -e ^Access -e ^Vary "$BATS_TEST_TMPDIR/out"
	# -H takes the place of a field here too
	asked GET https://a sse-counter -n 0 -O https://a -H 'vary: Accept'
	said 'vary: Accept'
	refute said 'Vary: Origin'
}

@test "-O answers a preflight, and errors say who may read them" {
	export HTTP_ACCESS_CONTROL_REQUEST_HEADERS='last-event-id, x-a'
	local program

	for program in sse-counter 'sse-share -l 0 -- sse-counter'; do
		# shellcheck disable=SC2086 # words
		asked OPTIONS https://a ${program%% *} -O https://a \
			${program#sse-counter}
		[ "$(head -n 1 "$BATS_TEST_TMPDIR/out")" = \
			'Status: 204 No Content' ]
		said 'Access-Control-Allow-Origin: https://a'
		said 'Access-Control-Allow-Methods: GET, HEAD, OPTIONS'
		said 'Access-Control-Allow-Headers: last-event-id, x-a'
		said 'Access-Control-Max-Age: 86400'
	done
	asked OPTIONS https://a sse-pipe -O '*' -- touch "$BATS_TEST_TMPDIR/ran"
	said 'Access-Control-Allow-Methods: GET, HEAD, POST, OPTIONS'
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
	asked OPTIONS https://b sse-counter -O https://a
	said 'Status: 403 Forbidden'
	asked OPTIONS https://a sse-counter
	said 'Status: 405 Method Not Allowed'
	asked DELETE https://a sse-counter -O https://a
	said 'Status: 405 Method Not Allowed'
	said 'Allow: GET, HEAD, OPTIONS'
	said 'Access-Control-Allow-Origin: https://a'
	asked GET https://a sse-counter -O https://a -n x || :
	said 'Status: 500 Internal Server Error'
	said 'Access-Control-Allow-Origin: https://a'
	# only field names are repeated, up to a limit
	for HTTP_ACCESS_CONTROL_REQUEST_HEADERS in $'a\r\nX-B: c' 'a: b' ä '' \
		"$(printf '%2000s' '' | tr ' ' x)"; do
		asked OPTIONS https://a sse-counter -O https://a
		said 'Access-Control-Max-Age: 86400'
		refute grep -q -e X-B -e Allow-Headers "$BATS_TEST_TMPDIR/out"
	done
}

@test "viewers of one channel have their own origins" {
	local key=origins.$$ origin

	for origin in http://a http://b ''; do
		REQUEST_METHOD=GET HTTP_ORIGIN=$origin spawn sse-share \
			-K "$key" -O http://a -O http://b -n 1 -- \
			sse-counter -i 0.05 >"$BATS_TEST_TMPDIR/viewer${origin: -1}"
		eventually grep -q ^data: "$BATS_TEST_TMPDIR/viewer${origin: -1}"
	done
	for origin in a b; do
		[ "$(grep ^Access "$BATS_TEST_TMPDIR/viewer$origin")" = \
			"Access-Control-Allow-Origin: http://$origin"$'\r' ]
	done
	refute grep -q ^Access "$BATS_TEST_TMPDIR/viewer"
	# and the channel's own answers
	HTTP_LAST_EVENT_ID=end asked GET http://b sse-share -K "$key" \
		-O http://a -O http://b -- sse-counter
	said 'Status: 204 No Content'
	said 'Access-Control-Allow-Origin: http://b'
}

@test "lastEventId in the query counts if there is no Last-Event-ID" {
	local query

	for query in lastEventId=4 'a=b&lastEventId=4&c' 'lastEventId=%34' \
		'lastEventId=4&lastEventId=9'; do
		QUERY_STRING=$query run -0 sse-counter -n 5 -i 0.001
		grep -qx 'id: 5' <<<"$output"
		refute grep -qx 'id: 4' <<<"$output"
	done
	HTTP_LAST_EVENT_ID=4 QUERY_STRING=lastEventId=2 \
		run -0 sse-counter -n 5 -i 0.001
	refute grep -qx 'id: 4' <<<"$output"
	for query in lasteventid=4 xlastEventId=4 lastEventId lastEventId= \
		lastEventId=4%00 'lastEventId=4%' 'lastEventId=4+'; do
		QUERY_STRING=$query run -0 sse-counter -n 1 -i 0.001
		grep -qx 'id: 1' <<<"$output"
	done
}

@test "arguments that a server made of the query are dropped" {
	export REQUEST_METHOD=GET

	QUERY_STRING='-n+1' run -0 sse-counter -n 0 -n 1
	grep -qx 'retry: 10000' <<<"$output"
	refute grep -q '^data: ' <<<"$output"
	QUERY_STRING='touch+x' run -0 sse-pipe touch x </dev/null
	[ ! -e x ]
	# decoded, with a shell's backslashes, or the whole query as one word
	QUERY_STRING='-e+%61b' run -0 sse-counter -n 0 -e ab
	QUERY_STRING='ls+%26' run -0 sse-counter -n 0 ls '\&'
	QUERY_STRING='-h+x' run -0 sse-counter -n 0 -h+x
	QUERY_STRING='--help' run -0 sse-counter -n 0 --help
	refute grep -q usage <<<"$output"
	# an empty one where there is no query
	REQUEST_METHOD=HEAD QUERY_STRING='' run -0 sse-counter ''
	# an operator's own arguments stay, also if a query repeats them
	QUERY_STRING='yes' run -0 sse-pipe echo yes
	grep -qx 'data: yes' <<<"$output"
	QUERY_STRING='n=0' run -2 sse-counter n=0
}

@test "without a web server the query makes no argument" {
	QUERY_STRING='x' run -2 sse-counter x
}

@test "-k sends a comment after so long a silence" {
	spawn sse-pipe -k 0.05 -- sleep 1000 >"$BATS_TEST_TMPDIR/out"
	eventually comments 5
	kill $!
	wait $!
	# the comment that comes first, and none where it is switched off
	sse-pipe -k 0 -- sleep 0.5 >"$BATS_TEST_TMPDIR/out"
	comments 1
	refute comments 2
}

@test "-A sends an event of this type in place of the comment of -k" {
	local program

	for program in 'sse-pipe -k 0.05 -A alive -- sleep 1000' \
		'sse-share -l 0 -k 0.05 --alive alive -- sse-pipe sleep 1000'; do
		# shellcheck disable=SC2086 # words
		spawn $program >"$BATS_TEST_TMPDIR/out"
		eventually alive 5
		tr -d '\r' <"$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/lines"
		[ "$(sed '1,/^:$/d' "$BATS_TEST_TMPDIR/lines" | head -n 4)" = \
			$'\nevent: alive\ndata: 0.05' ]
		# a "start" may have an id; none of these has
		refute grep -qzP 'id: [^\n]*\nevent: alive' \
			"$BATS_TEST_TMPDIR/lines"
		kill $!
		wait $!
	done
	sse-pipe -k 0 -A alive sleep 0.3 >"$BATS_TEST_TMPDIR/out"
	refute alive 1
	sse-counter -i 0.01 -n 1 -A alive -m 0.1 >"$BATS_TEST_TMPDIR/out"
	refute alive 1
}

alive() {
	[ "$(grep -c '^event: alive$' "$BATS_TEST_TMPDIR/out")" -ge "$1" ]
}

comments() {
	[ "$(grep -c '^:$' "$BATS_TEST_TMPDIR/out")" -ge "$1" ]
}

@test "-m closes the stream after so long, between two events" {
	local start=${EPOCHREALTIME/./}

	run -0 sse-counter -m 0.3 -i 0.001
	[ $((${EPOCHREALTIME/./} - start)) -ge 300000 ]
	[[ ${lines[-1]} = "data: "* ]]
	[ "$(grep -c '^id: ' <<<"$output")" = \
		"$(grep -c '^data: ' <<<"$output")" ]
	# also while there is silence, and without the mark of an end
	run -0 sse-pipe -m 0.3 sleep 1000
	refute grep -q 'id: end' <<<"$output"
	nothing_left
}

@test "a reader that leaves ends the program, if its parent ignores SIGPIPE too" {
	local program

	for program in 'sse-counter -i 0.01' 'sse-pipe yes'; do
		# shellcheck disable=SC2086 # words
		(
			trap '' PIPE
			status=0
			timeout 30 $program || status=$?
			echo "$status" >"$BATS_TEST_TMPDIR/status"
		) 2>"$BATS_TEST_TMPDIR/err" | head -n 8 >/dev/null
		eventually test -s "$BATS_TEST_TMPDIR/status"
		[ "$(cat "$BATS_TEST_TMPDIR/status")" -eq 0 ]
		[ ! -s "$BATS_TEST_TMPDIR/err" ]
		rm "$BATS_TEST_TMPDIR/status"
	done
}

@test "a reader that leaves a silent counter ends it at once" {
	mkfifo "$BATS_TEST_TMPDIR/viewer"
	cat "$BATS_TEST_TMPDIR/viewer" >"$BATS_TEST_TMPDIR/out" 3>&- &
	reader=$!
	spawn sse-counter -i 1000 -k 0 >"$BATS_TEST_TMPDIR/viewer"
	eventually grep -q retry "$BATS_TEST_TMPDIR/out"
	kill "$reader"
	wait $!
}

@test "a program streams if its server blocked or ignored signals, or set an alarm" {
	perl -MPOSIX -e '$SIG{$_} = "IGNORE" for qw(TERM CHLD INT ALRM);
		my $all = POSIX::SigSet->new; $all->fillset;
		sigprocmask(SIG_BLOCK, $all); alarm(1); exec @ARGV' \
		sse-counter -i 0.01 >"$BATS_TEST_TMPDIR/out" 3>&- &
	SPAWNED+=" $!"
	eventually grep -qx 'data: 150' "$BATS_TEST_TMPDIR/out"
	kill $!
	wait $!
	perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' sse-pipe sh -c 'exit 3' ||
		[ $? -eq 3 ]
}

@test "a program streams without stdin or stderr; without stdout it ends" {
	sse-counter -n 1 -i 0.001 <&- >"$BATS_TEST_TMPDIR/out"
	grep -qx 'data: 1' "$BATS_TEST_TMPDIR/out"
	sse-pipe <&- >"$BATS_TEST_TMPDIR/out"
	grep -qx 'id: end' "$BATS_TEST_TMPDIR/out"
	sse-pipe echo x <&- >"$BATS_TEST_TMPDIR/out" 2>&-
	grep -qx 'data: x' "$BATS_TEST_TMPDIR/out"
	# nobody looks: the viewer has left
	timeout 30 sse-counter -i 1000 >&-
	timeout 30 sse-pipe sleep 1000 >&-
	timeout 30 sse-pipe sleep 1000 <&- >&- 2>&-
	nothing_left
}

@test "on a full disk a program fails, and says so once" {
	local program

	for program in 'sse-counter -i 0.001' 'sse-pipe yes' \
		'sse-pipe sleep 1000'; do
		run -1 --separate-stderr timeout 30 \
			sh -c "exec $program >/dev/full"
		[ "$stderr" = "${program%% *}: write to stdout: \
No space left on device" ]
	done
	# the same for a file size limit: SIGXFSZ does not kill the program
	run -1 --separate-stderr sh -c \
		'ulimit -f 1; exec sse-counter -i 0.001 >"$1"' sh \
		"$BATS_TEST_TMPDIR/file"
	[ "$stderr" = 'sse-counter: write to stdout: File too large' ]
	nothing_left
}

@test "short writes and EAGAIN lose nothing, and do not spin" {
	seq 200000 >"$BATS_TEST_TMPDIR/in"
	perl -MFcntl -e 'fcntl(STDOUT, F_SETFL, O_WRONLY | O_NONBLOCK) or die;
		exec @ARGV' sse-pipe <"$BATS_TEST_TMPDIR/in" |
		perl -e 'while (sysread(STDIN, $_, 7777)) {
			select(undef, undef, undef, 0.001) if $i++ % 8 == 0;
			print }' |
		sed -n 's/^data: //p' | sed '$d' |
		cmp - "$BATS_TEST_TMPDIR/in"
}

# bats test_tags=tools
@test "a write that a signal interrupts is done again" {
	export ASAN_OPTIONS=detect_leaks=0 # it does not work under strace
	strace -o /dev/null -e trace=write \
		-e inject=write:error=EINTR:when=2+2 \
		sse-counter -n 5 -i 0.001 >"$BATS_TEST_TMPDIR/out"
	[ "$(grep -c '^data: ' "$BATS_TEST_TMPDIR/out")" -eq 5 ]
	strace -o /dev/null -e trace=ppoll,read \
		-e inject=ppoll:error=EINTR:when=1+2 \
		sse-counter -n 5 -i 0.001 >"$BATS_TEST_TMPDIR/out"
	[ "$(grep -c '^data: ' "$BATS_TEST_TMPDIR/out")" -eq 5 ]
}

@test "an nph- program writes the status line itself" {
	mkdir "$BATS_TEST_TMPDIR/nph"
	cp "$PROGRAMS_DIR/sse-counter" "$BATS_TEST_TMPDIR/nph/nph-counter"
	REQUEST_METHOD=GET run -0 "$BATS_TEST_TMPDIR/nph/nph-counter" -n 0
	[ "$output" = "$(printf '%s\r\n' 'HTTP/1.1 200 OK' \
		'Content-Type: text/event-stream' 'Cache-Control: no-cache' \
		'Connection: close' 'X-Accel-Buffering: no' ''
		echo 'retry: 10000')" ]
	REQUEST_METHOD=GET HTTP_LAST_EVENT_ID=1 \
		run -0 "$BATS_TEST_TMPDIR/nph/nph-counter" -n 1
	[ "${lines[0]}" = $'HTTP/1.1 204 No Content\r' ]
}

@test "an nph- program without a server reads the request itself" {
	run -0 nph 'GET /x?lastEventId=4 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n' \
		sse-counter -n 5 -i 0.001
	[ "${lines[0]}" = $'HTTP/1.1 200 OK\r' ]
	grep -qx 'id: 5' <<<"$output"
	run -0 nph '\r\nGET / HTTP/1.0\nLAST-event-id: \t4 \n\n' \
		sse-counter -n 5 -i 0.001
	grep -qx 'id: 5' <<<"$output"
	refute grep -qx 'id: 4' <<<"$output"
	run -0 nph 'HEAD / HTTP/1.1\r\n\r\n' sse-counter
	[ "${lines[-2]}" = $'X-Accel-Buffering: no\r' ]
	[ "${lines[-1]}" = $'\r' ]
	run -0 --separate-stderr nph 'DELETE / HTTP/1.1\r\n\r\n' sse-counter
	[ "${lines[0]}" = $'HTTP/1.1 405 Method Not Allowed\r' ]
}

@test "an nph- program answers a preflight, and refuses an origin" {
	run -0 nph 'OPTIONS / HTTP/1.1\r\nOrigin: https://a\r\nAccess-Control-Request-Headers: last-event-id\r\n\r\n' \
		sse-counter -O https://a
	[ "${lines[0]}" = $'HTTP/1.1 204 No Content\r' ]
	grep -q '^Access-Control-Allow-Origin: https://a' <<<"$output"
	grep -q '^Access-Control-Allow-Headers: last-event-id' <<<"$output"
	run -0 --separate-stderr nph 'GET / HTTP/1.1\r\nOrigin: https://b\r\n\r\n' \
		sse-counter -O https://a
	[ "${lines[0]}" = $'HTTP/1.1 403 Forbidden\r' ]
}

@test "a request that an nph- program reads becomes its command's environment" {
	run -0 nph 'POST /p?q=1#f HTTP/1.1\r\nProxy: http://evil\r\nX-A: b \r\nX_B: c\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello' \
		sse-pipe sh -c 'env; cat'
	for line in REQUEST_METHOD=POST QUERY_STRING=q=1 'REQUEST_URI=/p?q=1' \
		SERVER_PROTOCOL=HTTP/1.1 HTTP_X_A=b CONTENT_TYPE=text/x \
		CONTENT_LENGTH=5 hello; do
		grep -qxF "data: $line" <<<"$output"
	done
	refute grep -q -e HTTP_PROXY -e HTTP_X_B <<<"$output"
}

@test "a request that is malformed gets 400" {
	local request end='\r\nHost: a\r\n\r\n'

	for request in 'GET' 'GET /' "GET / $end" "GET  / HTTP/1.1$end" \
		" GET / HTTP/1.1$end" "GET / HTTP/1.1 $end" \
		"GET / HTTP/2.0$end" "GET / HTTP/1.x$end" \
		"GET / HTTP/1.11$end" "GET / http/1.1$end" \
		"G@T / HTTP/1.1$end" "GET /\x01 HTTP/1.1$end" \
		"GET /\r HTTP/1.1$end" \
		'GET / HTTP/1.1\r\nHost : a\r\n\r\n' \
		'GET / HTTP/1.1\r\nX: a\r\n b: c\r\n\r\n' \
		'GET / HTTP/1.1\r\nX: a\rY: b\r\n\r\n' \
		'GET / HTTP/1.1\r\nX: a\0b\r\n\r\n' \
		'GET / HTTP/1.1\r\nX: a\x7fb\r\n\r\n' \
		'GET / HTTP/1.1\r\nno colon\r\n\r\n' \
		'GET / HTTP/1.1\r\n: x\r\n\r\n' \
		'POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n' \
		'POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n' \
		'POST / HTTP/1.1\r\nContent-Length:\r\n\r\n' \
		'POST / HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n' \
		'GET / HTTP/1.1\r\nHost: a\r\n'; do
		run -1 --separate-stderr nph "$request" sse-counter -n 0
		[ "${lines[0]}" = $'HTTP/1.1 400 Bad Request\r' ]
		[[ $stderr = "nph-sse-counter: "* ]]
	done
}

@test "an nph- program takes a body of a known length alone" {
	run -0 nph 'POST / HTTP/1.1\r\n\r\nno body' sse-pipe
	refute grep -q '^data: no body' <<<"$output"
	grep -q '^event: end' <<<"$output"
	run -0 nph 'POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nxyz' \
		sse-pipe
	grep -q '^data: xy$' <<<"$output"
	run -1 --separate-stderr nph 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n' \
		sse-pipe
	[ "${lines[0]}" = $'HTTP/1.1 411 Length Required\r' ]
}

@test "if an answer without a stream cannot be written, that is said" {
	REQUEST_METHOD=PUT run -1 bash -c 'exec sse-pipe >/dev/full'
	[[ $output == *'sse-pipe: write to stdout: '* ]]
}

@test "a request that is too long gets 431, and a connection without one no answer" {
	local long

	long=$(printf '%20000s' '' | tr ' ' x)
	run -1 --separate-stderr nph "GET /$long HTTP/1.1\r\n\r\n" sse-counter
	[ "${lines[0]}" = \
		$'HTTP/1.1 431 Request Header Fields Too Large\r' ]
	run -0 --separate-stderr nph '' sse-counter
	[ -z "$output" ]
}

# bats test_tags=slow
@test "a request that does not end gets 408 after ten seconds" {
	cp "$PROGRAMS_DIR/sse-counter" "$BATS_TEST_TMPDIR/nph-counter"
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 7<>"$BATS_TEST_TMPDIR/in"
	printf 'GET / HTTP/1.1\r\nHost' >&7
	run -1 --separate-stderr timeout 60 "$BATS_TEST_TMPDIR/nph-counter" \
		<"$BATS_TEST_TMPDIR/in"
	[ "${lines[0]}" = $'HTTP/1.1 408 Request Timeout\r' ]
}

@test "SIGTERM ends an nph- program that waits for its request" {
	cp "$PROGRAMS_DIR/sse-counter" "$BATS_TEST_TMPDIR/nph-counter"
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec 7<>"$BATS_TEST_TMPDIR/in"
	"$BATS_TEST_TMPDIR/nph-counter" <"$BATS_TEST_TMPDIR/in" \
		>"$BATS_TEST_TMPDIR/out" 3>&- 7>&- &
	SPAWNED+=" $!"
	eventually caught $!
	kill $!
	eventually ended $!
	wait $!
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
}

# Whether a process has its handler for SIGTERM, which is signal 15.
caught() {
	local mask

	mask=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status")
	((0x$mask & 1 << 14))
}

# bats test_tags=tools
@test "bytes that are no UTF-8 go out as U+FFFD, as decoders make them" {
	local seed

	printf 'a\xff\xe2\x82z\n' | sse-pipe >"$BATS_TEST_TMPDIR/out"
	grep -qax 'data: a��z' "$BATS_TEST_TMPDIR/out"
	for seed in 1 "$RANDOM"; do
		echo "seed $seed"
		"$TOP/tests/tools/utf8.py" "$seed" 2000 sse-pipe
		"$TOP/tests/tools/utf8.py" "$seed" 2000 sse-pipe -0
		"$TOP/tests/tools/utf8.py" "$seed" 2000 sse-pipe -c id,event,data
		"$TOP/tests/tools/utf8.py" "$seed" 2000 \
			sse-tail -m 1 -n 2000 FILE
	done
}
