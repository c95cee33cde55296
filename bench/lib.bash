# lib: what the comparisons share. Contestants take turns, so that a machine
# that slows down slows all of them; ratios are what counts, not figures.
# shellcheck shell=bash

TOP=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
PROGRAMS_DIR=${PROGRAMS_DIR:-$TOP}
export TOP PROGRAMS_DIR PATH="$PROGRAMS_DIR:$PATH" LC_ALL=C
ROUNDS=${ROUNDS:-9}

BENCH_DIR=$(mktemp -d)
trap 'rm -rf "$BENCH_DIR"' EXIT

# compare UNIT NAME AMOUNT COMMAND ...: three arguments a contestant. Runs
# each COMMAND, a function that does AMOUNT of UNITs, once a round, and prints
# what it did in a second: the median and the best round, and how many times
# the first contestant's that is.
compare() {
	local unit=$1 name amount start round i

	shift
	for ((round = 0; round < ROUNDS; round++)); do
		for ((i = 1; i <= $#; i += 3)); do
			start=${EPOCHREALTIME/./}
			"${@:i+2:1}"
			echo $((${EPOCHREALTIME/./} - start)) \
				>>"$BENCH_DIR/times.$i"
		done
	done
	printf '%-30s %10s %10s %8s %8s\n' "$unit a second" median best \
		'x median' 'x best'
	for ((i = 1; i <= $#; i += 3)); do
		name=${*:i:1} amount=${*:i+1:1}
		sort -n "$BENCH_DIR/times.$i" | awk -v name="$name" \
			-v amount="$amount" -v base="$BENCH_DIR/base" '
			{ us[NR] = $1 }
			END {
				median = amount * 1e6 / us[int((NR + 1) / 2)]
				best = amount * 1e6 / us[1]
				if ((getline line <base) < 1) {
					line = median " " best
					print line >base
				}
				split(line, first)
				printf "%-30s %10.1f %10.1f %8.3f %8.3f\n", name,
					median, best, median / first[1],
					best / first[2]
			}'
		rm "$BENCH_DIR/times.$i"
	done
	rm "$BENCH_DIR/base"
	echo
}
