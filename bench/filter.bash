#!/bin/bash
# Lines of 100 bytes from a file through sse-pipe to another process: against
# a copy of them, which does no work at all, and the shell's own one-liner.
# shellcheck source=bench/lib.bash
. "${0%/*}/lib.bash"

lines() {
	yes "$(printf '%99s' '' | tr ' ' x)" | head -n "$1"
}

through_sse_pipe() {
	sse-pipe <"$BENCH_DIR/large" | cat >/dev/null
}

through_cat() {
	# the same processes as above, so this cat has its use
	# shellcheck disable=SC2002
	cat "$BENCH_DIR/large" | cat >/dev/null
}

through_sed() {
	sed -u 's/^/data: /;s/$/\n/' <"$BENCH_DIR/small" | cat >/dev/null
}

lines 1000000 >"$BENCH_DIR/large"
lines 10000 >"$BENCH_DIR/small"
compare 'MB' \
	'cat FILE | cat' 100 through_cat \
	'sse-pipe <FILE | cat' 100 through_sse_pipe \
	'sed -u <FILE | cat' 1 through_sed
