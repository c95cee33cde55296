#!/usr/bin/env bats
# sse-tail: what its viewers get while a log grows and is rotated, and when
# they come back. tail-model.py asks the same at random.

load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
}

# A viewer of log: what it gets stands in the file NAME, "SENT NAME" prints
# it as one line. Its id is -, or what it had last.
view() {
	local name=$1 id=$2

	shift 2
	[ "$id" != - ] || id=
	HTTP_LAST_EVENT_ID=$id spawn sse-tail "$@" log >"$name"
	eval "VIEWER_$name=$!"
	# the header is there once the first look was taken
	eventually grep -q '^:' "$name"
}

sent() {
	tr -d '\r' <"$1" | sed -n 's/^event: \(.*\)/<\1>/p; s/^data: //p' |
		tr '\n' ' ' | sed 's/ $//'
}

got() {
	[ "$(sent "$1")" = "$2" ]
}

# Fails where other events come than those that are expected.
gets() {
	eventually got "$1" "$2" || {
		echo "got: $(sent "$1")" >&2
		return 1
	}
}

leave() {
	local name=VIEWER_$1

	kill "${!name}"
	wait "${!name}" || :
}

last_id() {
	sed -n 's/^id: //p' "$1" | tail -n 1
}

# Both ways to notice.
each_way() {
	"$1"
	rm -rf log* ./*viewer*
	"$1" -s -i 0.01
}

@test "a new viewer gets the last ten lines, and an id with each" {
	seq 20 >log
	view viewer -
	gets viewer '11 12 13 14 15 16 17 18 19 20'
	[ "$(grep -c '^id: [0-9a-v.]\{5,36\}$' viewer)" -eq 10 ]
	[ "$(sort -u <(grep '^id: ' viewer) | wc -l)" -eq 10 ]
}

@test "-n says how many lines back, up to all" {
	seq 5 >log
	printf half >>log
	view none - -n 0
	view two - -n 2
	view all - -n all
	view more - -n 99
	gets two '4 5'
	gets all '1 2 3 4 5'
	gets more '1 2 3 4 5'
	echo ' end' >>log
	gets none 'half end'
	gets two '4 5 half end'
}

grow() {
	printf '1\n2\r\n3\r4' >log
	view viewer - "$@"
	gets viewer '1 2 3'
	printf '\r' >>log
	gets viewer '1 2 3 4'
	printf '\n\n5\n' >>log
	gets viewer '1 2 3 4  5'
	leave viewer
}

@test "lines come as they are written, half ones wait, and CRLF is one end" {
	each_way grow
}

rotate() {
	echo 1 >log
	view viewer - "$@"
	gets viewer 1
	mv log log.1
	echo 2 >>log.1
	gets viewer '1 2'
	: >log
	echo 3 >>log.1
	gets viewer '1 2 3'
	echo 4 >log
	gets viewer '1 2 3 4'
	rm log
	echo 5 >log
	gets viewer '1 2 3 4 5'
	leave viewer
}

@test "a renamed file is read on until the new one has lines" {
	each_way rotate
}

truncated() {
	printf '%s\n' one two >log
	view viewer - "$@"
	gets viewer 'one two'
	cp log log.1
	: >log
	gets viewer 'one two <gap> truncated'
	echo three >>log
	gets viewer 'one two <gap> truncated three'
	leave viewer
}

@test "a truncated file is a gap, then comes its new start" {
	each_way truncated
}

rewritten() {
	printf '%s\n' one two >log
	view viewer - "$@"
	gets viewer 'one two'
	# never shorter than it was when somebody looks
	printf '%s\n' ONE TWO three >new
	dd if=new of=log conv=notrunc status=none
	gets viewer 'one two <gap> truncated ONE TWO three'
	leave viewer
}

@test "a file that was rewritten at the same length is a gap too" {
	each_way rewritten
}

missing() {
	view viewer - "$@"
	echo 1 >log
	gets viewer 1
	rm log
	echo 2 >log
	gets viewer '1 2'
	leave viewer
}

@test "a file that is not there yet is waited for" {
	each_way missing
}

# bats test_tags=slow
@test "a directory that is not there yet is waited for" {
	spawn sse-tail -i 0.01 some/where/log >viewer
	eventually grep -q '^:' viewer
	mkdir -p some/where
	echo 1 >some/where/log
	gets viewer 1
	mv some gone
	mkdir -p some/where
	echo 2 >some/where/log
	gets viewer '1 2'
}

linked() {
	mkdir -p log.d
	echo 1 >log.d/a
	ln -s log.d/a log
	view viewer - "$@"
	gets viewer 1
	echo 2 >>log.d/a
	gets viewer '1 2'
	echo 3 >log.d/b
	ln -sfn log.d/b log
	gets viewer '1 2 3'
	echo 4 >>log.d/b
	gets viewer '1 2 3 4'
	mv log.d/b log.d/b.1
	echo 5 >log.d/b
	gets viewer '1 2 3 4 5'
	leave viewer
}

@test "a symbolic link that is pointed elsewhere is noticed" {
	each_way linked
}

@test "who comes back gets what was missed, once, across rotations" {
	seq 3 >log
	view first -
	gets first '1 2 3'
	leave first
	echo 4 >>log
	view second "$(last_id first)"
	gets second 4
	leave second
	echo 5 >>log
	mv log log.1
	echo 6 >log
	mv log.1 log.2 && mv log log.1
	: >log
	mv log.2 log.3 && mv log.1 log.2 && mv log log.1
	echo 7 >log
	echo "of another log" >loggers
	view third "$(last_id second)"
	gets third '5 6 7'
	view again "$(last_id second)"
	gets again '5 6 7'
	# from each id the rest, no more and no less
	mapfile -t ids < <(sed -n 's/^id: //p' third)
	view last "${ids[0]}"
	gets last '6 7'
	leave last
	view last "${ids[1]}"
	gets last 7
	leave last
	view last "${ids[2]}"
	echo 8 >>log
	gets last 8
}

@test "files of other names, dates and times find their place" {
	seq 3 >log
	view first - -n 1
	gets first 3
	leave first
	mv log log-20261123
	seq 4 5 >log && mv log log-20261124
	seq 6 7 >log && mv log log-20261125
	seq 8 9 >log
	view dates "$(last_id first)"
	gets dates '4 5 6 7 8 9'
	mkdir away && mv log-20261123 away/ && mv away/log-20261123 elsewhere
	view any "$(last_id first)"
	gets any '4 5 6 7 8 9'
	mv elsewhere log.one && touch -d '3 hours ago' log.one
	mv log-20261124 log.the && touch -d '2 hours ago' log.the
	mv log-20261125 log.a && touch -d '1 hour ago' log.a
	# an unreadable copy of what was read is none between
	cp log.one log.copy
	view names "$(last_id first)"
	gets names '4 5 6 7 8 9'
	# nothing tells that they were this log
	mv log.one elsewhere
	view unknown "$(last_id first)"
	gets unknown '<gap> rotated 8 9'
}

@test "what cannot be had is a gap with its reason, then the current file" {
	seq 3 >log
	view first - -n 1
	gets first 3
	leave first
	local id
	id=$(last_id first)
	cp log log.1
	seq 7 8 >log
	view short "$id"
	gets short '<gap> truncated 7 8'
	seq 11 15 >log
	view other "$id"
	gets other '<gap> truncated 11 12 13 14 15'
	rm log
	seq 21 22 >log
	view gone "$id"
	gets gone '<gap> rotated 21 22'
}

# bats test_tags=slow
@test "a file between that is gone or compressed is a gap" {
	seq 3 >log
	view first - -n 1
	gets first 3
	leave first
	mv log log.2
	seq 8 9 >log
	view hole "$(last_id first)"
	gets hole '<gap> rotated 8 9'
	seq 4 5 | gzip >log.1.gz
	view packed "$(last_id first)"
	gets packed '<gap> rotated 8 9'
}

@test "an id that is none makes a new viewer; a forged one makes a gap" {
	local id

	seq 12 >log
	view first -
	eventually grep -q '^data: 12' first
	leave first
	for id in 1 1.2 1.2. 1.2.3.4 01.2.3 1.0.2 "$(last_id first)0" \
		1.2.ffffffffffffff "$(last_id first | tr . -)" '../../x'; do
		view viewer "$id"
		eventually grep -q '^data: 12' viewer
		refute grep -q gap viewer
		[ "$(grep -c '^data' viewer)" -eq 10 ]
		leave viewer
	done
	id=$(last_id first)
	view forged "${id%?}$([ "${id: -1}" = 0 ] && echo 1 || echo 0)"
	gets forged "<gap> truncated $(seq -s ' ' 12)"
}

@test "lines longer than -b come in pieces, and each id resumes right" {
	local ids

	{
		echo short
		head -c 2500 /dev/zero | tr '\0' x
		printf '\nlast\n'
	} >log
	view first - -n all -b 1000
	eventually grep -q '^data: last' first
	leave first
	[ "$(sed -n 's/^data: //p' first | awk '{print length}' | xargs)" = \
		'5 1000 1000 500 4' ]
	mapfile -t ids < <(sed -n 's/^id: //p' first)
	[ "${#ids[@]}" -eq 5 ]
	for n in 0 1 2 3; do
		view next "${ids[n]}" -b 1000
		eventually grep -q '^data: last' next
		leave next
		sed -n 's/^data: //p' first | tail -n +$((n + 2)) >want
		sed -n 's/^data: //p' next | cmp - want
	done
}

@test "an id after CR resumes without an empty line once its LF comes" {
	printf 'one\r' >log
	view first -
	gets first one
	leave first
	printf '\ntwo\r\n' >>log
	view second "$(last_id first)"
	gets second two
}

@test "a directory, a device, a FIFO and a secret are refused at once" {
	mkfifo fifo
	mkdir dir
	for file in fifo dir /dev/zero /dev/tty; do
		run -1 timeout 20 sse-tail "$file"
		[[ $output == "sse-tail: $file: "* ]]
		REQUEST_METHOD=GET run -1 \
			timeout 20 sse-tail "$file"
		grep -q '^Status: 500 ' <<<"$output"
		refute grep -F "$file" <<<"${output#*$'\n'}"
	done
	run -2 sse-tail
	run -2 sse-tail a b
}

@test "without permission the answer is 403" {
	echo secret >log
	chmod 0 log
	local as=()
	if [ "$(id -u)" -eq 0 ]; then
		chmod 755 .
		as=(setpriv --reuid=65534 --clear-groups --)
		mkdir -m 755 /tmp/sse-tail.$$
		cp "$PROGRAMS_DIR/sse-tail" log /tmp/sse-tail.$$
		chmod 0 /tmp/sse-tail.$$/log
		cd /tmp/sse-tail.$$
	fi
	REQUEST_METHOD=GET run -1 "${as[@]}" ./sse-tail log
	rm -rf /tmp/sse-tail.$$
	grep -q '^Status: 403 ' <<<"$output"
	refute grep -q secret <<<"$output"
}

@test "words of the query never become the path" {
	echo secret >other
	echo open >log
	export REQUEST_METHOD=GET QUERY_STRING=other
	spawn sse-tail log other >viewer
	gets viewer open
	run -2 sse-tail other
	[[ $output == *"Status: 500"* ]]
	export QUERY_STRING=file=other
	spawn sse-tail log >next
	gets next open
}

@test "HEAD gets the header alone" {
	echo 1 >log
	REQUEST_METHOD=HEAD run -0 timeout 20 sse-tail log
	[[ $output == "Content-Type: text/event-stream"* ]]
	refute grep -q data <<<"$output"
}

# Whether a viewer has an inotify instance.
has_inotify() {
	local name=VIEWER_$1

	find "/proc/${!name}/fd" -lname '*inotify*' | grep -q .
}

@test "inotify is used, but not with -s: then it looks each second" {
	echo 1 >log
	view watcher -
	has_inotify watcher
	view viewer - -s
	refute has_inotify viewer
	gets viewer 1
	echo 2 >>log
	gets viewer '1 2'
	gets watcher '1 2'
}

# bats test_tags=slow
@test "where inotify is not to be had it looks each second" {
	echo 1 >log
	ASAN_OPTIONS=detect_leaks=0 spawn strace -qq -o trace \
		-e inject=inotify_init1:error=EMFILE sse-tail log >init
	ASAN_OPTIONS=detect_leaks=0 spawn strace -qq -o trace2 \
		-e inject=inotify_add_watch:error=ENOSPC sse-tail log >add
	gets init 1
	gets add 1
	echo 2 >>log
	gets init '1 2'
	gets add '1 2'
}

# bats test_tags=slow
@test "ten lines back in a file of 10 GB are found at once" {
	truncate -s 10G log
	seq 5 >>log
	# a few reads: no more than -b holds, wherever the lines begin
	ASAN_OPTIONS=detect_leaks=0 spawn strace -qq -o trace \
		-e trace=pread64 sse-tail log >first
	eventually grep -q '^data: 5' first
	[ "$(wc -l <trace)" -lt 300 ]
	[ "$(wc -c <first)" -lt 10000 ]
	seq 20 >>log
	view viewer -
	gets viewer '11 12 13 14 15 16 17 18 19 20'
}

@test "the demo's log panel shows requests, through lighttpd" {
	start_lighttpd
	spawn curl -sN "$URL/cgi-bin/log" >viewer
	VIEWER=$!
	eventually grep -q '^:\|^retry' viewer
	curl -s "$URL/?number=4711" >page
	eventually grep -q '^data: .*number=4711' viewer
	kill "$VIEWER"
	eventually tail_ended
}

tail_ended() {
	for pid in $(left_over); do
		refute grep -qsx sse-tail "/proc/$pid/comm" || return
	done
}

# bats test_tags=slow
@test "random logs and viewers agree with the model, with inotify" {
	python3 "$TOP/tests/tail-model.py" "$PROGRAMS_DIR/sse-tail" inotify 12
}

# bats test_tags=slow
@test "random logs and viewers agree with the model, without inotify" {
	python3 "$TOP/tests/tail-model.py" "$PROGRAMS_DIR/sse-tail" stat 12
}
