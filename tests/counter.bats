#!/usr/bin/env bats
# sse-counter: the seed's counter, byte by byte.

load lib/helper

# The body alone: what follows the header's empty line.
body() (
	set -o pipefail
	"$@" | sed '1,/^\r$/d'
)

@test "sse-counter counts up with ids, the header first" {
	run -0 sse-counter -n 2 -i 0.01
	[ "$output" = "$(printf '%s\r\n' 'Content-Type: text/event-stream' \
		'Cache-Control: no-cache' 'Connection: keep-alive' \
		'X-Accel-Buffering: no' ''
		printf '%s\n' 'retry: 10000' '' 'id: 1' 'data: 1' '' \
			'id: 2' 'data: 2' '')" ]
}

@test "sse-counter reaches curl through lighttpd, and ends with its viewer" {
	start_lighttpd
	spawn curl -sN "$URL/events" >"$BATS_TEST_TMPDIR/events"
	eventually grep -q '^data: 1' "$BATS_TEST_TMPDIR/events"
	pgrep -P "$LIGHTTPD"
	kill $!
	eventually refute pgrep -P "$LIGHTTPD"
}

@test "a viewer that comes back goes on after the number it had last" {
	HTTP_LAST_EVENT_ID=41 run -0 body sse-counter -n 43 -i 0.01
	[ "$output" = "$(printf '%s\n' 'retry: 10000' '' 'id: 42' 'data: 42' \
		'' 'id: 43' 'data: 43' '')" ]
}

@test "a last id that is no number starts the count at 1" {
	local id

	for id in '' abc 5x -1 +1 1e3 ' 5' 5.0 $'5\n' $'\xff'; do
		HTTP_LAST_EVENT_ID=$id run -0 body sse-counter -n 1 -i 0.001
		[ "${lines[1]}" = "id: 1" ]
		[ "${lines[2]}" = "data: 1" ]
	done
}

@test "a viewer that has had the last number gets 204" {
	local id

	for id in 3 4 1000 999999999999999 18446744073709551615 \
		999999999999999999999; do
		HTTP_LAST_EVENT_ID=$id REQUEST_METHOD=GET \
			run -0 sse-counter -n 3 -i 0.001
		[ "${lines[0]}" = $'Status: 204 No Content\r' ]
		refute grep -q -e data: -e Content-Type <<<"$output"
	done
}

@test "the event type, the reconnection time and the interval are options" {
	run -0 body sse-counter -n 1 -i 0.001 -e tick -r 500
	[ "$output" = "$(printf '%s\n' 'retry: 500' '' 'id: 1' 'event: tick' \
		'data: 1' '')" ]
	run -0 body sse-counter --count 1 --interval .001 --event=t --retry 0
	[ "$output" = "$(printf '%s\n' 'retry: 0' '' 'id: 1' 'event: t' \
		'data: 1' '')" ]
}

@test "sse-counter -n 0 sends no event" {
	run -0 body sse-counter -n 0
	[ "$output" = "retry: 10000" ]
}

@test "sse-counter -v logs each event to stderr, and only with -v" {
	run -0 --separate-stderr sse-counter -v -n 3 -i 0.001
	[ "$stderr" = $'Emit 1\nEmit 2\nEmit 3' ]
	run -0 --separate-stderr sse-counter -n 3 -i 0.001
	[ -z "$stderr" ]
}

# bats test_tags=tools
@test "each event is one write" {
	export ASAN_OPTIONS=detect_leaks=0 # it does not work under strace
	strace -o "$BATS_TEST_TMPDIR/trace" -e trace=write,writev -e signal=none \
		sse-counter -n 5 -i 0.001 >/dev/null
	grep '^write.*(1,' "$BATS_TEST_TMPDIR/trace" \
		>"$BATS_TEST_TMPDIR/writes"
	cat "$BATS_TEST_TMPDIR/writes"
	# the header with the retry field, and the five
	[ "$(wc -l <"$BATS_TEST_TMPDIR/writes")" -eq 6 ]
	[ "$(grep -c '"id: .*data: .*\\n\\n"' \
		"$BATS_TEST_TMPDIR/writes")" -eq 5 ]
}

# The earliest arrivals of the first and of the second half are compared: a
# machine that is busy delays some of them, a timer that drifts all.
@test "the timer does not drift over 1,000 events at 1 ms" {
	sse-counter -n 1000 -i 0.001 | perl -MTime::HiRes=time -MList::Util=min \
		-e 'while (<STDIN>) {
			next unless /^data: (\d+)/;
			push @late, time - $1 / 1000;
		}
		die "not 1,000: " . @late . "\n" unless @late == 1000;
		my $drift = min(@late[500 .. 999]) - min(@late[0 .. 499]);
		print "drift: $drift s\n";
		exit($drift > 0.02);'
}

# bats test_tags=memory
@test "a running sse-counter takes less than 2 MB of memory" {
	local limit=2048

	! sanitized sse-counter || limit=100000
	spawn sse-counter -i 0.001 >"$BATS_TEST_TMPDIR/out"
	eventually grep -q '^id: 200$' "$BATS_TEST_TMPDIR/out"
	grep VmHWM "/proc/$!/status"
	[ "$(awk '/VmHWM/ { print $2 }' "/proc/$!/status")" -lt "$limit" ]
}

@test "sse-counter.c, the tutorial, is shorter than 120 lines" {
	[ "$(wc -l <"$TOP/sse-counter.c")" -lt 120 ]
}
