# torn.pl FILE: writes the file in pieces of random lengths, with a pause of a
# millisecond after some, so that characters are torn between two reads.
use strict;
use warnings;

open my $file, '<:raw', $ARGV[0] or die "$ARGV[0]: $!";
my $all = do { local $/; <$file> };
for (my $at = 0; $at < length $all;) {
	my $n = 1 + int rand((10, 1000, 100000)[rand 3]);
	$at += syswrite(STDOUT, $all, $n, $at) // die "stdout: $!";
	select undef, undef, undef, 0.001 unless int rand 3;
}
