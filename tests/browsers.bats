#!/usr/bin/env bats
# How Chromium, Firefox and WebKit handle the streams, over HTTP/1.1 and over
# TLS with HTTP/2: see browsers.mjs, and docs/browsers.md for the table.

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

# BROWSER SCENARIO URL [URL], of browsers.mjs
browser_starts() {
	scene timeout -k 5 240 node "$TOP/tests/tools/browsers.mjs" "$@"
}

browser_ends() {
	scene_ends
	# in case only this file is run
	sed 's/^/# /' scene.log >&3
}

# BROWSER over SCHEME
browse() {
	SCHEME=${2:-http}
	start_server
	browser_starts "$1" all "$URL"
	told counting
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	wait "$LIGHTTPD" || :
	touch killed
	told lost
	start_server
	touch restarted
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
@test "Chromium over HTTP/1.1: events, reconnection, 204, six streams" {
	browse chromium
}

# bats test_tags=slow
@test "Chromium over HTTP/2: events, reconnection, 204, six streams" {
	browse_tls chromium
}

# bats test_tags=slow,all
@test "Firefox over HTTP/1.1: events, reconnection, 204, six streams" {
	browse firefox
}

# bats test_tags=slow,all
@test "Firefox over HTTP/2: events, reconnection, 204, six streams" {
	browse_tls firefox
}

# bats test_tags=slow,all
@test "WebKit over HTTP/1.1: events, reconnection, 204, six streams" {
	browse webkit
}

# bats test_tags=slow,all
@test "WebKit over HTTP/2: events, reconnection, 204, six streams" {
	browse_tls webkit
}

# The demo's own job, and one behind an EventSource, count how often they ran,
# for 20 seconds or WATCHED=.
fails_once() {
	sed "s|test -t 1.*|&; echo run >>'$PWD/jobs'|" "$TOP/cgi-bin/job" |
		cgi job
	cgi fails <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -r 300 -- sh -c '
		echo run >>"$PWD/fails"; echo x; exit 3'
	END
	start_lighttpd
	browser_starts "$1" job "$URL/"
	browser_ends
	[ "$(cat fails)" = run ]
	[ "$(cat jobs)" = run ]
}

# bats test_tags=slow
@test "Chromium: a job that failed has run once, and the page says how it ended" {
	fails_once chromium
}

# bats test_tags=slow,all
@test "Firefox: a job that failed has run once, and the page says how it ended" {
	fails_once firefox
}

# bats test_tags=slow,all
@test "WebKit: a job that failed has run once, and the page says how it ended" {
	fails_once webkit
}

# A second lighttpd for the same site, on another port, with its own CONF
start_other() {
	OTHER=$(free_port)
	mkdir other
	PORT=$OTHER SSE_RUN=$PWD/other SSE_TOP=$SITE spawn lighttpd -D -f "$1" \
		>>lighttpd.log 2>&1
	eventually listens "$OTHER"
}

# Scripts and styles of the site's own alone, among them axe
shows_pages() {
	CONF=$PWD/csp.conf
	{
		cat "$TOP/conf/lighttpd.conf"
		echo 'setenv.add-response-header = ( "Content-Security-Policy" =>'
		echo "	\"default-src 'self'\" )"
		echo 'alias.url += ( "/axe.js" =>'
		echo "	\"$TOP/tests/node_modules/axe-core/axe.min.js\" )"
	} >"$CONF"
	SCHEME=http
	start_server
	browser_starts "$1" pages "$URL"
	browser_ends
}

# bats test_tags=slow,all
@test "Chromium: each page works with a policy of 'self'; axe finds no fault" {
	shows_pages chromium
}

# bats test_tags=slow,all
@test "Firefox: each page works with a policy of 'self'; axe finds no fault" {
	shows_pages firefox
}

# bats test_tags=slow,all
@test "WebKit: each page works with a policy of 'self'; axe finds no fault" {
	shows_pages webkit
}

# An id that is no plain word costs a preflight in some browsers.
origins() {
	PORT=$(free_port)
	sed "s|test -t 1.*|&; echo run >>'$PWD/jobs'|" "$TOP/cgi-bin/job" |
		cgi job
	cgi place <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -O http://127.0.0.1:$PORT -r 300 \
			-c id,data -- sh -c '
		printf "place (1)\t%s\n" "\$REQUEST_METHOD \${HTTP_LAST_EVENT_ID:-none} \${HTTP_AUTHORIZATION:--}"'
	END
	start_other "$TOP/conf/lighttpd.conf"
	start_lighttpd
	cp -R "$TOP/tests/node_modules/@microsoft/fetch-event-source/lib/esm" \
		site/www/fetch-event-source
	browser_starts "$1" origins "$URL/" "http://127.0.0.1:$OTHER/"
	browser_ends
	[ ! -e jobs ]
}

# bats test_tags=slow
@test "Chromium: pages of an origin that -O names read streams, others nothing" {
	origins chromium
}

# bats test_tags=slow,all
@test "Firefox: pages of an origin that -O names read streams, others nothing" {
	origins firefox
}

# bats test_tags=slow,all
@test "WebKit: pages of an origin that -O names read streams, others nothing" {
	origins webkit
}

# Two network namespaces, like machines with a cable between them: the browser
# is in the near one, 10.66.0.1, the server in the far one. Without root they
# need a user namespace.
make_network() {
	local user=()

	NETNS=(-n)
	if [ "$(id -u)" -ne 0 ]; then
		NETNS=(-U --preserve-credentials -n)
		user=(-r)
		unshare -rn true || skip "only root may have a network here"
	fi
	spawn unshare "${user[@]}" -n sleep 1000
	NEAR=$!
	eventually near true
	spawn near unshare -n sleep 1000
	eventually find_far
	near ip link add near type veth peer name far netns "$FAR"
	near ip address add 10.66.0.1/24 dev near
	near ip link set near up
	near ip link set lo up
	far ip address add 10.66.0.2/24 dev far
	far ip link set far up
}

near() {
	nsenter -t "$NEAR" "${NETNS[@]}" "$@"
}

far() {
	nsenter -t "$FAR" "${NETNS[@]}" "$@"
}

# The other one that sleeps, once it is in a namespace of its own
find_far() {
	FAR=$(left_over | while read -r pid; do
		[ "$(readlink "/proc/$pid/exe")" = "$(readlink "/proc/$NEAR/exe")" ] &&
			[ "$(readlink "/proc/$pid/ns/net")" != \
				"$(readlink "/proc/$NEAR/ns/net")" ] && echo "$pid"
	done | head -n 1)
	[ -n "$FAR" ]
}

# Packets go to a machine that does not exist: they are dropped silently.
cut_network() {
	near ip neigh replace 10.66.0.2 lladdr 02:00:00:00:00:99 dev near \
		nud permanent
	far ip neigh replace 10.66.0.1 lladdr 02:00:00:00:00:99 dev far \
		nud permanent
}

mend_network() {
	near ip neigh del 10.66.0.2 dev near
	far ip neigh del 10.66.0.1 dev far
}

# So rarely that keepalives come between two lines
write_lines() {
	local n=100

	while echo "$((n += 1));" >>lines; do
		sleep 5
	done
}

# The log sends a keepalive every 4 seconds. After its packets were dropped for
# 30 seconds, a connection would be silent for 20 more.
cut_and_mend() {
	make_network
	cgi page <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-tail' -k 4 -A alive -- '$PWD/lines'
	END
	CONF=$PWD/far.conf
	sed 's/127\\*\.0\\*\.0\\*\.1/10.66.0.2/' "$TOP/conf/lighttpd.conf" >"$CONF"
	PORT=$(free_port)
	mkdir run
	PORT=$PORT SSE_RUN=$PWD/run SSE_TOP=$SITE spawn far lighttpd -D \
		-f "$CONF" >>lighttpd.log 2>&1
	URL=http://10.66.0.2:$PORT/
	eventually near curl -so page "$URL"
	spawn write_lines
	scene near timeout -k 5 240 node "$TOP/tests/tools/browsers.mjs" "$1" \
		cut "$URL"
	told counting
	cut_network
	touch cut
	told lost
	mend_network
	touch mended
	browser_ends
}

# bats test_tags=slow,all
@test "Chromium: after a cut network events come within twice -k, none lost" {
	cut_and_mend chromium
}

# bats test_tags=slow,all
@test "Firefox: after a cut network events come within twice -k, none lost" {
	cut_and_mend firefox
}

# bats test_tags=slow,all
@test "WebKit: after a cut network events come within twice -k, none lost" {
	cut_and_mend webkit
}
