#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2094 # bats
# sse-tail: what its viewers get while a log grows and is rotated, and when
# they come back. tail-model.py tests the same at random.

load lib/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
}

# A viewer of log: the file NAME has its stream, "SENT NAME" prints that as one
# line. Its last event id is given; - for none.
view() {
	local name=$1 id=$2

	shift 2
	[ "$id" != - ] || id=
	HTTP_LAST_EVENT_ID=$id spawn sse-tail "$@" log >"$name"
	eval "VIEWER_$name=$!"
	# the header is there once the first look was taken
	eventually grep -q '^:' "$name"
}

# Without "start", which only gives the viewer an id.
sent() {
	tr -d '\r' <"$1" | sed '/^event: start$/,/^$/d' |
		sed -n 's/^event: \(.*\)/<\1>/p; s/^data: //p' |
		tr '\n' ' ' | sed 's/ $//'
}

got() {
	[ "$(sent "$1")" = "$2" ]
}

# Fails if other events come than those that are expected.
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

# With inotify and without.
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
	# never shorter than before at the time of a check
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

@test "a viewer that comes back gets what it missed, once, across rotations" {
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
	# nothing tells which ones came after a file of another name
	mv log-20261123 elsewhere
	view other "$(last_id first)"
	gets other '<gap> rotated 8 9'
}

# Whether a viewer that had the first of three files, each with one line, gets
# the others: two names that they have got, the log's name, and what it gets.
finds() {
	local log=$3 options

	for options in '' '-s -i 0.01'; do
		rm -rf work first
		mkdir work
		echo one >"work/$log"
		sse-tail "work/$log" >first 3>&- &
		eventually grep -q '^data: one' first
		kill $!
		# within a few milliseconds times do not tell their order
		mv "work/$log" "work/$1"
		touch -d '2 hours ago' "work/$1"
		echo two >"work/$log"
		mv "work/$log" "work/$2"
		touch -d '1 hour ago' "work/$2"
		echo three >"work/$log"
		for other in "my$log" "${log%.log}2.log" "${log}ger" \
			"other-$1" "${log%.log}lication.log" "$log.txt"; do
			echo 'of another log' >"work/$other"
		done
		# shellcheck disable=SC2086
		HTTP_LAST_EVENT_ID=$(last_id first) \
			spawn sse-tail $options "work/$log" >found
		gets found "$4"
		kill $!
	done
}

@test "rotated files are found by digits and dates anywhere in their names" {
	local all='two three'

	finds app.log.2 app.log.1 app.log "$all"
	finds app.log.1 app.log.2 app.log "$all"
	finds app.log-20261128 app.log-20261129 app.log "$all"
	finds app-20261128.log app-20261129.log app.log "$all"
	finds app20261128.log app20261129.log app.log "$all"
	finds app.1.log app.2.log app.log "$all"
	finds app.2026-11-29.0.log app.2026-11-29.1.log app.log "$all"
	finds app-2026-11-29T10-15-30.123.log app-2026-11-29T10-16-00.001.log \
		app.log "$all"
	finds app.log.2026-11-28_10-00 app.log.2026-11-29_10-00 app.log "$all"
	finds log.1 log-20261129 log "$all"
}

# bats test_tags=slow
@test "files of another kind of name are a gap, also for a connected viewer" {
	finds app.log.old app.log.old2 app.log '<gap> rotated three'
	finds 1-app.log 2-app.log app.log '<gap> rotated three'
	echo one >log
	view viewer -
	gets viewer one
	# shellcheck disable=SC2154 # view sets it by name
	kill -STOP "$VIEWER_viewer"
	mv log log.old
	echo two >log
	mv log log.older
	echo three >log
	kill -CONT "$VIEWER_viewer"
	gets viewer 'one <gap> rotated three'
}

# bats test_tags=slow
@test "a rotated file that was compressed is a gap, of any kind of name" {
	local name

	for name in app-20261129.log app.log.1 app.log; do
		echo one >app.log
		sse-tail app.log >first 3>&- &
		eventually grep -q '^data: one' first
		kill $!
		mv app.log app-20261128.log
		echo two | gzip >"$name.gz"
		echo three >app.log
		HTTP_LAST_EVENT_ID=$(last_id first) \
			spawn sse-tail app.log >found
		gets found '<gap> rotated three'
		kill $!
		rm app*
	done
}

