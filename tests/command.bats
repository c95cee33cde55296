#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # bats; run sets stderr
# sse-pipe with a command: how it runs, how it ends, and that nothing is left.

load lib/helper

# The body alone, without its first comment.
body() (
	set -o pipefail
	"$@" | sed '1,/^\r$/d' | sed '1,2d'
)

# A command without the descriptors that the test itself has.
without_others() {
	perl -MPOSIX -e 'POSIX::close($_) for 3 .. 1023; exec @ARGV' "$@"
}

# Starts sse-pipe in the background with a reader, which "leave" ends; the file
# out gets the stream.
watch() {
	mkfifo "$BATS_TEST_TMPDIR/viewer"
	cat "$BATS_TEST_TMPDIR/viewer" >"$BATS_TEST_TMPDIR/out" 3>&- &
	READER=$!
	SPAWNED+=" $READER"
	spawn sse-pipe "$@" >"$BATS_TEST_TMPDIR/viewer" \
		2>"$BATS_TEST_TMPDIR/err"
	PIPE=$!
}

leave() {
	kill "$READER"
	wait "$READER" || :
}

came() {
	eventually grep -q "^data: $1\$" "$BATS_TEST_TMPDIR/out"
}

# Whether a process has done nothing for a while.
still() {
	local before

	before=$(grep ctxt "/proc/$1/status")
	sleep 0.3
	[ "$before" = "$(grep ctxt "/proc/$1/status")" ]
}

# How many milliseconds it takes from now until none of the test's processes
# is left.
ms_until_nothing_left() {
	local start=${EPOCHREALTIME/./}

	eventually nothing_left
	echo $(((${EPOCHREALTIME/./} - start) / 1000))
}

@test "a command's output is the stream, and an event end is its last" {
	body sse-pipe -e tick -- printf 'a\nb' >"$BATS_TEST_TMPDIR/body"
	diff - "$BATS_TEST_TMPDIR/body" <<<"event: tick
data: a

event: tick
data: b

id: end
event: end
data: 0
"
}

@test "options after the command are the command's own" {
	run -0 body sse-pipe printf '%s\n' -e -h
	[ "${lines[0]}" = "data: -e" ]
	[ "${lines[1]}" = "data: -h" ]
}

