#!/usr/bin/env bats
# shellcheck disable=SC2154 # stderr is of "run"
# sse-share's ways in: a script whose first line names it, the client's own
# socket, and the door, a listening socket.

load lib/share

# script NAME OPTIONS: a file whose first line names sse-share; its rest comes
# from stdin.
script() {
	{
		echo "#!$PROGRAMS_DIR/sse-share $2"
		cat
	} | program "$1"
}

feeder_script() {
	script "$1" "$2" <<-'END'
		echo "$0 $*" >>args
		exec ./feeder
	END
}

@test "a script whose first line names sse-share runs once for all its viewers" {
	feeder_script events '-n 1  -l 0 -H X-Test:seen'
	mkfifo a.pipe b.pipe
	spawn reader a
	REQUEST_METHOD=GET ./events >a.pipe 3>&- 7>&-
	feed 'data: 1\n\n'
	eventually has '^data: 1$' a
	spawn reader b
	REQUEST_METHOD=GET ./events >b.pipe 3>&- 7>&-
	all_have '^data: 1$' a b
	all_have '^X-Test:seen' a b
	[ "$(wc -l <starts)" -eq 1 ]
	[[ "$(sse-share -L)" == events-*$'\tsh ./events\t2\t1\t'* ]]
	end_feed
	all_over
}

@test "a script gets its own arguments from a shell, and none from a query" {
	script words '-l 0' <<-END
		exec $PROGRAMS_DIR/sse-pipe -- echo "\$@"
	END
	./words one 'two three' | grep -qx 'data: one two three'
	# as Apache has it: ?one+-K+x
	REQUEST_METHOD=GET QUERY_STRING=one+-K+x ./words one -K x | cat >got
	grep -qx 'data: ' got
	all_over
}

@test "a script's first line may be longer than what the kernel hands over" {
	local fields

	fields=$(printf -- '-H X-%d:0123456789 ' {1..20})
	script many "-l 0 $fields" <<<"exec $PROGRAMS_DIR/sse-pipe -- echo"
	REQUEST_METHOD=GET ./many | cat >got
	[ "$(grep -c '^X-[0-9]*:0123456789' got)" -eq 20 ]
	all_over
}

@test "a script whose first line is too long is refused" {
	script long "$(printf -- '-l 0%02000d' 0)" <<<'exec true'
	run -2 --separate-stderr ./long
	[ "$stderr" = 'long: its first line: longer than 1023 bytes' ]
}

@test "a script that names sse-share is a CGI program under lighttpd" {
	make_site
	cgi events <<-END
		#!$PROGRAMS_DIR/sse-share -n 2 -l 0
		echo "\$HTTP_COOKIE\$0" >>$BATS_TEST_TMPDIR/starts
		exec $PROGRAMS_DIR/sse-counter -i 0.1
	END
	start_lighttpd
	spawn curl -sN "$URL/cgi-bin/events?-K+x" >a
	spawn curl -sN -H 'Cookie: c=1' "$URL/cgi-bin/events" >b
	all_have '^data: 5$' a b
	[ "$(cat starts)" = "$SITE/cgi-bin/events" ]
	stop_all
}
