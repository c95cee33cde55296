#!/usr/bin/env bats
# shellcheck disable=SC2034 # ANSWERS is for lib/sse.bash
# www/sse.js in Chromium, Firefox and WebKit, behind nginx as a proxy, over
# HTTP/1.1 and over TLS with HTTP/2: see sse.mjs.

load lib/sse

# A browser at a time is enough for a small machine.
setup_file() {
	export BATS_NO_PARALLELIZE_WITHIN_FILE=true
}

# bats test_tags=slow
@test "Chromium over HTTP/1.1: sse.js is as EventSource, and comes back when that gives up" {
	does_all chromium http
}

# bats test_tags=slow
@test "Chromium over HTTP/1.1: a server that is down for 5 seconds loses no event" {
	survives chromium http 5
}

# bats test_tags=slow
@test "Chromium over HTTP/2: sse.js is as EventSource, and comes back when that gives up" {
	does_all chromium https
}

# bats test_tags=slow
@test "Chromium over HTTP/2: a server that is down for 5 seconds loses no event" {
	survives chromium https 5
}

# bats test_tags=slow,all
@test "Firefox over HTTP/1.1: sse.js is as EventSource, and comes back when that gives up" {
	does_all firefox http
}

# bats test_tags=slow,all
@test "Firefox over HTTP/1.1: a server that is down for 5 seconds loses no event" {
	survives firefox http 5
}

# bats test_tags=slow,all
@test "Firefox over HTTP/2: sse.js is as EventSource, and comes back when that gives up" {
	does_all firefox https
}

# bats test_tags=slow,all
@test "Firefox over HTTP/2: a server that is down for 5 seconds loses no event" {
	survives firefox https 5
}

# bats test_tags=slow,all
@test "WebKit over HTTP/1.1: sse.js is as EventSource, and comes back when that gives up" {
	does_all webkit http
}

# bats test_tags=slow,all
@test "WebKit over HTTP/1.1: a server that is down for 5 seconds loses no event" {
	survives webkit http 5
}

# bats test_tags=slow,all
@test "WebKit over HTTP/2: sse.js is as EventSource, and comes back when that gives up" {
	does_all webkit https
}

# bats test_tags=slow,all
@test "WebKit over HTTP/2: a server that is down for 5 seconds loses no event" {
	survives webkit https 5
}

# bats test_tags=slow
@test "Chromium: the tab that opened the shared stream crashes, the other goes on" {
	browser_starts chromium crash http
	shares
	browser_ends
}

# bats test_tags=slow
@test "Chromium: its own EventSource lives, where conf/nginx-proxy.conf has no answer" {
	ANSWERS=
	survives chromium http 5 native
}

# bats test_tags=slow,all
@test "Chromium: its own EventSource lives, where conf/haproxy.cfg has no answer" {
	ANSWERS=
	survives chromium haproxy 5 native
}

# bats test_tags=slow,all
@test "Firefox: its own EventSource lives, where conf/nginx-proxy.conf has no answer" {
	ANSWERS=
	survives firefox http 5 native
}

# bats test_tags=slow,all
@test "Firefox: its own EventSource lives, where conf/haproxy.cfg has no answer" {
	ANSWERS=
	survives firefox haproxy 5 native
}

# bats test_tags=slow,all
@test "WebKit: its own EventSource lives, where conf/nginx-proxy.conf has no answer" {
	ANSWERS=
	survives webkit http 5 native
}

# bats test_tags=slow,all
@test "WebKit: its own EventSource lives, where conf/haproxy.cfg has no answer" {
	ANSWERS=
	survives webkit haproxy 5 native
}
