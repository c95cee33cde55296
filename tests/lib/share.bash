# shellcheck shell=bash
# shellcheck disable=SC2034,SC2059
# share: functions for the tests of sse-share. Its viewers are pipes, as with a
# web server; each test writes the programs that are shared.

load lib/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export SSE_CGI_DIR=$BATS_TEST_TMPDIR/meet
	mkfifo feed
	# the shared program writes what the test writes to descriptor 7
	exec 7<>feed
	program feeder <<-'END'
		#!/bin/sh
		exec <feed
		echo $$ >>starts
		printf 'Content-Type: text/event-stream\r\n\r\n'
		exec cat
	END
}

# A channel that still runs would keep the test's descriptors open.
teardown() {
	exec 7>&-
	stop_all
}

program() {
	cat >"$1"
	chmod +x "$1"
}

# view NAME ARG ...: a request, as by a web server. Returns when sse-share has
# exited; the file NAME gets the viewer's stream.
view() {
	local name=$1

	shift
	connect "$name"
	request "$name" "$@"
}

# The two parts of view: the reader, whose pid is $READER, and the request.
connect() {
	mkfifo "$1.pipe"
	spawn reader "$1"
	READER=$!
}

reader() {
	exec 7>&-
	exec cat "$1.pipe" >"$1"
}

request() {
	local name=$1

	shift
	REQUEST_METHOD=GET timeout 60 sse-share "$@" >"$name.pipe" 2>>err \
		3>&- 7>&-
}

feed() {
	printf "$@" >&7
}

# Ends the shared program's input, after the program has opened it.
end_feed() {
	eventually test -s starts
	exec 7>&-
}

has() {
	grep -q -- "$1" "$2" 2>/dev/null
}

# Waits for a line in each of the files.
all_have() {
	local line=$1 file

	shift
	for file in "$@"; do
		eventually has "$line" "$file"
	done
}

# The frames of a file, after the header's empty line, without the event
# "start".
frames() {
	sed -e '1,/^\r*$/d' -e '/^id: /{' -e '$!N' \
		-e '/\nevent: start$/{N;N;d}' -e 'P;D' -e '}' "$1"
}

ids() {
	frames "$1" | sed -n 's/^id: //p'
}

no_socket() {
	refute compgen -G "$SSE_CGI_DIR/*.sock" >/dev/null
}

# Whether no channel, program or guard runs; readers end with their streams.
all_over() {
	eventually no_socket
	eventually nothing_left
}

# The pid of the only channel: the session's leader with this name.
channel_pid() {
	left_over | while read -r pid; do
		[ "$(ps -o comm=,sid= -p "$pid" | tr -s ' ')" = \
			"sse-share $pid" ] && echo "$pid"
	done || :
}

# Ends only the readers.
stop_readers() {
	local pid

	for pid in $SPAWNED; do
		kill "$pid" 2>/dev/null || :
	done
}

# How many channels there are.
channels() {
	sse-share -L | wc -l
}
