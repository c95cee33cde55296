#!/usr/bin/env bats
# The client libraries that people use on Node: see clients.mjs.

load lib/helper
load lib/checks

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	make_checks
	start_lighttpd
}

# CLIENT of clients.mjs; it meanwhile sees the server killed and restarted.
client() {
	spawn timeout -k 5 150 node "$TOP/tests/tools/clients.mjs" "$1" "$URL/" \
		>client.log 2>&1
	CLIENT=$!
}

client_ends() {
	wait "$CLIENT" || {
		cat client.log
		return 1
	}
	[ "$(cat runs)" = run ]
}

counting_or_over() {
	[ -e counting ] || ended "$CLIENT"
}

client_restarts() {
	client "$1"
	DEADLINE=100 eventually counting_or_over
	[ -e counting ] || client_ends
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	wait "$LIGHTTPD" || :
	start_lighttpd
	touch restarted
	client_ends
}

# bats test_tags=slow
@test "eventsource on Node: fields, 204, a killed server" {
	client_restarts eventsource
}

# bats test_tags=slow
@test "eventsource-parser on Node: fields and the reconnection time" {
	client parser
	client_ends
}

# bats test_tags=slow
@test "fetch-event-source on Node: fields, an end, a killed server" {
	client_restarts fetcher
}
