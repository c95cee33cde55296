#!/usr/bin/env bats
# sse-pipe -C to clients that join the chunks: pages, and viewers of sse-share.
# See chunks.mjs.

load lib/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# A hundred outputs by each of two programs, in BROWSER
joins() {
	make_site
	cp "$TOP/tests/tools/checks.html" site/www/
	for options in plain:-C 'json:-C -j'; do
		cgi "${options%:*}" <<-END
			#!/bin/sh
			exec '$PROGRAMS_DIR/sse-pipe' ${options#*:} -- \\
				perl '$TOP/tests/tools/torn.pl' "$PWD/\$QUERY_STRING"
		END
	done
	start_lighttpd
	timeout -k 5 240 node "$TOP/tests/tools/chunks.mjs" "$1" "$URL/" \
		3>&- >log 2>&1 || {
		cat log
		return 1
	}
	# in case only this file is run
	sed 's/^/# /' log >&3
}

# bats test_tags=slow
@test "Chromium joins the chunks of 200 random outputs to what was written" {
	joins chromium
}

# bats test_tags=slow,all
@test "Firefox joins the chunks of 200 random outputs to what was written" {
	joins firefox
}

# bats test_tags=slow,all
@test "WebKit joins the chunks of 200 random outputs to what was written" {
	joins webkit
}