@test "a file that is compressed while it is watched is no gap" {
	seq 3 >log
	view viewer -
	gets viewer '1 2 3'
	mv log log.1
	gzip -k log.1
	echo 4 >log
	gets viewer '1 2 3 4'
	mv log log.2
	gzip log.2
	echo 5 >log
	gets viewer '1 2 3 4 5'
}

hole() {
	seq 100000 >log
	sse-tail -n 1 log >first 3>&- &
	eventually grep -q '^data: 100000' first
	kill $!
	view viewer "$(last_id first)" "$@"
	: >log
	printf 'after\n' | dd of=log bs=1 seek=588895 conv=notrunc status=none
	gets viewer '<gap> truncated after'
	view back "$(last_id first)" "$@"
	gets back '<gap> truncated after'
	view ten - "$@"
	gets ten after
	view all - -n all "$@"
	gets all after
	[ "$(wc -c <all)" -lt 1000 ]
	echo more >>log
	for name in viewer back ten all; do
		eventually grep -q '^data: more' "$name"
		leave "$name"
	done
}

@test "the hole before a writer that was not told of a truncation is skipped" {
	each_way hole
}

@test "a hole that is longer than -b is skipped by a new viewer too" {
	truncate -s 1000001 log
	echo after >>log
	view viewer - -b 100000
	gets viewer after
}

copied() {
	printf '1\n2\nhal' >log
	view viewer - "$@"
	gets viewer '1 2'
	view first -
	gets first '1 2'
	leave first
	cp log copy
	printf 'f\n3\n' >>copy
	mv copy log
	gets viewer '1 2 half 3'
	view back "$(last_id first)"
	gets back 'half 3'
	# an editor keeps the old file
	mv log 'log~'
	cp 'log~' log
	echo 4 >>log
	gets viewer '1 2 half 3 4'
	mv log log.1
	echo 5 >log
	gets viewer '1 2 half 3 4 5'
	leave viewer
	leave back
}

@test "a file that was replaced by a longer copy of itself goes on" {
	each_way copied
}

# The id of the start event of a viewer that has had nothing else.
start_of() {
	eventually grep -q '^event: start' "$1"
	refute grep -q '^data: .' "$1"
	[[ $(last_id "$1") =~ ^[0-9a-v.]{12,36}$ ]]
}

@test "a viewer that had no line yet comes back with a place, and misses nothing" {
	seq 3 >log
	view none - -n 0
	start_of none
	leave none
	echo 4 >>log
	view next "$(last_id none)" -n 0
	gets next 4
	leave next
	mv log log.1
	: >log
	view empty -
	start_of empty
	leave empty
	seq 30 >>log
	mv log log.1
	seq 31 32 >log
	view next "$(last_id empty)"
	gets next "$(seq -s ' ' 32)"
	# a viewer that comes back with an id needs no "start"
	refute grep -q '^event: start' next
}

