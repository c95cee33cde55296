#!/usr/bin/env bats
# sse-tail at its work: a real lighttpd writes its access log under load, the
# real logrotate rotates it, and a viewer whose connection breaks time and
# again watches it over HTTP.

load lib/helper

# logrotate with the mode that $1 names; it wants nobody else to write to its
# configuration or to the log's folder.
configure() {
	cat >rotate.conf <<-EOF
		"$SSE_RUN/access.log" {
			$([ "$(id -u)" -ne 0 ] || echo su root root)
			rotate 50
			size 1
			$1
			postrotate
				kill -HUP $LIGHTTPD
			endscript
		}
	EOF
	chmod 644 rotate.conf
	chmod 755 "$SSE_RUN"
}

watch() {
	cd "$BATS_TEST_TMPDIR" || exit
	make_site
	cgi log <<-EOF
		#!/bin/sh
		exec "$PROGRAMS_DIR/sse-tail" -n all -- "\$ACCESS_LOG"
	EOF
	start_lighttpd
	configure "$1"
	python3 "$TOP/tests/tools/logrotate.py" 127.0.0.1 "$PORT" "$1" \
		logrotate -s "$BATS_TEST_TMPDIR/state" rotate.conf
	[ -e "$SSE_RUN/access.log.1" ]
}

# bats test_tags=slow,all
@test "logrotate's create loses a reconnecting viewer of lighttpd's log nothing" {
	watch create
}

# bats test_tags=slow,all
@test "logrotate's copytruncate loses no line without a gap, and repeats none" {
	watch copytruncate
}
