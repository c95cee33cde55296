#!/usr/bin/env bats
# shellcheck disable=SC2026,SC2030,SC2031,SC2059,SC2094,SC2238
# sse-share: the directory of the sockets, and who may use it.

load lib/share

@test "the socket directory is refused if others could have a hand in it" {
	refused() {
		run -1 timeout 20 sse-share -l 0 -- ./feeder 3>&- 7>&-
		[[ "$output" = *"socket directory $SSE_CGI_DIR: $1"* ]]
		[ ! -e starts ]
	}
	mkdir elsewhere -m 700
	ln -s elsewhere meet
	refused 'it must be a directory of mode 0700'
	SSE_CGI_DIR=$SSE_CGI_DIR/ run -1 sse-share -- ./feeder 3>&- 7>&-
	[ -z "$(ls elsewhere)" ]
	rm meet
	mkdir -m 755 meet
	refused 'it must be a directory of mode 0700'
	chmod 770 meet
	refused 'it must be a directory of mode 0700'
	rmdir meet
	touch meet
	refused 'it must be a directory of mode 0700'
	rm meet
	SSE_CGI_DIR=$PWD/absent/meet
	refused 'No such file'
	# once it is repaired, viewers are shared again
	REQUEST_METHOD=GET run -1 sse-share -- ./feeder 3>&- 7>&-
	[ "${lines[1]}" = $'Content-Type: text/event-stream\r' ]
	[[ "${lines[-1]}" =~ ^retry:\ [0-9]+$ ]]
	refute grep -q "$PWD" <(printf '%s\n' "${lines[@]:1}")
}

@test "a socket directory that vanishes is refused, and the program not run" {
	mkdir -m 700 meet
	connect a
	exec 8>meet/lock
	flock 8
	HTTP_LAST_EVENT_ID=7 request a -l 0 -- ./feeder 8>&- &
	waits_for_lock() (
		exec 8>&-
		find /proc/[0-9]*/fd -lname "$PWD/meet/lock" \
			-not -path "/proc/$$/*" 2>/dev/null | grep -q .
	)
	eventually waits_for_lock
	rm -r meet
	exec 8>&-
	wait "$!" || :
	eventually has '^retry: ' a
	[ ! -e starts ]
	all_over
}

# bats test_tags=tools
@test "another user's directory, and another user's channel, are refused" {
	[ "$(id -u)" -eq 0 ] || {
		# only root can be two users: the directory of root stands in
		SSE_CGI_DIR=/root run -1 sse-share -- ./feeder 3>&- 7>&-
		return
	}
	mkdir -m 700 meet
	chown 12345 meet
	run -1 timeout 20 sse-share -l 0 -- ./feeder 3>&- 7>&-
	[[ "$output" = *'must be a directory of mode 0700 that belongs'* ]]
	REQUEST_METHOD=GET run -1 timeout 20 sse-share -- ./feeder 3>&- 7>&-
	[ "${lines[1]}" = $'Content-Type: text/event-stream\r' ]
	[[ "${lines[-1]}" =~ ^retry:\ [0-9]+$ ]]
	chown 0 meet
	# a stranger's process answers at the socket
	program stranger <<-'END'
		#!/usr/bin/env python3
		import os, socket, time
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.bind("meet/k.sock")
		os.setuid(12345)
		s.listen(5)
		print("ready", flush=True)
		time.sleep(600)
	END
	spawn ./stranger >out
	eventually has ready out
	run -1 timeout 20 sse-share -K k -l 0 -- ./feeder 3>&- 7>&-
	[[ "$output" = *"a process of another user answers"* ]]
	[ ! -e starts ]
	[ -e meet/k.sock ]
}

@test "the socket directory is SSE_CGI_DIR, else XDG_RUNTIME_DIR, else /tmp" {
	local where=$SSE_CGI_DIR

	sse-share -L
	[ "$(stat -c %a "$where")" = 700 ]
	unset SSE_CGI_DIR
	mkdir -m 700 run
	XDG_RUNTIME_DIR=$PWD/run sse-share -L
	[ "$(stat -c %a run/sse-cgi)" = 700 ]
	XDG_RUNTIME_DIR='' sse-share -L
	[ "$(stat -c %a "/tmp/sse-cgi-$(id -u)")" = 700 ]
}

@test "dead sockets are replaced and swept" {
	view a -l 0 -K one -- ./feeder
	feed 'data: 1\n\n'
	eventually has '^data: 1' a
	kill -9 "$(channel_pid)"
	eventually ended "$READER"
	[ -e meet/one.sock ]
	[ -z "$(sse-share -L)" ]
	view b -l 0 -K two -- ./feeder
	[ ! -e meet/one.sock ]
	view c -l 0 -K one -- ./feeder
	[ "$(sse-share -L | wc -l)" -eq 2 ]
	stop_readers
	all_over
}

@test "cleaning /tmp by age leaves a living channel its socket" {
	view a -l 0 -K k -- ./feeder
	# what tmpfiles.d(5) says it honours
	[ "$(stat -c %a meet/k.sock meet/lock)" = $'1600\n1600' ]
	refute flock --nonblock --exclusive meet true
	if command -v systemd-tmpfiles; then
		printf 'd %s 0700 - - 0\n' "$PWD/meet" >t.conf
		systemd-tmpfiles --clean "$PWD/t.conf"
	fi
	view b -l 0 -K k -- ./feeder
	[ "$(wc -l <starts)" -eq 1 ]
	[ "$(channels)" -eq 1 ]
	stop_readers
	all_over
	flock --nonblock --exclusive meet true
}

@test "no umask of the server spoils the socket directory" {
	local mask

	program says <<-'END'
		#!/bin/sh
		umask >mask
		printf 'Content-Type: text/event-stream\n\n'
		exec sleep 600 3>&- 7>&-
	END
	for mask in 0177 0777; do
		mkfifo "v$mask.pipe"
		: >mask
		spawn cat "v$mask.pipe" >"v$mask" 7>&-
		(umask "$mask" && request "v$mask" -l 0 -- ./says)
		eventually has '^:$' "v$mask"
		[ "$(stat -c %a meet meet/lock meet/*.sock)" = \
			$'700\n1600\n1600' ]
		[ "$(cat mask)" = "$mask" ]
		[ "$(channels)" -eq 1 ]
		stop_readers
		all_over
		# as an older version left it
		chmod 600 meet
	done
	chmod 700 meet
}
