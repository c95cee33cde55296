#!/usr/bin/env bats
# sse-pipe -T: a terminal as asciicast. examples.bats tests the player.

load lib/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# The data of all events of a file but the end, as JSON that Python reads:
# "EXPRESSION over the list of them".
casts() {
	sed -n 's/^data: \([[{]\)/\1/p' "$1" >lines
	python3 -c 'import json, sys
all = [json.loads(line) for line in open("lines")]
print(eval(sys.argv[1]))' "$2"
}

has_drawn() {
	[ "$(grep -c "$1" out)" -ge "$2" ]
}

@test "-T begins with a header of the size, then each output with its time" {
	sse-pipe -T -w 30x7 -e cast -- sh -c '
		printf "a\n"; sleep 1; stty size; test -t 0; test -t 2 && printf "\033[1m$TERM"
		' >out
	[ "$(casts out 'all[0]["version"], all[0]["width"], all[0]["height"]')" = '(2, 30, 7)' ]
	[ "$(casts out '"".join(one[2] for one in all[1:])' | od -c)" = \
		"$(printf 'a\r\n7 30\r\n\033[1mxterm-256color\n' | od -c)" ]
	[ "$(casts out 'all[1][1], 0 <= all[1][0] <= all[-1][0], 0.5 <= all[-1][0] < 60')" = "('o', True, True)" ]
	[ "$(grep -c '^event: cast$' out)" = "$(wc -l <lines)" ]
	[ "$(tail -n 4 out)" = $'id: end\nevent: end\ndata: 0' ]
}

@test "-T gives what is no UTF-8 as U+FFFD, and torn characters whole" {
	sse-pipe -T -- sh -c '
		printf "\342\202"; sleep 0.05; printf "\254\377\n"' >out
	[ "$(casts out '"".join(one[2] for one in all[1:])')" = $'\u20ac\ufffd\r' ] ||
		[ "$(LC_ALL=C.UTF-8 casts out '[ord(c) for one in all[1:] for c in one[2]]')" = '[8364, 65533, 13, 10]' ]
}

@test "SIGWINCH brings a header, and the command draws anew in its size" {
	spawn sse-pipe -T -w 30x7 -- sh -c '
		trap "stty size" WINCH
		while :; do sleep 0.02; done' >out
	pipe=$!
	eventually has_drawn '"width"' 1
	kill -WINCH "$pipe"
	eventually has_drawn '"6 30' 1
	eventually has_drawn '"7 30' 1
	has_drawn '"width":30,"height":7' 2
	kill "$pipe"
	eventually nothing_left
}

@test "-T is refused with what makes something else of the output" {
	for option in -0 -p -C -j -t '-c data' '-E err'; do
		# shellcheck disable=SC2086 # two words
		for order in "-T $option" "$option -T"; do
			run -2 sse-pipe $order -- true
			[ "$output" = \
				"sse-pipe: -T: it cannot be used with ${option%% *}" ]
		done
	done
	run -2 sse-pipe -T
}
