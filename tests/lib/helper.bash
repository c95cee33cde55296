# helper: functions for all bats files: conditions with deadlines, free ports,
# processes that end with their test, and lighttpd.
# shellcheck shell=bash

bats_require_minimum_version 1.8.0
TOP=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
# The programs under test: the checkout's, or those of "make test-static".
PROGRAMS_DIR=${PROGRAMS_DIR:-$TOP}
export TOP PROGRAMS_DIR PATH="$PROGRAMS_DIR:$TOP:$PATH:/usr/sbin" LC_ALL=C

# Debian has Chromium and a smaller one without windows.
CHROMIUM=${CHROMIUM:-$(command -v chromium-headless-shell chromium | head -n 1)}
export CHROMIUM

# A failed test is retried once, and reported: the machine may be busy.
export BATS_TEST_RETRIES=1
if ((${BATS_TEST_TRY_NUMBER:-1} > 1)); then
	echo "# a second try of: ${BATS_TEST_NAME:-}" >&3
fi

# Every process of a test has this mark in its environment: see left_over.
export SSE_TEST="$$.$BATS_SUITE_TEST_NUMBER.$RANDOM"

# Variables of a request must not come from the environment of the tests.
unset REQUEST_METHOD QUERY_STRING HTTP_LAST_EVENT_ID GATEWAY_INTERFACE PORT

# Waits until a command succeeds, at most 60 seconds (DEADLINE=).
eventually() {
	local end=$((SECONDS + ${DEADLINE:-60}))

	until "$@"; do
		if ((SECONDS >= end)); then
			echo "not within ${DEADLINE:-60} s: $*" >&2
			return 1
		fi
		sleep 0.05
	done
}

# Fails if a command succeeds: "!" alone would not end a test.
refute() {
	! "$@"
}

# The pids of processes that a test started and that still run, one per line. A
# zombie has no environment. A web server does not pass the mark to its CGI
# programs: these are found by its port.
left_over() (
	mark=$SSE_TEST
	unset SSE_TEST # or grep would find itself
	grep -lsaz -e "^SSE_TEST=$mark\$" \
		${PORT:+-e "^SERVER_PORT=$PORT\$"} /proc/[0-9]*/environ |
		cut -d / -f 3 | while read -r pid; do
		[ -e "/proc/$pid" ] && echo "$pid"
	done || :
)

nothing_left() {
	[ -z "$(left_over)" ]
}

# Starts a command in the background; its pid is $!, and stop_all ends it.
# bats waits for descriptor 3.
spawn() {
	"$@" 3>&- &
	SPAWNED+=" $!"
}

# Ends what spawn started, then all processes that have the test's mark.
stop_all() {
	local pid

	for pid in $SPAWNED; do
		kill "$pid" 2>/dev/null || :
	done
	for pid in $SPAWNED; do
		DEADLINE=5 eventually ended "$pid" 2>/dev/null ||
			kill -9 "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	SPAWNED=
	for pid in $(left_over); do
		kill -9 "$pid" 2>/dev/null || :
	done
	DEADLINE=5 eventually nothing_left || :
}

# Whether a process has ended, also if it is a zombie.
ended() {
	[ ! -e "/proc/$1" ] || grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"
}

# A scene: a tool of tests/tools in the background, as "scene COMMAND ..." starts
# it; its pid is SCENE, its output is in scene.log. By files, it and the test
# tell each other how far they are: told FILE waits for one of the scene's,
# unless the scene has ended.
scene() {
	spawn "$@" >scene.log 2>&1
	SCENE=$!
}

told() {
	DEADLINE=${TOLD_S:-120} eventually told_or_over "$1"
	[ -e "$1" ] || scene_ends
}

told_or_over() {
	[ -e "$1" ] || ended "$SCENE"
}

scene_ends() {
	wait "$SCENE" || {
		cat scene.log
		return 1
	}
}

# The teardown of each test that has no other.
teardown() {
	stop_all
}

# A port of loopback that is free and that no other test has taken.
free_port() {
	local port

	while port=$((RANDOM % 20000 + 10000)); do
		mkdir "$BATS_RUN_TMPDIR/port.$port" 2>/dev/null || continue
		if ! listens "$port"; then
			echo "$port"
			return
		fi
	done
}

listens() {
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# lighttpd with the project's configuration: sets PORT, URL and SSE_RUN.
start_lighttpd() {
	PORT=${PORT:-$(free_port)}
	SSE_RUN=$BATS_TEST_TMPDIR/run
	export PORT SSE_RUN SSE_TOP="${SITE:-$TOP}" URL="http://127.0.0.1:$PORT"
	mkdir -p "$SSE_RUN"
	spawn lighttpd -D -f "${LIGHTTPD_CONF:-$TOP/conf/lighttpd.conf}" \
		>>"$BATS_TEST_TMPDIR/lighttpd.log" 2>&1
	export LIGHTTPD=$!
	eventually listens "$PORT"
}

# Makes a site with its own cgi-bin and the built programs: sets SITE. "cgi
# NAME" then reads a program for it from stdin.
make_site() {
	SITE=$BATS_TEST_TMPDIR/site
	mkdir -p "$SITE/cgi-bin" "$SITE/www"
	cp "$TOP"/www/* "$SITE/www/" 2>/dev/null || :
	cp "$PROGRAMS_DIR/sse-counter" "$SITE/cgi-bin/"
}

cgi() {
	cat >"$SITE/cgi-bin/$1"
	chmod +x "$SITE/cgi-bin/$1"
}

# Whether a program was built with the address sanitizer, which takes extra
# memory and time.
sanitized() {
	grep -q __asan_init "$PROGRAMS_DIR/$1"
}
