#!/usr/bin/env bats
# The pages of www/ in headless Chromium, through lighttpd: see pages.mjs.

load lib/helper
export TOLD_S=100

# A browser at a time is enough for a small machine.
setup_file() {
	export BATS_NO_PARALLELIZE_WITHIN_FILE=true
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	export TMPDIR=$BATS_TEST_TMPDIR
}

# The scenario of page.mjs; it works in the test's folder.
page() {
	timeout -k 5 150 node "$TOP/tests/tools/page.mjs" "$1" "$URL/" 3>&-
}

# The scenario of log.mjs; what it measures is said.
viewer() {
	timeout -k 5 150 node "$TOP/tests/tools/log.mjs" "$1" "$URL/" \
		>viewer.log 2>&1 3>&- || {
		cat viewer.log
		return 1
	}
	sed 's/^/# /' viewer.log >&3
}

# A program "perl NAME CODE" of the site, which streams the lines that CODE prints.
perl_cgi() {
	cgi "$1" <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' ${3:-} -- \
			perl -MTime::HiRes=sleep,time -e '\$| = 1; $2; sleep 1000'
	END
}

# The same in the background: scene_ends waits for its end and prints its output.
page_starts() {
	scene page "$1"
}

kill_lighttpd() {
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	wait "$LIGHTTPD" 2>/dev/null || :
}

# Whether lighttpd runs a CGI program
runs() {
	pgrep -P "$LIGHTTPD" -f "$1" >/dev/null
}

# bats test_tags=slow
@test "the page counts up, logs each message, and asks no other host" {
	start_lighttpd
	page counter
}

# bats test_tags=slow
@test "the page survives a server that is killed: no number is lost" {
	start_lighttpd
	page_starts restart
	told counting
	kill_lighttpd
	told lost
	start_lighttpd
	scene_ends
}

# bats test_tags=slow
@test "the job shows its progress, output and status, and runs once" {
	start_lighttpd
	page job
	eventually posted 2
	refute grep -q '"GET /cgi-bin/job' run/access.log
}

