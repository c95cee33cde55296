#!/usr/bin/env bats
# Options: errors are reported in one line, before anything is streamed.

load lib/helper

# Runs a command that must fail for its usage: status 2, nothing on stdout,
# one line on stderr that begins with the program's name and has no controls.
refused() {
	local status=0

	timeout 30 "$@" </dev/null >"$BATS_TEST_TMPDIR/out" \
		2>"$BATS_TEST_TMPDIR/err" || status=$?
	echo "$status: $*"
	cat "$BATS_TEST_TMPDIR/err"
	[ "$status" -eq 2 ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -eq 1 ]
	grep -q "^$1: ." "$BATS_TEST_TMPDIR/err"
	! tr -d '\n' <"$BATS_TEST_TMPDIR/err" | grep -q '[[:cntrl:]]'
}

@test "an unknown option or a missing value is a usage error" {
	local program

	for program in sse-counter sse-pipe; do
		refused "$program" -Q
		grep -q -e '-Q: no such option' "$BATS_TEST_TMPDIR/err"
		refused "$program" --no-such
		grep -q -e '--no-such: no such option' "$BATS_TEST_TMPDIR/err"
		refused "$program" -e
		refused "$program" --event
		refused "$program" --retry
	done
	refused sse-counter -vQ
	grep -q -e '-Q: no such option' "$BATS_TEST_TMPDIR/err"
}

@test "an argument that sse-counter does not expect is a usage error" {
	refused sse-counter 5
	refused sse-counter -n 1 -- -v
}

@test "a number that is out of range, or no number, is a usage error" {
	local value

	for value in '' -1 +1 1x 0x10 ' 1' 1.5 99999999999999999999999; do
		refused sse-counter -n "$value"
		refused sse-counter -r "$value"
		refused sse-pipe -r "$value"
		refused sse-pipe -b "$value"
	done
	refused sse-counter -r 2147483648
	refused sse-counter -n 18446744073709551616
	refused sse-pipe -b 0
	refused sse-pipe -b 1073741825
	refused sse-mux -b 0 true
	refused sse-mux -b 1073741825 true
}

@test "a time that is out of range, or no number, is a usage error" {
	local value

	for value in '' . -1 1s 1e3 inf nan 0x1 1,5 0.0001 1000000001 \
		99999999999999999999999; do
		refused sse-counter -i "$value"
		refused sse-counter -k "$value"
		refused sse-pipe -m "$value"
	done
	refused sse-counter -i 0
}

@test "no option can carry a line end into the stream or the header" {
	local break

	for break in $'\n' $'\r' $'\r\n'; do
		refused sse-counter -e "x${break}data: y"
		refused sse-counter -H "X-A: b${break}X-C: d"
		refused sse-pipe -e "x${break}"
		refused sse-pipe -x "${break}id: 1"
		refused sse-pipe -A "x${break}id: 1"
		refused sse-pipe -E "x${break}y" -- true
	done
}

@test "only a header field that does not frame the response is accepted" {
	local field

	for field in '' X-A 'X A: b' ': b' 'X-A : b' $'X-A: b\x01' $'X\xc3: y' \
		$'X-A: \x7f' 'Status: 500' 'content-type: text/html' \
		'Content-Length: 1' 'transfer-encoding: chunked' \
		'Location: /' 'Content-Type: text/event-streams' \
		'Content-Type: text/event-stream, text/html' 'Content-Type:'; do
		refused sse-counter -H "$field"
	done
	# thirty-two are enough
	for _ in {1..33}; do
		set -- "$@" -H 'X-A: b'
	done
	refused sse-counter "$@"
}

@test "only an origin as browsers send it is accepted" {
	local origin

	for origin in '' a.example https:a https:// https://a/ https://a/x \
		HTTPS://a https://A 'https://a b' $'https://a\r\nX: y' \
		'https://*.a' '**' Null 'https://a,https://b' https://a:b \
		https://a:99999 https://:80 'https://[' 'https://[::1' 1http://a; do
		refused sse-counter -O "$origin"
	done
	set --
	for _ in {1..33}; do
		set -- "$@" -O 'http://[::1]:8080'
	done
	refused sse-counter "$@"
}

@test "-c takes id, event and data, each once at most, data last" {
	local list

	for list in '' id data,id id,id,data id,event x,data 'data,' ,data \
		id,event,data,data Id,data dat datax; do
		refused sse-pipe -c "$list"
		refused sse-tail -c "$list" lines
	done
	refused sse-tail -c id,data lines
	grep -q "ids are sse-tail's own" "$BATS_TEST_TMPDIR/err"
}

@test "sse-mux needs a command, and takes no type with -e" {
	refused sse-mux
	refused sse-mux -e --
	refused sse-mux --event x true
}

@test "sse-pipe refuses options of a command if there is no command" {
	refused sse-pipe -t
	refused sse-pipe -E errors
	refused sse-pipe -t --
}

@test "-h and --help say how to use a program, on stdout" {
	local program

	for program in sse-counter sse-pipe; do
		run -0 --separate-stderr "$program" -h
		[[ ${lines[0]} = "usage: $program ["* ]]
		[ -z "$stderr" ]
		grep -q -e '--keepalive SECONDS' <<<"$output"
		[ "$output" = "$("$program" --help)" ]
	done
}

@test "--help offers no option that is refused" {
	sse-share --help >"$BATS_TEST_TMPDIR/help"
	refute grep -q -e --event "$BATS_TEST_TMPDIR/help"
	refute grep -q 'means never' "$BATS_TEST_TMPDIR/help"
	refused sse-share -e x -- true
	sse-pipe --help | grep -q -e --event
}