@test "a file that was not there has a place too" {
	view absent -
	start_of absent
	leave absent
	echo 1 >log
	mv log log.2
	echo 2 >log
	mv log log.1
	echo 3 >log
	view next "$(last_id absent)"
	gets next '1 2 3'
	leave next
	# what was before the viewer came is not for it
	mv log log.0
	view between -
	start_of between
	view waits -
	start_of waits
	leave between
	echo 4 >>log.0
	echo 5 >log
	view next "$(last_id between)"
	gets next '4 5'
	gets waits '4 5'
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

# Runs a program as a user to whom file modes apply, and who can execute it.
as_nobody() {
	cp "$PROGRAMS_DIR/sse-tail" .
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
	else
		"$@"
	fi
}

# A folder that all users can enter; those of bats are only for root.
open_folder() {
	OPEN_FOLDER=$(mktemp -d)
	chmod 755 "$OPEN_FOLDER"
	cd "$OPEN_FOLDER" || exit
}

teardown() {
	stop_all
	[ -z "${OPEN_FOLDER:-}" ] || rm -rf "$OPEN_FOLDER"
}

@test "without permission the viewer comes back later, and no error stops it" {
	open_folder
	echo secret >log
	chmod 0 log
	REQUEST_METHOD=GET run -1 as_nobody ./sse-tail log
	refute grep -q '^Status:' <<<"$output"
	grep -q '^Content-Type: text/event-stream' <<<"$output"
	grep -q '^retry: [0-9]\{4,5\}' <<<"$output"
	refute grep -q secret <<<"$output"
}

@test "a new file whose mode comes late is waited for by a connected viewer" {
	open_folder
	echo 1 >log
	chmod 644 log
	VIEWER=$BATS_TEST_TMPDIR/viewer
	spawn as_nobody ./sse-tail log >"$VIEWER"
	gets "$VIEWER" 1
	mv log log.1
	(umask 777 && echo 2 >log)
	echo late >>log.1
	gets "$VIEWER" '1 late'
	# longer than FOLLOW_DOUBT_MS
	refute eval "DEADLINE=3 eventually ended $! 2>/dev/null"
	chmod 644 log
	gets "$VIEWER" '1 late 2'
}

@test "a line of 200,000 bytes comes in pieces that any client can hold" {
	{
		head -c 200000 /dev/zero | tr '\0' x
		printf '\nlast\n'
	} >log
	view viewer - -n all
	eventually grep -q '^data: last' viewer
	[ "$(sed -n 's/^data: //p' viewer | awk '{print length}' | xargs)" = \
		'60000 60000 60000 20000 4' ]
}

# Publishing: columns, NUL-ended records and paragraphs.
publish() {
	printf 'alert\tdisk full\n\tback\nplain\nal' >log
	view viewer - -c event,data -e note "$@"
	gets viewer '<alert> disk full <note> back <note> plain'
	printf 'ert\tfull\tagain\n' >>log
	gets viewer \
		$'<alert> disk full <note> back <note> plain <alert> full\tagain'
	mv log log.1
	printf 'note\tone\n' >log
	gets viewer \
		$'<alert> disk full <note> back <note> plain <alert> full\tagain <note> one'
	leave viewer
}

@test "with -c event,data a line begins with its event's type and a TAB" {
	each_way publish
}

# Events as text: "type data|data" each, without start.
events() {
	sse-cat -j <"$1" |
		python3 -c 'import json, sys
print("/".join(
    (event["event"] + " " if event.get("event", "message") != "message"
     else "") + event["data"].replace("\n", "|")
    for event in map(json.loads, sys.stdin) if event.get("event") != "start"))'
}

has_events() {
	[ "$(events "$1")" = "$2" ]
}

null_ended() {
	printf 'one\ntwo\0three\0hal' >log
	view viewer - -0 "$@"
	eventually has_events viewer 'one|two/three'
	printf 'f\n\0' >>log
	eventually has_events viewer 'one|two/three/half|'
	mv log log.1
	printf 'four' >>log.1
	printf '\0five\0' >log
	eventually has_events viewer 'one|two/three/half|/four//five'
	leave viewer
}

# As sse-pipe -0 does, in a file that was there, and in new ones.
null_alone() {
	printf '\0a\0\0b\0' >log
	view viewer - -0 -n all "$@"
	eventually has_events viewer '/a//b'
	mv log log.1
	printf '\0' >log
	eventually has_events viewer '/a//b/'
	printf '\0c\0' >>log
	eventually has_events viewer '/a//b///c'
	leave viewer
	rm log log.1
	view viewer - -0 "$@"
	printf '\0\0' >log
	eventually grep -q '^data: $' viewer
	printf 'd\0' >>log
	eventually has_events viewer '//d'
	leave viewer
}

null_hole() {
	printf 'before\0' >log
	view viewer - -0 "$@"
	eventually has_events viewer before
	# whole blocks, of any file system
	truncate -s 0 log
	truncate -s 2M log
	printf '\0after\0' >>log
	eventually has_events viewer 'before/gap truncated//after'
	leave viewer
}

@test "with -0 a record ends with NUL and may have several lines" {
	each_way null_ended
}

@test "with -0 empty records come, also at a file's start" {
	each_way null_alone
}

@test "with -0 the whole blocks of a truncation's hole are skipped" {
	each_way null_hole
}

paragraphs() {
	printf 'one\ntwo\n\n\nthree\r\n\r\nhal' >log
	view viewer - -p "$@"
	eventually has_events viewer 'one|two/three'
	printf 'f\nfour\n' >>log
	view back "$(last_id viewer)" -p "$@"
	printf '\nfive\nsix\n' >>log
	eventually has_events viewer 'one|two/three/half|four'
	mv log log.1
	printf '\n\nseven\n\n' >log
	eventually has_events viewer 'one|two/three/half|four/five|six/seven'
	eventually has_events back 'half|four/five|six/seven'
	leave viewer
	leave back
}

@test "with -p a paragraph is an event of several lines" {
	each_way paragraphs
}

@test "with -p -c the columns are those of a paragraph's first line" {
	printf 'alert\tone\nnote\ttwo\n\nthree\nnote\tfour\n\n' >log
	view viewer - -p -c event,data
	eventually has_events viewer \
		$'alert one|note\ttwo/three|note\tfour'
}

@test "-n counts records, not lines" {
	local n

	printf 'a\nb\0c\n\n\0\nd\0e\0half' >log
	printf 'a\nb\n\n\nc\r\n\r\nd\ne\n\nf\n\n\n\nhalf\n' >paragraphs
	for n in 0 1 2 3; do
		view "null$n" - -0 -n "$n"
		HTTP_LAST_EVENT_ID='' spawn sse-tail -p -n "$n" paragraphs \
			>"paragraph$n"
		eventually grep -q ^: "paragraph$n"
	done
	printf ' end\0' >>log
	printf '\n' >>paragraphs
	eventually has_events null0 'half end'
	eventually has_events null1 'e/half end'
	eventually has_events null2 '|d/e/half end'
	eventually has_events null3 'c||/|d/e/half end'
	eventually has_events paragraph0 half
	eventually has_events paragraph1 f/half
	eventually has_events paragraph2 'd|e/f/half'
	eventually has_events paragraph3 'c/d|e/f/half'
}

@test "each piece of a long record has its type, also for a viewer that comes back" {
	local ids n

	printf 'alert\t%s\nx\n' "$(head -c 2500 /dev/zero | tr '\0' y)" >log
	view first - -n all -b 1000 -c event,data
	eventually grep -q '^data: x' first
	leave first
	[ "$(grep -c '^event: alert' first)" -eq 3 ]
	mapfile -t ids < <(sed -n 's/^id: //p' first)
	for n in 0 1 2; do
		view next "${ids[n]}" -b 1000 -c event,data
		eventually grep -q '^data: x' next
		leave next
		sed '1,/^:/d' next | sed 1d >rest
		[ "$(grep -c '^data' rest)" -eq $((3 - n)) ]
		tail -n "$(wc -l <rest)" first | diff - rest
	done
}

@test "a type with NUL is left out, with one warning" {
	printf '%b' 'a\0b\tone\nc\0\ttwo\n' >log
	spawn sse-tail -c event,data log >viewer 2>err
	gets viewer 'one two'
	[ "$(cat err)" = \
		"sse-tail: an event column holds NUL: it is left out" ]
}

until_file() {
	rm -f status
	echo one >log
	view viewer - -u status "$@"
	gets viewer one
	mv log log.1
	printf 'two\nthree' >log
	gets viewer 'one two'
	echo 'status 0' >status
	gets viewer 'one two three <end> status 0'
	eventually ended "$VIEWER_viewer"
	wait "$VIEWER_viewer"
	[ "$(last_id viewer)" = end ]
	# a later viewer gets it all, one that has had the end no more
	run -0 --separate-stderr timeout 20 sse-tail -u status -n all log
	[[ $output = *'data: three'*'id: end'*'data: status 0'* ]]
	HTTP_LAST_EVENT_ID=end REQUEST_METHOD=GET run -0 sse-tail -u status log
	[[ $output = 'Status: 204 '* && $output != *data* ]]
}

@test "with -u the stream ends once FILE is there and all was read, with its first line" {
	each_way until_file
}

@test "without -u an id end is that of a new viewer" {
	echo one >log
	view viewer end
	gets viewer one
}

@test "FILE of -u may be made before it is written to, and its directory late" {
	echo one >log
	view viewer - -u run/status
	gets viewer one
	mkdir run
	: >run/status
	view empty - -u run/status
	refute eval 'DEADLINE=1 eventually grep -q end viewer 2>/dev/null'
	printf '7\nmore\n' >>run/status
	gets viewer 'one <end> 7'
	gets empty 'one <end> 7'
	# nothing at all is an end too, after a while
	: >run/empty
	view empty - -u run/empty
	gets empty 'one <end> '
}

@test "a viewer that comes back to a log that is gone gets a gap before the end" {
	seq 3 >log
	view first - -u status
	gets first '1 2 3'
	leave first
	rm log
	echo 0 >status
	view second "$(last_id first)" -u status
	gets second '<gap> rotated <end> 0'
}

@test "no line that was written before FILE of -u is missed" {
	local i

	for i in {1..20}; do
		: >log
		rm -f status
		view "viewer" - -u status -n 0
		(seq "$i" >>log && printf last >>log && echo 7 >new &&
			mv new status) 3>&-
		gets viewer "$(seq -s ' ' "$i") last <end> 7"
		wait "$VIEWER_viewer"
	done
}

@test "a FILE of -u that is none is refused at once" {
	: >log
	run -1 timeout 20 sse-tail -u . log
	[ "$output" = "sse-tail: .: Is a directory" ]
	run -1 timeout 20 sse-tail -u /dev/null log
	[ "$output" = "sse-tail: /dev/null: Not a regular file" ]
}

# A viewer of a shared log, whose id is $2.
share_log() {
	spawn env HTTP_LAST_EVENT_ID="$2" REQUEST_METHOD=GET \
		sse-share -n 10 -f -l 0 -- sse-tail -n all -u status log >"$1"
}

@test "sse-share -f shows a job's log from each viewer's place, and its end" {
	export SSE_CGI_DIR=$BATS_TEST_TMPDIR/meet
	seq 1000 >log
	spawn sse-tail -n all log >all
	eventually grep -q '^data: 1000$' all
	share_log new ''
	eventually grep -q '^data: 1000$' new
	share_log back "$(grep -B 1 -x 'data: 20' all |
		sed -n 's/^id: //p')"
	share_log first "$(sed -n 's/^id: //p; /^data/q' all)"
	# a viewer that comes at the very end may be told to reconnect
	eventually grep -q '^data: 1000$' back
	eventually grep -q '^data: 1000$' first
	echo 1001 >>log
	echo 'status 0' >status
	gets back "$(seq -s ' ' 21 1001) <end> status 0"
	gets first "$(seq -s ' ' 2 1001) <end> status 0"
	eventually grep -q '^id: end' new
	share_log late end
	eventually grep -q '^Status: 204' late
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
@test "if inotify is not to be had, sse-tail looks each second" {
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
@test "if inotify tells nothing, sse-tail looks each second all the same" {
	echo 1 >log
	ASAN_OPTIONS=detect_leaks=0 spawn strace -qq -o trace \
		-e inject=inotify_add_watch:retval=1 sse-tail log >viewer
	gets viewer 1
	# the first one may come with the look that follows adding them
	echo 2 >>log
	gets viewer '1 2'
	echo 3 >>log
	DEADLINE=5 gets viewer '1 2 3'
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
	python3 "$TOP/tests/tools/tail-model.py" "$PROGRAMS_DIR/sse-tail" inotify 12
}

# bats test_tags=slow
@test "random logs and viewers agree with the model, without inotify" {
	python3 "$TOP/tests/tools/tail-model.py" "$PROGRAMS_DIR/sse-tail" stat 12
}
