#!/bin/bash
# How long a program takes to start and to end: what a web server pays for
# each viewer that comes, beside its fork.
# shellcheck source=bench/lib.bash
. "${0%/*}/lib.bash"

start() {
	for _ in {1..100}; do
		"$@" >/dev/null
	done
}

start_true() { start /bin/true; }
start_dash() { start dash -c :; }
start_counter() { start "$PROGRAMS_DIR/sse-counter" -n 0; }
start_static() { start "$TOP/build/static/sse-counter" -n 0; }

set -- 'starts' \
	/bin/true 100 start_true \
	'dash -c :' 100 start_dash \
	'sse-counter -n 0' 100 start_counter
if [ -x "$TOP/build/static/sse-counter" ]; then
	set -- "$@" 'build/static/sse-counter -n 0' 100 start_static
fi
compare "$@"
