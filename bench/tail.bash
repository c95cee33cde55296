#!/bin/bash
# sse-tail: a log that is read from its start, beside cat piped the same way,
# and how late a line reaches the pipe after it was written.
#   MEGABYTES=N of the log
set -eu
# shellcheck source=bench/lib.bash
. "${0%/*}/lib.bash"
MEGABYTES=${MEGABYTES:-1024}
LOG=$BENCH_DIR/log

# Lines as of an access log, 106 bytes each; the last one is the mark.
perl -e '
	my $n = int(shift() * 1e6 / 106);
	for my $i (1 .. $n) {
		printf "127.0.0.1 - - [25/Nov/2026:22:03:40 +0000] \"GET " .
			"/cgi-bin/log?x=%07d HTTP/1.1\" 200 1234 \"-\" " .
			"\"curl/7.88\"\n", $i;
	}
	print "the end\n"' "$MEGABYTES" >"$LOG"

# Takes all up to the mark, for sse-tail does not end.
sink() {
	perl -e '
		while (sysread STDIN, my $bytes, 65536) {
			exit if substr($bytes, -12) =~ /the end\n+$/;
		}'
}

run_cat() {
	# shellcheck disable=SC2002 # it is what is compared with
	cat "$LOG" | sink
}

run_tail() {
	sse-tail -n all "$LOG" | sink
}

compare MB cat "$MEGABYTES" run_cat sse-tail "$MEGABYTES" run_tail

# A line each 5 ms; from the write to the read of its event, in microseconds.
latency() {
	perl -e '
		use IO::Handle;
		use Time::HiRes qw(time sleep);
		my ($log, @options) = @ARGV;
		open my $to, ">", $log or die;
		$to->autoflush;
		my $pid = open my $from, "-|", "sse-tail", @options, $log
			or die;
		my ($bytes, @us) = "";
		sub until_has {
			while (index($bytes, $_[0]) < 0) {
				sysread $from, $bytes, 65536, length $bytes
					or die "the stream ended";
			}
			$bytes = "";
		}
		until_has("\n:\n");
		for my $i (1 .. 1000) {
			sleep 0.005;
			my $start = time;
			print $to "line $i\n";
			until_has("data: line $i\n\n");
			push @us, 1e6 * (time - $start);
		}
		kill TERM => $pid;
		@us = sort { $a <=> $b } @us;
		printf "%-30s %10.0f %10.0f %10.0f\n",
			join(" ", "sse-tail", @options),
			@us[500, 990, 999];' "$BENCH_DIR/live" "$@"
}

printf '%-30s %10s %10s %10s\n' 'a live line, microseconds' median '99 %' worst
latency
latency -s -i 0.005