# A value for an option, by the name of its value in --help.
value_for() {
	case $1 in
	'') ;;
	-c\ LIST) echo data ;;
	-M\ LIST) echo GET,HEAD ;;
	*\ NAME | *\ KEY | *\ FILE) echo x ;;
	*\ FIELD) echo 'A: b' ;;
	*\ URL) echo redis://127.0.0.1:1 ;;
	*\ ORIGIN) echo https://example.org ;;
	*\ COLSxROWS) echo 80x24 ;;
	*\ SECONDS | *\ MS | *\ BYTES | *\ COUNT | *\ LINES | *\ REPLAY)
		echo 5000
		;;
	*) return 1 ;;
	esac
}

# Runs a program with options and what else it needs; fails if that is usage.
# A header is all that is asked for.
accepts() {
	local program=$1 status=0 operands=()

	shift
	case $program in
	sse-pipe)
		# a window is a terminal's
		[[ $1 != -w && $1 != --window ]] || set -- -t "$@"
		operands=(-- true)
		;;
	sse-share) operands=(-- true) ;;
	sse-mux) operands=(true) ;;
	sse-tail) operands=(lines) ;;
	sse-redis) operands=(stream) ;;
	esac
	case "$program $1" in
	# these stand alone, in a shell
	'sse-share -'[LQ] | 'sse-share --list' | 'sse-share --quit' | \
		*' -h' | *' --help' | *' -V' | *' --version')
		timeout 30 "$program" "$@" >out 2>&1 || status=$?
		;;
	*)
		REQUEST_METHOD=HEAD timeout 30 "$program" "$@" \
			"${operands[@]}" >out 2>&1 </dev/null || status=$?
		;;
	esac
	[ "$status" -ne 2 ] || { echo "refused: $program $*" && return 1; }
}

@test "each option of --help is accepted, and 0 seconds if it says so" {
	local program letter long name value count=0
	local line='^  -(.), --([a-z-]+) ([A-Za-z]*) *(.*)$'

	cd "$BATS_TEST_TMPDIR"
	export SSE_CGI_DIR=$BATS_TEST_TMPDIR/meet
	echo one >lines
	for program in "$PROGRAMS_DIR"/sse-*; do
		[ -x "$program" ] && [ ! -d "$program" ] || continue
		program=${program##*/}
		"$program" --help >help
		while IFS= read -r text; do
			[[ $text =~ $line ]] || continue
			letter=-${BASH_REMATCH[1]}
			long=--${BASH_REMATCH[2]}
			name=${BASH_REMATCH[3]}
			[[ $name =~ ^[A-Zx]+$ ]] || name=
			echo "$program $letter $long $name"
			count=$((count + 1))
			if [ -z "$name" ]; then
				accepts "$program" "$letter"
				accepts "$program" "$long"
				continue
			fi
			value=$(value_for "$letter $name")
			accepts "$program" "$letter" "$value"
			accepts "$program" "$long" "$value"
			[ "$name" = SECONDS ] || continue
			if [[ $text = *'0: '* ]]; then
				accepts "$program" "$letter" 0
			else
				refute accepts "$program" "$letter" 0
			fi
		done <help
	done
	[ "$count" -gt 60 ]
}

@test "-V and --version print the version that the Makefile gives" {
	local version

	version=$(sed -n 's/^VERSION = //p' "$TOP/Makefile")
	[ -n "$version" ]
	for program in sse-counter sse-pipe; do
		[ "$("$program" -V)" = "$program $version" ]
		[ "$("$program" --version)" = "$program $version" ]
	done
}

@test "help that cannot be written is a failure" {
	run -1 --separate-stderr sh -c 'sse-counter --help >/dev/full'
	[ "$stderr" = \
		"sse-counter: write to stdout: No space left on device" ]
}

@test "under a web server a usage error is a 500 that gives nothing away" {
	REQUEST_METHOD=GET run -2 --separate-stderr sse-counter -n x
	[ "$output" = "$(printf '%s\r\n' 'Status: 500 Internal Server Error' \
		'Content-Type: text/plain' 'Cache-Control: no-cache' ''
		echo '500 Internal Server Error')" ]
	[[ $stderr = "sse-counter: "* && $stderr != *$'\n'* ]]
}

# bats test_tags=tools
@test "a manual shows its headings as they are written" {
	local page heading

	for page in "$TOP"/man/*.[1-9]; do
		mandoc -T ascii "$page" | sed 's/.\x08//g' \
			>"$BATS_TEST_TMPDIR/page"
		sed -n 's/^\.S[hs] //p' "$page" | while IFS= read -r heading; do
			echo "${page##*/}: $heading"
			grep -qx -e " *$heading" "$BATS_TEST_TMPDIR/page"
		done
	done
}

# The options of a text, as "Fl n , Fl Fl count".
options_of() {
	sed -nE -e 's/^  -(.), --([a-z-]+).*/Fl \1 , Fl Fl \2/p' \
		-e 's/^\.It (Fl . , Fl Fl [a-z-]+).*/\1/p' "$@" | sort
}

@test "a manual describes each option of --help, or sse-cgi(7) does, and no other" {
	local program

	cd "$BATS_TEST_TMPDIR"
	options_of "$TOP/man/sse-cgi.7" >common
	[ "$(wc -l <common)" -eq 9 ]
	for program in "$PROGRAMS_DIR"/sse-*; do
		[ -x "$program" ] && [ ! -d "$program" ] || continue
		echo "${program##*/}"
		"$program" --help >text
		options_of text >help
		options_of "$TOP/man/${program##*/}.1" >own
		[ -s help ] && [ -s own ]
		# none is described twice but sse-cat's, which are its own
		[[ $program = *cat ]] || [ -z "$(comm -12 common own)" ]
		comm -23 help <(sort -u common own) | diff - /dev/null
		comm -23 own help | diff - /dev/null
	done
}
