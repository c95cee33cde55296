#!/usr/bin/env bats
# www/sse.js while the server is down for a minute: see sse.mjs. These tests wait
# most of the time, so they run side by side.

load lib/sse

# bats test_tags=slow,all
@test "Chromium over HTTP/1.1: a server that is down for 60 seconds loses no event" {
	survives chromium http 60
}

# bats test_tags=slow,all
@test "Chromium over HTTP/2: a server that is down for 60 seconds loses no event" {
	survives chromium https 60
}

# bats test_tags=slow,all
@test "Firefox over HTTP/1.1: a server that is down for 60 seconds loses no event" {
	survives firefox http 60
}

# bats test_tags=slow,all
@test "Firefox over HTTP/2: a server that is down for 60 seconds loses no event" {
	survives firefox https 60
}

# bats test_tags=slow,all
@test "WebKit over HTTP/1.1: a server that is down for 60 seconds loses no event" {
	survives webkit http 60
}

# bats test_tags=slow,all
@test "WebKit over HTTP/2: a server that is down for 60 seconds loses no event" {
	survives webkit https 60
}