@test "sse-pipe's exit status is the command's, and the last event says it" {
	local status

	for status in 1 7 255; do
		run "-$status" --separate-stderr \
			sse-pipe -x over -- sh -c "echo x; exit $status"
		[ "$stderr" = "sse-pipe: sh ended with status $status" ]
		[[ $output = *$'\n'"data: x"$'\n\n'"id: end
event: over
data: $status" ]]
	done
}

@test "a command that a signal ends gives 128 and its number" {
	run -137 --separate-stderr sse-pipe -- sh -c 'kill -9 $$'
	[ "$stderr" = "sse-pipe: sh ended with status 137" ]
	[ "${lines[-3]}" = 'id: end' ]
	[ "${lines[-1]}" = 'data: 137' ]
	run -143 --separate-stderr sse-pipe -t -- sh -c 'kill $$'
	[ "${lines[-1]}" = 'data: 143' ]
}

@test "with -x '' there is no end: a client that comes back gets a new stream" {
	HTTP_LAST_EVENT_ID=end REQUEST_METHOD=GET \
		run -3 --separate-stderr sse-pipe -x '' sh -c 'echo one; exit 3'
	[ "${lines[-1]}" = 'data: one' ]
	refute grep -q '^id:\|^event:' <<<"$output"
}

@test "a command that fails is not run again by a client that comes back" {
	cd "$BATS_TEST_TMPDIR"
	run -3 --separate-stderr body \
		sse-pipe -- sh -c 'echo ran >>runs; exit 3'
	id=$(sed -n 's/^id: //p' <<<"$output")
	REQUEST_METHOD=GET HTTP_LAST_EVENT_ID=$id \
		run -0 sse-pipe -- sh -c 'echo ran >>runs; exit 3'
	[ "${lines[0]}" = $'Status: 204 No Content\r' ]
	[ "$(wc -l <runs)" -eq 1 ]
}

@test "with an id column no event marks the end, also if the command fails" {
	run -3 --separate-stderr body \
		sse-pipe -c id,data -- sh -c 'echo "7	x"; exit 3'
	[ "$output" = "$(printf 'id: 7\ndata: x')" ]
}

@test "with -R a command that fails is to be started again, after a while" {
	local retry

	for _ in {1..9}; do
		run -3 --separate-stderr body \
			sse-pipe -R -r 1000 -- sh -c 'echo x; exit 3'
		[ "$(sed '$d' <<<"$output")" = 'data: x' ]
		retry=$(sed -n '$s/^retry: //p' <<<"$output")
		[ "$retry" -ge 1000 ]
		[ "$retry" -le 3000 ]
		echo "$retry" >>"$BATS_TEST_TMPDIR/retries"
	done
	# not all at the same time
	[ "$(sort -u "$BATS_TEST_TMPDIR/retries" | wc -l)" -gt 4 ]
	run -1 --separate-stderr body sse-pipe --restart -c id,data -- false
	retry=$(sed -n '$s/^retry: //p' <<<"$output")
	[ "$retry" -ge 5000 ]
	[ "$retry" -le 15000 ]
	# what ends well has ended
	run -0 body sse-pipe -R -- echo x
	[ "${lines[-1]}" = 'data: 0' ]
}

@test "if the command does not exist the status is 127, and 500 for a web server" {
	run -127 --separate-stderr sse-pipe -- ./no-such-command
	[ -z "$output" ]
	[ "$stderr" = \
		"sse-pipe: ./no-such-command: No such file or directory" ]
	run -127 --separate-stderr sse-pipe no-such-command-in-path
	REQUEST_METHOD=GET run -127 --separate-stderr sse-pipe -t ./no-such
	[ "$output" = "$(printf '%s\r\n' 'Status: 500 Internal Server Error' \
		'Content-Type: text/plain' 'Cache-Control: no-cache' ''
		echo '500 Internal Server Error')" ]
	[ "$stderr" = "sse-pipe: ./no-such: No such file or directory" ]
}

# Whether sse-pipe answers with a stream that ends with a retry of 5 to 15 s if
# a system call that a command needs fails.
comes_back() { # WHAT FAILS, then sse-pipe's arguments
	local retry

	echo "$*"
	REQUEST_METHOD=GET run -1 --separate-stderr strace -o /dev/null \
		-e "trace=${1%%:*}" -e "inject=$1" sse-pipe "${@:2}"
	[ "${lines[0]}" = $'Content-Type: text/event-stream\r' ]
	retry=$(sed -n 's/^retry: //p' <<<"$output")
	[ "$retry" -ge 5000 ]
	[ "$retry" -le 15000 ]
	[ -n "$stderr" ]
}

# bats test_tags=tools
@test "if there is no process or memory for a command the client is told to come back" {
	export ASAN_OPTIONS=detect_leaks=0 # it does not work under strace
	comes_back '?fork,?vfork,clone,?clone3:error=EAGAIN' true
	comes_back '?fork,?vfork,clone,?clone3:error=ENOMEM' -t true
	comes_back 'pipe2:error=EMFILE' true
	comes_back 'pipe2:error=ENFILE:when=2' -E oops true
	comes_back 'eventfd2:error=EMFILE' true
	comes_back 'eventfd2:error=EMFILE' </dev/null
	comes_back 'ioctl:error=ENOMEM:when=2' -t true
}

@test "at a shell's limit of processes or descriptors the client is told to come back" {
	local limit

	for limit in 4 5 6; do
		REQUEST_METHOD=GET run -1 --separate-stderr \
			without_others \
			bash -c "ulimit -n $limit; exec sse-pipe true"
		[ "${lines[0]}" = $'Content-Type: text/event-stream\r' ]
		grep -q '^retry: ' <<<"$output"
		[[ $stderr = 'sse-pipe: true: '* ]] # the C library's words
	done
	# nobody comes back to a shell
	run -1 --separate-stderr without_others \
		bash -c 'ulimit -n 5; exec sse-pipe true'
	[ -z "$output" ]
	[[ $stderr = 'sse-pipe: true: '* ]]
}

@test "if memory runs out in a stream the client is told when to come back" {
	sanitized sse-pipe && return # it needs more itself
	# shellcheck disable=SC2016 # the shell that is started expands it
	REQUEST_METHOD=GET run -1 --separate-stderr bash -c 'ulimit -v 30000
		exec sse-pipe -b 100000000 -- head -c 60000000 /dev/zero'
	[[ "${lines[-1]}" =~ ^retry:\ ([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" -ge 5000 ]
	[ "${BASH_REMATCH[1]}" -le 15000 ]
	[[ $stderr == 'sse-pipe: read: '* ]]
}

@test "if the command is not executable the status is 126, and 500 for a web server" {
	local file=$BATS_TEST_TMPDIR/file

	echo x >"$file"
	run -126 --separate-stderr sse-pipe "$file"
	[ -z "$output" ]
	[ "$stderr" = "sse-pipe: $file: Permission denied" ]
	REQUEST_METHOD=GET run -126 --separate-stderr sse-pipe "$file"
	[ "${lines[0]}" = $'Status: 500 Internal Server Error\r' ]
	REQUEST_METHOD=GET run -126 sse-pipe "$BATS_TEST_TMPDIR"
}

@test "a stream that has ended does not run its command again: 204" {
	REQUEST_METHOD=GET HTTP_LAST_EVENT_ID=end \
		run -0 sse-pipe -- touch "$BATS_TEST_TMPDIR/ran"
	[ "${lines[0]}" = $'Status: 204 No Content\r' ]
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
}

@test "with -E the command's stderr lines are events, else they are passed on" {
	run -0 --separate-stderr body sse-pipe -E oops -- sh -c \
		'echo one; echo two >&2; printf three'
	[ -z "$stderr" ]
	# the two have no order among each other
	[[ $'\n\n'$output = *$'\n\nevent: oops\ndata: two\n\n'* ]]
	[ "$(grep -v -e oops -e two <<<"$output" | tr -s '\n')" = "data: one
data: three
id: end
event: end
data: 0" ]
	run -0 --separate-stderr body sse-pipe sh -c 'echo two >&2'
	[ "$stderr" = two ]
	[ "${lines[0]}" = "id: end" ]
}

@test "with --pty a command has a terminal that changes no byte" {
	run -0 body sse-pipe --pty -- sh -c 'test -t 1 && echo "$TERM" &&
		stty -a </dev/tty | grep -o -e -opost && printf "a\tb\rc\r\n"'
	[ "$output" = "$(printf 'data: %s\n\n' dumb -opost $'a\tb' c
		printf '%s\n' 'id: end' 'event: end' 'data: 0')" ]
	# without it there is none
	run -1 sse-pipe -- test -t 1
}

@test "a progress bar that redraws with CR is live" {
	watch -t -- sh -c 'printf "1 %%\r"; sleep 1000'
	came '1 %'
}

@test "with --pty a command may close its output before it ends" {
	# coreutils do so at their end: the terminal is not hung up for that
	run -3 sse-pipe -t sh -c 'echo up; exec >&-; sleep 0.3; exit 3'
	[[ $output = *"ended with status 3"* ]]
	# and open it again
	run -0 body sse-pipe -t sh -c 'exec >/dev/null; sleep 0.3; seq 3 >/dev/tty'
	[ "$(grep -c '^data: [123]$' <<<"$output")" -eq 3 ]
}

@test "with --pty no pager waits for keys, unless the script names one" {
	unset PAGER GIT_PAGER MANPAGER SYSTEMD_PAGER
	run -0 body sse-pipe -t env
	for name in PAGER GIT_PAGER MANPAGER SYSTEMD_PAGER; do
		grep -qx "data: $name=cat" <<<"$output"
	done
	PAGER=more GIT_PAGER=less run -0 body sse-pipe -t env
	for pager in PAGER=more GIT_PAGER=less MANPAGER=more; do
		grep -qx "data: $pager" <<<"$output"
	done
	run -0 body sse-pipe env
	refute grep -q PAGER <<<"$output"
}

@test "-w gives the size of the terminal, 80x24 without it" {
	local size

	run -0 body sse-pipe -t -- sh -c 'stty size </dev/tty'
	[ "${lines[0]}" = 'data: 24 80' ]
	run -0 body sse-pipe -t --window 200x50 -- sh -c 'stty size </dev/tty'
	[ "${lines[0]}" = 'data: 50 200' ]
	for size in '' x 80 80x x24 0x24 80x0 -1x24 80X24 80x24x1 65536x24 \
		80x65536 ' 80x24' 123456789x24 8ax24; do
		run -2 --separate-stderr sse-pipe -t -w "$size" true
		[ -z "$output" ]
	done
	run -2 sse-pipe -w 80x24 true
}

@test "-M says which methods are answered, and 405 says it too" {
	REQUEST_METHOD=POST run -0 body sse-pipe -M POST echo x
	[ "${lines[0]}" = 'data: x' ]
	for method in GET HEAD PUT; do
		REQUEST_METHOD=$method run -0 --separate-stderr sse-pipe -M POST \
			touch "$BATS_TEST_TMPDIR/ran"
		[ "${lines[0]}" = $'Status: 405 Method Not Allowed\r' ]
		grep -qx $'Allow: POST\r' <<<"$output"
	done
	[ ! -e "$BATS_TEST_TMPDIR/ran" ]
	REQUEST_METHOD=POST run -0 --separate-stderr \
		sse-pipe --method HEAD,GET true
	grep -qx $'Allow: GET, HEAD\r' <<<"$output"
	REQUEST_METHOD=PUT run -0 --separate-stderr sse-pipe true
	grep -qx $'Allow: GET, HEAD, POST\r' <<<"$output"
	# a shell has no method
	run -0 body sse-pipe -M POST echo x
	[ "${lines[0]}" = 'data: x' ]
	for list in '' get 'GET,' ,GET 'GET POST' PUT GET,,POST; do
		run -2 sse-pipe -M "$list" true
	done
}

@test "options of a command are refused if there is none" {
	for option in -t -R '-E x' '-t -w 80x24'; do
		# shellcheck disable=SC2086
		run -2 --separate-stderr sse-pipe $option </dev/null
		[ -z "$output" ]
	done
}

@test "with -C a prompt on a terminal, and dots on stderr, come at once" {
	watch -C -j -t -E oops -- sh -c 'printf "Name: "; printf . >&2; sleep 1000'
	came '"Name: "'
	came '"\."'
	grep -B 1 '^data: "\."$' "$BATS_TEST_TMPDIR/out" | grep -qx 'event: oops'
	leave
	eventually nothing_left
	wait "$PIPE"
}

@test "with --pty stderr may be events too" {
	run -0 body sse-pipe -t -E oops sh -c 'test -t 2 || echo no >&2'
	[ "${lines[0]}" = "event: oops" ]
	[ "${lines[1]}" = "data: no" ]
}

@test "the command gets the request, but never HTTP_PROXY" {
	HTTP_PROXY=http://evil HTTP_HOST=h REQUEST_METHOD=POST \
		QUERY_STRING='a=b&lastEventId=7' \
		run -0 body sse-pipe env
	grep -qx 'data: HTTP_HOST=h' <<<"$output"
	grep -qx 'data: QUERY_STRING=a=b&lastEventId=7' <<<"$output"
	grep -qx 'data: HTTP_LAST_EVENT_ID=7' <<<"$output"
	refute grep -q '^data: HTTP_PROXY=' <<<"$output"
}

@test "the command reads sse-pipe's stdin" {
	run -0 body sse-pipe cat <<<hello
	[ "${lines[0]}" = "data: hello" ]
}

@test "the command runs in a process group of its own, with signals as usual" {
	export ASAN_OPTIONS=detect_leaks=0
	perl -MPOSIX -e '$SIG{$_} = "IGNORE" for qw(PIPE INT USR1 CHLD HUP XFSZ);
		sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM, SIGHUP));
		exec @ARGV' sse-pipe -- sh -c 'echo $$
			cut -d " " -f 5 /proc/$$/stat
			exec grep -E "^Sig(Blk|Ign)" /proc/self/status' |
		sed -n 's/^data: //p' >"$BATS_TEST_TMPDIR/signals"
	cat "$BATS_TEST_TMPDIR/signals"
	[ "$(sed -n 1p "$BATS_TEST_TMPDIR/signals")" = \
		"$(sed -n 2p "$BATS_TEST_TMPDIR/signals")" ]
	grep -q 'SigBlk:.0000000000000000$' "$BATS_TEST_TMPDIR/signals"
	# 32 and 33 are reserved by the C library, and cannot be reset
	grep -q 'SigIgn:.0000000[01][08]0000000$' "$BATS_TEST_TMPDIR/signals"
}

@test "the command has no descriptor of sse-pipe's" {
	run -0 body without_others sse-pipe -E oops -t sh -c 'exec ls -x /proc/self/fd'
	# ls opens the folder itself
	[ "${lines[0]}" = "data: 0  1  2  3" ]
}

@test "a file that the script opened is the command's too, under a web server as in a shell" {
	local method

	cd "$BATS_TEST_TMPDIR"
	echo file >file
	for method in '' GET; do
		# shellcheck disable=SC2016
		run -0 body env ${method:+REQUEST_METHOD=$method} bash -c \
			'exec 5<file; exec sse-pipe -- sh -c "cat <&5"'
		[ "${lines[0]}" = 'data: file' ]
		run -0 body env ${method:+REQUEST_METHOD=$method} bash -c \
			'exec sse-pipe -- cat <(echo hi)'
		[ "${lines[0]}" = 'data: hi' ]
	done
}

@test "a socket that a web server left open is not the command's" {
	REQUEST_METHOD=GET run -0 body perl -MSocket -MFcntl -e '
		socket(my $s, AF_INET, SOCK_STREAM, 0) or die;
		fcntl($s, F_SETFD, 0);
		require POSIX; POSIX::dup2(fileno $s, $_) for 77, 500, 1026;
		exec @ARGV' sse-pipe -- ls -l /proc/self/fd
	refute grep -q socket: <<<"$output"
	grep -q 'data: .* 0 -> ' <<<"$output"
}

@test "the command does not get a socket's other end: sse-pipe sees the client leave" {
	cat >"$BATS_TEST_TMPDIR/server.pl" <<-'END'
		use Fcntl;
		pipe(my $r, my $w) or die;
		fcntl($r, F_SETFD, 0);
		my $pid = fork;
		if (!$pid) {
			open STDOUT, '>&', $w;
			close $w;
			exec qw(sse-pipe -k 0 -- sleep 1000);
		}
		close $w;
		sysread $r, $_, 1;
		close $r;
		waitpid $pid, 0;
	END
	REQUEST_METHOD=GET timeout 60 perl "$BATS_TEST_TMPDIR/server.pl" 3>&-
	nothing_left
}

@test "the viewer leaves: the silent command and its children are gone at once" {
	local took

	# without a comment to write, only the poll can tell
	watch -k 0 -- sh -c 'sleep 1000 & sh -c "sleep 1001; :" & echo up; wait'
	came up
	leave
	took=$(ms_until_nothing_left)
	echo "$took ms"
	wait "$PIPE"
	# 200 on a machine that is idle
	[ "$took" -lt 8000 ]
}

@test "the viewer leaves: a command on a terminal gets SIGHUP" {
	watch -t -- sh -c 'trap "echo hup >$1; exit" HUP; echo up
		while :; do sleep 0.1; done' sh "$BATS_TEST_TMPDIR/hup"
	came up
	leave
	eventually nothing_left
	wait "$PIPE"
	[ "$(cat "$BATS_TEST_TMPDIR/hup")" = hup ]
}

@test "the viewer leaves: a command that ignores its signal is killed within 2.5 s" {
	local took option

	for option in -- -t; do
		watch "$option" sh -c 'trap "" TERM HUP
			(sleep 1000) & echo up
			while :; do sleep 1000; done'
		came up
		leave
		took=$(ms_until_nothing_left)
		echo "$took ms"
		wait "$PIPE"
		[ "$took" -ge 1500 ]
		# 2500 on a machine that is idle
		[ "$took" -lt 10000 ]
		rm "$BATS_TEST_TMPDIR/viewer" "$BATS_TEST_TMPDIR/out"
	done
}

@test "the viewer leaves: a stopped command is gone too" {
	watch -- sh -c 'echo up; kill -STOP $$'
	came up
	leave
	eventually nothing_left
	wait "$PIPE"
}

# bats test_tags=slow
@test "the viewer leaves: descendants that left the command's group are gone too" {
	local option script

	# each of two generations, or more; the third leaves orphans behind
	for script in 'echo up; timeout 1000 sleep 1000; :' \
		'set -m; sh -c "sleep 1000; :" & echo up; wait' \
		'setsid -f sh -c "sleep 1000; :"; echo up; sleep 1000' \
		'setsid sh -c "setsid sleep 1000; :" & echo up; wait' \
		'setsid sh -c "kill -STOP \$\$" & echo up; wait' \
		'for i in $(seq 300); do setsid sleep 1000 & done; echo up; wait'; do
		for option in -- -t; do
			watch "$option" sh -c "$script"
			came up
			leave
			eventually nothing_left
			wait "$PIPE"
			rm "$BATS_TEST_TMPDIR/viewer" "$BATS_TEST_TMPDIR/out"
		done
	done
}

@test "the viewer leaves: descendants that left the group and ignore signals are killed" {
	watch -- sh -c 'trap "" TERM; setsid sh -c "sleep 1000; :" & echo up; wait'
	came up
	leave
	eventually nothing_left
	wait "$PIPE"
}

@test "a descendant that left the group gets one signal, and time to end well" {
	# shellcheck disable=SC2016 # the inner shell's
	watch -- sh -c 'setsid -w sh -c "$0" "$1"; :' \
		'trap "echo term >>$0" TERM; echo up; sleep 1000 & wait
			sleep 0.5; echo well >>$0' "$BATS_TEST_TMPDIR/term"
	came up
	leave
	eventually nothing_left
	wait "$PIPE"
	diff - "$BATS_TEST_TMPDIR/term" <<<'term
well'
}

@test "a descendant that left the group gets its signal, also if its parent waits for it" {
	watch -- bash -c 'trap "exit 3" TERM; setsid -w sh -c "$0" "$1"; :' \
		'trap "echo term >$0; exit" TERM; echo up; sleep 1000 & wait' \
		"$BATS_TEST_TMPDIR/term"
	came up
	leave
	eventually nothing_left
	wait "$PIPE"
	diff - "$BATS_TEST_TMPDIR/term" <<<term
}

@test "a process that a command starts in order to end well may finish" {
	watch -- sh -c 'trap "timeout 9 sh -c \"sleep 0.5; echo well >$0\"; exit" TERM
		echo up; sleep 1000 & wait' "$BATS_TEST_TMPDIR/well"
	came up
	leave
	eventually nothing_left
	wait "$PIPE"
	diff - "$BATS_TEST_TMPDIR/well" <<<well
}

daemon_keeps_zombie() {
	[[ $(ps -o stat= --ppid "$(left_over)" 2>/dev/null) == Z* ]]
}

@test "a zombie that a daemon keeps is not waited for" {
	local start

	start=${EPOCHREALTIME/./}
	run -0 body sse-pipe -- sh -c 'exec 3>&-
		(sleep 0.1 & exec setsid sleep 1000 >/dev/null 2>&1) & sleep 0.5'
	# it would be three seconds
	[ $((${EPOCHREALTIME/./} - start)) -lt 2900000 ]
	eventually daemon_keeps_zombie
}

# Whether one process is left, which calls itself so only after its exec.
daemon_alone() {
	[ "$(ps -o args= -p "$(left_over | xargs)")" = 'sleep 1000' ]
}

@test "a command that ended leaves a daemon, and nothing else" {
	run -0 body sse-pipe -- sh -c 'exec 3>&1 >/dev/null 2>&1
		setsid -f sleep 1000 3>&-; set -m; sleep 1001 3>&- &
		sh -c "sleep 1002 3>&- & exit"; echo done >&3'
	eventually daemon_alone
}

@test "a process that the script started before sse-pipe lives on" {
	run -0 sh -c '{
		sleep 1000 >/dev/null 2>&1 3>&- &
		exec sse-pipe -- sh -c "setsid sleep 1001 & echo up; wait"
	} | grep -m 1 "^data: up"'
	eventually daemon_alone
}

@test "an orphan of a process that the script started before sse-pipe lives on" {
	# its orphan comes while the command runs, before the viewer leaves
	cd "$BATS_TEST_TMPDIR"
	run -0 sh -c '{
		sh -c "until [ -e up ]; do sleep 0.1; done
			setsid -f sleep 1000; >left" >/dev/null 2>&1 3>&- &
		exec sse-pipe -- sh -c ">up; until [ -e left ]; do sleep 0.1; done
			echo up; exec sleep 1001"
	} | grep -m 1 "^data: up"'
	eventually daemon_alone
}

@test "an orphan that such a process leaves while the command is ended lives on" {
	cd "$BATS_TEST_TMPDIR"
	run -0 sh -c '{
		sh -c "until [ -e over ]; do sleep 0.1; done
			sleep 1000 &" >/dev/null 2>&1 3>&- &
		exec sse-pipe -- sh -c "trap : TERM; echo up
			while :; do sleep 1; done"
	} | { grep -m 1 "^data: up"; exec <&-; >over; }'
	eventually daemon_alone
}

@test "SIGTERM, SIGINT and SIGHUP end sse-pipe and its command, with status 0" {
	local signal

	for signal in TERM INT HUP; do
		watch -- sh -c 'echo up; sleep 1000 & wait'
		came up
		# bash starts background processes with INT ignored
		kill -s "$signal" "$PIPE"
		wait "$PIPE"
		eventually nothing_left
		rm "$BATS_TEST_TMPDIR/viewer" "$BATS_TEST_TMPDIR/out"
	done
}

@test "SIGTERM ends sse-pipe also while a viewer that reads nothing blocks it" {
	mkfifo "$BATS_TEST_TMPDIR/viewer"
	exec 7<>"$BATS_TEST_TMPDIR/viewer"
	spawn sse-pipe -- yes >"$BATS_TEST_TMPDIR/viewer" 7>&-
	PIPE=$!
	# a blocked process makes no more context switches
	eventually still "$PIPE"
	kill "$PIPE"
	wait "$PIPE"
	eventually nothing_left
}

@test "-m ends sse-pipe also while a viewer that reads nothing blocks it" {
	mkfifo "$BATS_TEST_TMPDIR/viewer"
	exec 7<>"$BATS_TEST_TMPDIR/viewer"
	spawn sse-pipe -m 0.1 -- yes >"$BATS_TEST_TMPDIR/viewer" 7>&-
	wait "$!"
	nothing_left
}

# Kills all processes that have the name, as killall(1) does.
kill_all() {
	local pid

	for pid in $(left_over); do
		[ "$(cat "/proc/$pid/comm")" != "$1" ] || kill -9 "$pid"
	done
}

@test "sse-pipe is killed with SIGKILL: nothing of its command is left" {
	local option script

	for script in 'echo up; exec sleep 1000' \
		'echo up; sleep 1001 | cat' \
		'sleep 1000 & echo up; sleep 1001 | cat | cat' \
		'set -m; sh -c "sleep 1000; :" & echo up; wait' \
		'setsid -f sh -c "sleep 1000; :"; echo up; sleep 1000' \
		'setsid sh -c "setsid sleep 1000; :" & echo up; wait' \
		'setsid sh -c "trap : TERM HUP; kill -STOP \$\$" & echo up; wait'; do
		for option in -- -t; do
			watch "$option" sh -c "$script"
			came up
			kill_all sse-pipe
			wait "$PIPE" || :
			eventually nothing_left
			rm "$BATS_TEST_TMPDIR/viewer" "$BATS_TEST_TMPDIR/out"
		done
	done
}

# bats test_tags=slow
@test "sse-pipe is killed with SIGKILL: a command that ignores signals is killed" {
	local option

	for option in -- -t; do
		watch "$option" sh -c 'trap "" TERM HUP
			setsid sh -c "sleep 1000; :" & sleep 1001 | cat & echo up; wait'
		came up
		kill -9 "$PIPE"
		wait "$PIPE" || :
		eventually nothing_left
		rm "$BATS_TEST_TMPDIR/viewer" "$BATS_TEST_TMPDIR/out"
	done
}

@test "sse-pipe is killed with SIGKILL: the command has time to end well" {
	watch -- sh -c 'trap "sleep 0.5; echo well >$0; exit" TERM
		echo up; sleep 1000 & wait' "$BATS_TEST_TMPDIR/well"
	came up
	kill -9 "$PIPE"
	wait "$PIPE" || :
	eventually nothing_left
	diff - "$BATS_TEST_TMPDIR/well" <<<well
}

@test "sse-pipe is killed with SIGKILL at any moment of its start" {
	local i

	for i in {1..60}; do
		spawn sse-pipe -- sh -c 'sleep 1000 | cat & setsid sleep 1001' \
			>/dev/null
		# a delay, so as to be at a different point each time
		sleep "$(printf '0.%04d' $((i * 2)))"
		kill -9 "$!"
		wait "$!" || :
	done
	eventually nothing_left
}

@test "a command's guard is killed with SIGKILL: the command ends, with 137" {
	local guard status=0

	watch -- sh -c 'trap "" TERM; sleep 1000 & echo up; wait'
	came up
	guard=$(pgrep -P "$PIPE")
	[ "$(cat "/proc/$guard/comm")" = sse-guard ]
	kill -9 "$guard"
	wait "$PIPE" || status=$?
	[ "$status" -eq 137 ]
	eventually nothing_left
	grep -q 'sh ended with status 137' "$BATS_TEST_TMPDIR/err"
}

# How many processes below the test's have ended and are not reaped.
zombies() {
	local pid

	for pid in $(left_over); do
		ps -o stat= --ppid "$pid" || :
	done | grep -c '^Z' || :
}

no_zombies() {
	[ "$(zombies)" -eq 0 ]
}

@test "orphans are reaped also while a viewer that reads nothing blocks it" {
	cd "$BATS_TEST_TMPDIR"
	mkfifo viewer
	exec 7<>viewer
	spawn sse-pipe -- sh -c 'yes & until [ -e go ]; do sleep 0.1; done
		for i in $(seq 100); do sh -c "true & true &"; done
		>all; exec sleep 1000' >viewer 7>&-
	PIPE=$!
	eventually still "$PIPE"
	touch go
	eventually test -e all
	eventually no_zombies
	still "$PIPE"
	kill "$PIPE"
	wait "$PIPE"
	eventually nothing_left
}

@test "on a kernel that lists no children descendants that left the group are gone too" {
	local script

	cd "$BATS_TEST_TMPDIR"
	# as without CONFIG_PROC_CHILDREN; a static program does not ask it
	cc -shared -fPIC -DHIDDEN="\"$PWD/hidden\"" -x c -o hide.so - <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <errno.h>
		#include <fcntl.h>
		#include <string.h>
		int openat(int folder, const char *path, int flags, ...)
		{
			int (*real)(int, const char *, int, int) =
			    dlsym(RTLD_NEXT, "openat");

			if (strstr(path, "/children") == NULL)
				return real(folder, path, flags, 0);
			real(AT_FDCWD, HIDDEN, O_WRONLY | O_CREAT, 0600);
			errno = ENOENT;
			return -1;
		}
		int openat64(int, const char *, int, ...)
			__attribute__((alias("openat")));
	END
	for script in 'setsid -f sh -c "sleep 1000; :"; echo up; sleep 1000' \
		'setsid sh -c "setsid sleep 1000; :" & echo up; wait' \
		'trap "" TERM; setsid sh -c "sleep 1000; :" & echo up; wait'; do
		LD_PRELOAD=$PWD/hide.so ASAN_OPTIONS=verify_asan_link_order=0 \
			watch -- sh -c "unset LD_PRELOAD; $script"
		came up
		leave
		eventually nothing_left
		wait "$PIPE"
		rm viewer out
	done
	[ -e hidden ] || refute ldd "$PROGRAMS_DIR/sse-pipe"
}

@test "a process that a command leaves running may write for a while, and is ended" {
	run -0 --separate-stderr body sse-pipe -- sh -c \
		'(while kill -0 $$ 2>/dev/null; do sleep 0.01; done
		echo late; exec sleep 1000) & echo early'
	[ "${lines[0]}" = "data: early" ]
	[ "${lines[1]}" = "data: late" ]
	[ "${lines[2]}" = "id: end" ]
	eventually nothing_left
}

# bats test_tags=slow
@test "a slow viewer still gets all that a command wrote before it ended" {
	# the command is gone long before the viewer has read its output, and a
	# child of it holds the pipe open
	sse-pipe -- sh -c 'sleep 1000 & seq 20000' | (
		sleep 4
		cat
	) >"$BATS_TEST_TMPDIR/out"
	[ "$(grep -c '^data: ' "$BATS_TEST_TMPDIR/out")" -eq 20001 ]
	grep -q '^data: 20000$' "$BATS_TEST_TMPDIR/out"
	eventually nothing_left
}

@test "a stream that has ended stays ended for all viewers of sse-share, too" {
	export SSE_CGI_DIR=$BATS_TEST_TMPDIR/meet REQUEST_METHOD=GET
	command='echo ran >>runs; exit 3'

	cd "$BATS_TEST_TMPDIR"
	sse-share -l 9 -- sse-pipe -- sh -c "$command" 3>&- 2>/dev/null |
		tail -n 4 >out
	diff - out <<<$'id: end\nevent: end\ndata: 3\n'
	HTTP_LAST_EVENT_ID=end sse-share -l 9 -- sse-pipe -- sh -c "$command" \
		3>&- 2>/dev/null | cat >out
	[ "$(head -n 1 out)" = $'Status: 204 No Content\r' ]
	[ "$(wc -l <runs)" -eq 1 ]
}
