#!/usr/bin/env bats
# What Chromium, Firefox and WebKit make of the streams, over HTTP/1.1 and
# over TLS with HTTP/2: see browsers.mjs, and docs/browsers.md for the table.

load lib/helper
load lib/checks

# A browser at a time is enough for a small machine.
setup_file() {
	export BATS_NO_PARALLELIZE_WITHIN_FILE=true
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	make_checks
}

# lighttpd on the same port again, for CONF
start_server() {
	LIGHTTPD_CONF=$CONF start_lighttpd
	URL=$SCHEME://127.0.0.1:$PORT/
}

# Waits for a file of browsers.mjs, unless that has ended.
told() {
	DEADLINE=120 eventually told_or_over "$1"
	[ -e "$1" ] || browser_ends
}

told_or_over() {
	[ -e "$1" ] || ended "$BROWSER"
}

browser_ends() {
	wait "$BROWSER" || {
		cat browser.log
		return 1
	}
	# for whoever runs this file alone
	sed 's/^/# /' browser.log >&3
}

one_counter() {
	[ "$(pgrep -P "$LIGHTTPD" -f /sse-counter | wc -l)" -eq 1 ]
}

# BROWSER over SCHEME
browse() {
	SCHEME=${2:-http}
	start_server
	spawn timeout -k 5 240 node "$TOP/tests/tools/browsers.mjs" "$1" "$URL" \
		>browser.log 2>&1
	BROWSER=$!
	told counting
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	wait "$LIGHTTPD" || :
	touch killed
	told lost
	start_server
	touch restarted
	for how in worker locks; do
		told shared-$how
		eventually one_counter
		touch one-$how
	done
	browser_ends
	[ "$(cat runs)" = run ]
}

# The same with TLS, where browsers speak HTTP/2: with a certificate that
# they do not know.
browse_tls() {
	mkdir run
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 30 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
		-keyout run/key.pem -out run/cert.pem 2>openssl.log
	CONF=$PWD/tls.conf
	cat >"$CONF" <<-END
		include "$TOP/conf/lighttpd.conf"
		server.modules += ( "mod_openssl" )
		ssl.engine = "enable"
		ssl.privkey = "$PWD/run/key.pem"
		ssl.pemfile = "$PWD/run/cert.pem"
	END
	browse "$1" https
}

# bats test_tags=slow
@test "Chromium over HTTP/1.1: events, reconnection, 204, six streams, shared" {
	browse chromium
}

# bats test_tags=slow
@test "Chromium over HTTP/2: events, reconnection, 204, six streams, shared" {
	browse_tls chromium
}

# bats test_tags=slow,all
@test "Firefox over HTTP/1.1: events, reconnection, 204, six streams, shared" {
	browse firefox
}

# bats test_tags=slow,all
@test "Firefox over HTTP/2: events, reconnection, 204, six streams, shared" {
	browse_tls firefox
}

# bats test_tags=slow,all
@test "WebKit over HTTP/1.1: events, reconnection, 204, six streams, shared" {
	browse webkit
}

# bats test_tags=slow,all
@test "WebKit over HTTP/2: events, reconnection, 204, six streams, shared" {
	browse_tls webkit
}