# Whether so many jobs were started
posted() {
	[ "$(grep -c '"POST /cgi-bin/job.* 200 ' run/access.log)" -eq "$1" ]
}

# bats test_tags=slow
@test "a job that is stopped is gone, and one whose server goes is lost" {
	make_site
	cgi job <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -M POST -e progress -- sh -c '
		sleep 1000 &
		for n in \$(seq 10 99); do echo "\$n %"; sleep 0.2; done'
	END
	start_lighttpd
	page_starts stop
	told running
	refute no_job
	touch seen
	told stopped
	eventually no_job
	touch gone
	told again
	kill_lighttpd
	scene_ends
}

# Whether no process of the job is left
no_job() {
	! left_over | while read -r pid; do
		tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null
	done | grep -q 'sleep 1000\|sse-pipe -M'
}

# bats test_tags=slow
@test "a job that outlives its viewers is found again after a reload" {
	make_site
	sed -i 's|data-job="/cgi-bin/job"|data-job="/cgi-bin/deploy"|' \
		site/www/job.html
	cgi deploy <<-END
		#!/bin/sh
		cd '$PWD' || exit
		if [ "\$REQUEST_METHOD" = POST ] && [ -e pid ]; then
			printf 'Status: 409\r\n\r\n'
		elif [ "\$REQUEST_METHOD" = POST ]; then
			setsid sh -c 'echo \$\$ >pid; n=0; until [ -e reloaded ]; do
				echo "line \$((n += 1))"; sleep 0.1; done' >out 2>&1 &
			until [ -e pid ]; do sleep 0.01; done
			printf 'Content-Type: text/plain\r\n\r\nIt runs.\n'
		elif [ -e pid ]; then
			exec '$PROGRAMS_DIR/sse-pipe' -e output -- \
				tail -n +1 -f --pid="\$(cat pid)" out
		else
			printf 'Status: 204\r\n\r\n'
		fi
	END
	start_lighttpd
	page found
	[ "$(grep -c '"POST /cgi-bin/deploy.* 200 ' run/access.log)" -eq 1 ]
}

@test "no link starts the job, nor a stranger's page: a POST of its own does" {
	start_lighttpd
	[ "$(curl -s -o job -w '%{http_code}' "$URL/cgi-bin/job")" = 405 ]
	for origin in "http://stranger.example:$PORT" http://localhost null; do
		[ "$(curl -s -o job -w '%{http_code}' -d '' \
			-H "Origin: $origin" "$URL/cgi-bin/job")" = 403 ]
	done
	[ "$(curl -s -o job -w '%{http_code}' \
		-H "Host: stranger.example:$PORT" "$URL/events")" = 403 ]
	curl -s -d '' -H "Origin: $URL" "$URL/cgi-bin/job" |
		grep -q '^event: progress'
	curl -s -d '' "$URL/cgi-bin/job" | grep -q '^event: progress'
}

# bats test_tags=slow
@test "the counter closes and reopens by keyboard, its program too" {
	start_lighttpd
	page_starts reopen
	told counting
	runs cgi-bin/sse-counter
	touch seen
	told closed
	eventually refute runs cgi-bin/sse-counter
	touch counter-gone
	scene_ends
}

# bats test_tags=slow
@test "a stream that died without a word is opened again, and goes on" {
	make_site
	cgi sse-counter <<-END
		#!/bin/sh
		[ -n "\$QUERY_STRING" ] && exec '$PROGRAMS_DIR/sse-counter' -i 0.1
		exec '$PROGRAMS_DIR/sse-pipe' -c id,data -- sh -c '
		printf "%s\t%s\n" 1 1 2 2 3 3; sleep 100'
	END
	start_lighttpd
	page silence
}

# bats test_tags=slow
@test "a hidden tab keeps no more lines than it would show" {
	start_lighttpd
	page hidden
}

# bats test_tags=slow
@test "the chart draws vmstat, also where many samples come at once" {
	make_site
	cgi page <<-'END'
		#!/bin/sh
		PATH=$TOP:/usr/bin:/bin
		exec sse-pipe -e sample -- sh -c '
		echo " r b swpd free buff cache si so bi bo in cs us sy id wa st"
		for i in $(seq 0 70); do
			echo "1 0 0 2097152 9 9 0 0 0 0 100 200 $i 10 20 0 0"
		done
		until [ -e replayed ]; do sleep 0.1; done
		while echo "1 0 0 2097152 9 9 0 0 0 0 100 200 5 10 85 0 0"; do
			sleep 1
		done'
	END
	sed -i "2i TOP='$TOP'; cd '$PWD' || exit" site/cgi-bin/page
	start_lighttpd
	page chart
}

# bats test_tags=slow
@test "the server's own log is on the page, a line as it is written" {
	start_lighttpd
	page log
}

# bats test_tags=slow
@test "any number of tabs takes part in one stream of log and vmstat" {
	start_lighttpd
	page tabs
	[ "$(grep -c '"GET /cgi-bin/page' run/access.log)" -le 1 ]
}

# bats test_tags=slow
@test "the pages fit narrow and wide windows, light and dark; axe finds no fault" {
	make_site
	cp -R "$TOP"/cgi-bin/. site/cgi-bin/
	find "$PROGRAMS_DIR" -maxdepth 1 -name 'sse-*' -perm -u+x \
		-exec cp {} site/ \;
	cgi colours <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' <'$PWD/coloured'
	END
	{
		echo '10.0.0.1 INFO request served in 12 ms'
		echo 'WARN disk is 91 % full'
		echo 'ERROR cannot open /var/lib/thing: no such file'
		echo 'DEBUG 17 items in the queue'
		printf '\033[1;31mred\033[0m \033[32mgreen\033[39m \033[7minverse\033[m '
		printf '\033[44mon blue\033[0m \033[4;33munderlined\033[0m\n'
		# every colour there is: also dim, inverse, and as background
		for color in $(seq 30 37) $(seq 90 97) 38\;5\;{0..255} \
			38\;2\;{0,128,255}\;{0,128,255}\;{0,128,255}; do
			for style in 0 2 7; do
				printf '\033[%s;%sma\033[0m' "$style" "$color"
			done
			printf '\033[%smb\033[0m' "${color/#3/4}"
		done
		echo
		printf 'a line that is much too long for any window: %0600d\n' 0
		echo 'the last line'
	} >coloured
	sed '$a setenv.add-response-header = ( "Content-Security-Policy" => "default-src '"'self'"'" )' \
		"$TOP/conf/lighttpd.conf" >csp.conf
	LIGHTTPD_CONF=$PWD/csp.conf start_lighttpd
	curl -si "$URL/" | grep -q '^Content-Security-Policy: default-src'
	page looks
}

# bats test_tags=slow
@test "what is said of a stream moves nothing on the page" {
	start_lighttpd
	page_starts still
	told counting
	kill_lighttpd
	scene_ends
}

# bats test_tags=slow
@test "what fails is said on the page, in words" {
	make_site
	cgi page <<-'END'
		#!/bin/sh
		printf 'Status: 500\r\nContent-Type: text/plain\r\n\r\nno\n'
	END
	cgi job <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/plain\r\n\r\nno\n'
	END
	start_lighttpd
	page_starts words
	told closed
	kill_lighttpd
	touch down
	scene_ends
}

# bats test_tags=slow
@test "the log viewer: text alone, colours, sources, search, pause, copy" {
	make_site
	{
		printf 'web\t<img src=x onerror=document.title=1><b>bold</b>\n'
		printf 'app\t\033]0;title\a\033[2J \033[31mred\033[0m plain\033[1;1H'
		printf ' after \033]8;;http://evil/\033\\link\033]8;;\033\\ \a\n'
		printf 'gap\tthe file was replaced\n'
		printf 'web\tneedle 1 ERROR\napp\tneedle 2\nweb\tneedle 3\napp\tlast\n'
	} >lines
	cgi lines <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -c event,data -- tail -n 1000 -f '$PWD/lines'
	END
	start_lighttpd
	viewer viewer
}

# bats test_tags=slow
@test "a link to the log viewer makes it ask no other host" {
	start_lighttpd
	viewer strange
}

# bats test_tags=slow
@test "the log viewer follows lines of several rows; only the reader pauses it" {
	make_site
	perl_cgi wrapped 'for (my $n = 0;; sleep 0.05) {
		print "line ", ++$n, " ", "word " x rand 100, "\n" for 1 .. 10; }'
	start_lighttpd
	viewer follow
}

# bats test_tags=slow
@test "the log viewer keeps the place of a reader who searches and leaves out sources" {
	make_site
	perl_cgi two 'for (my $n = 0;; $n < 3000 || sleep 0.05) {
		print ++$n % 2 ? "web" : "app", "\tline $n\n" }' '-c event,data'
	start_lighttpd
	viewer place
}

# bats test_tags=slow
@test "the log viewer: no line is so long, so coloured or of so many sources that it costs more" {
	make_site
	perl_cgi colours 'print "one\n", "\e[31ma\e[32mb" x 50000, "\n", "end\n"'
	perl_cgi long 'print "one\n", "x" x (1 << 20), "\n", "end\n"'
	perl_cgi types 'print "type$_\tx\n" for 1 .. 5000' '-c event,data'
	perl_cgi longs 'print "line $_ ", "x" x 1e6, "\n" for 1 .. 300;
		print "last\n"'
	start_lighttpd
	viewer costly
}

# bats test_tags=slow
@test "the log viewer takes a flood of lines without a long task, in bounded memory" {
	make_site
	cgi burst <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -- sh -c '
		seq -f "INFO request %.0f of 40000 was served in 12 ms by worker 7" 40000
		exec sleep 1000'
	END
	cgi steady <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -- perl -MTime::HiRes=sleep,time -e '
		\$| = 1;
		for (my (\$n, \$t) = (0, time);; \$t += 0.05) {
			print join "", map { "ERROR \\e[32mrequest\\e[0m " . ++\$n .
				" was served in 12 ms by worker 7\\n" } 1 .. 100;
			my \$left = \$t + 0.05 - time;
			sleep \$left if \$left > 0;
		}'
	END
	start_lighttpd
	viewer flood
}

@test "make run serves the page, and Ctrl-C leaves no process" {
	PORT=$(free_port)
	spawn env --default-signal=INT setsid make -C "$TOP" run PORT="$PORT" \
		>make.log 2>&1
	eventually listens "$PORT"
	grep -q "http://localhost:$PORT/" make.log
	spawn curl -sN "http://127.0.0.1:$PORT/events" >events
	curl -s "http://127.0.0.1:$PORT/" | grep -q '<title>sse-cgi'
	eventually grep -q '^data: 1' events
	# Ctrl-C: the signal goes to all that the terminal has in front
	kill -INT -- "-$(make_pid)"
	eventually nothing_left
	run ! grep -i 'error\|no such process' make.log
}

# make, which setsid made the leader of its process group
make_pid() {
	left_over | while read -r pid; do
		tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q '^make ' &&
			echo "$pid" && break
	done
}
