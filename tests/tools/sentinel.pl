# sentinel.pl PORT FILE: says that FILE's first line is the primary's port,
# whatever it is asked.
use strict;
use warnings;
use IO::Socket::INET;

my ($port, $file) = @ARGV;
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1",
	LocalPort => $port, Listen => 16, ReuseAddr => 1) or die "listen: $!";
$SIG{PIPE} = "IGNORE";
while (my $client = $server->accept) {
	next unless defined sysread $client, my $asked, 4096;
	open my $named, "<", $file or die "$file: $!";
	chomp(my $primary = <$named>);
	syswrite $client, sprintf "*2\r\n\$9\r\n127.0.0.1\r\n\$%d\r\n%s\r\n",
		length $primary, $primary;
}
