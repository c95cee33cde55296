#!/usr/bin/perl
# The CGI counter in Perl; QUERY_STRING is the interval in seconds.
use strict;
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

$| = 1;
print "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n";
for (my $n = 1;; $n++) {
	printf "id: %d\ndata: %d %d\n\n", $n, $n,
	    clock_gettime(CLOCK_MONOTONIC) * 1e9;
	sleep($ENV{QUERY_STRING});
}
