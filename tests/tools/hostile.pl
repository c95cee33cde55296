# hostile.pl PORT: a server that answers what no Redis server should. What it
# does is for the client to choose, with SELECT: the number is the mode.
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes "sleep";

$SIG{PIPE} = $SIG{CHLD} = "IGNORE";
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1",
	LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die "listen: $!";
my $client;

# Ends where the client has left.
sub say_it {
	my ($text) = @_;
	exit 0 unless defined syswrite $client, $text;
}

sub for_ever {
	my ($text) = @_;
	$text x= int(65536 / length $text) + 1;
	say_it($text) while 1;
}

# Each command is one packet here, or several commands are: one answer each.
sub answer_all {
	my ($text) = @_;
	say_it($text) while sysread $client, my $asked, 65536;
	exit 0;
}

# A stream at 1-0, and then an entry whose id is none.
sub answer_entry {
	my %answers = (XINFO => "*6\r\n\$17\r\nlast-generated-id\r\n" .
		"\$3\r\n1-0\r\n\$11\r\nfirst-entry\r\n\$-1\r\n" .
		"\$6\r\nlength\r\n:0\r\n", XREAD => "*1\r\n*2\r\n\$1\r\ns\r\n*1\r\n*2\r\n" .
		"\$3\r\nx-y\r\n*2\r\n\$4\r\ndata\r\n\$1\r\n1\r\n");
	while (sysread $client, my $asked, 65536) {
		say_it($answers{$1}) while $asked =~ /^(XINFO|XREAD)\r$/mg;
	}
	exit 0;
}

my %modes = (
	garbage => sub { say_it("HTTP/1.1 400 Bad Request\r\n\r\n") },
	bulk => sub { say_it("\$999999999\r\n"); for_ever("x") },
	line => sub { say_it("+"); for_ever("x") },
	array => sub { say_it("*2147483647\r\n"); for_ever(":0\r\n") },
	many => sub { say_it("*2000000\r\n"); for_ever(":0\r\n") },
	deep => sub { for_ever("*1\r\n") },
	negative => sub { say_it("*-7\r\n\$-5\r\n") },
	number => sub { say_it(":99999999999999999999\r\n") },
	unasked => sub { for_ever("+OK\r\n") },
	shape => sub { say_it("+OK\r\n"); answer_all("*1\r\n*0\r\n") },
	entry => sub { say_it("+OK\r\n"); answer_entry() },
	info => sub { say_it("+OK\r\n"); answer_all("*4\r\n\$17\r\n" .
		"last-generated-id\r\n\$3\r\n1-x\r\n\$11\r\nfirst-entry\r\n\$-1\r\n") },
	loading => sub { say_it("-LOADING the dataset\r\n") },
	echo => sub { say_it("+OK\r\n"); answer_all("-ERR s3cret \e[31m\r\n") },
	closed => sub { exit 0 },
	slow => sub { while (1) { say_it("x"); sleep 0.2 } },
	slow_bulk => sub { say_it("\$50\r\n"); while (1) { say_it("x"); sleep 0.2 } },
	mute => sub { sleep 1 while 1 },
);
my @names = sort keys %modes;

if (@ARGV > 1) {
	print "$_\n" for @names;
	exit 0;
}
while ($client = $server->accept) {
	next if fork;
	close $server;
	exit 0 unless sysread $client, my $asked, 65536;
	say_it("+OK\r\n") if $asked =~ /AUTH/;
	my ($mode) = $asked =~ /SELECT\r\n\$\d+\r\n(\d+)/;
	$modes{$names[$mode - 1]}->();
	# what has been said is read before the end
	1 while sysread $client, $asked, 65536;
	exit 0;
}
