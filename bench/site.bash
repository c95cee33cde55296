# site.bash: a lighttpd for measurements, on loopback, with CGI programs that
# the measurement writes. Everything lies in $DIR and ends with the shell.
# shellcheck shell=bash

TOP=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
TOOLS=$TOP/build/bench
DIR=$(mktemp -d)
PATH=$PATH:/usr/sbin
PIDS=
mkdir "$DIR/cgi-bin" "$DIR/meet"
chmod 700 "$DIR/meet"
trap stop_all EXIT
trap 'exit 1' INT TERM HUP

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# Waits until a command succeeds, for 30 seconds at the most.
eventually() {
	local end=$((SECONDS + 30))

	until "$@"; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# Ends what was started in the background, and all that its programs started.
stop_all() {
	local pid

	for pid in $PIDS; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	for pid in $(of_site); do
		kill "$pid" 2>/dev/null
	done
	rm -rf "$DIR"
}

# The pids of this site's programs: the scripts of "cgi" mark them.
of_site() {
	grep -lsaz "^SSE_CGI_DIR=$DIR/meet\$" /proc/[0-9]*/environ |
		cut -d / -f 3 | while read -r pid; do
		[ -e "/proc/$pid" ] && echo "$pid"
	done
}

# A CGI program that runs a command of this project.
cgi() {
	local name=$1

	shift
	printf '#!/bin/sh\nexport SSE_CGI_DIR=%s PATH=%s:/usr/bin:/bin\n%s\n' \
		"$DIR/meet" "${PROGRAMS_DIR:-$TOP}:$TOOLS" "exec $*" >"$DIR/cgi-bin/$name"
	chmod +x "$DIR/cgi-bin/$name"
}

listens() {
	(: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# lighttpd for as many viewers as descriptors allow: sets PORT, SERVER.
serve() {
	local files

	files=$(ulimit -Hn)
	ulimit -n "$files"
	until PORT=$((RANDOM % 20000 + 10000)) && ! listens "$PORT"; do :; done
	cat >"$DIR/lighttpd.conf" <<-X
		server.modules = ( "mod_alias", "mod_cgi" )
		server.bind = "127.0.0.1"
		server.port = $PORT
		server.document-root = "$DIR"
		server.errorlog = "$DIR/lighttpd.log"
		server.max-fds = $files
		server.max-connections = $((files / 2))
		server.max-keep-alive-requests = 1000000
		server.listen-backlog = 1024
		server.stream-response-body = 2
		cgi.limits = ( "tcp-fin-propagate" => "SIGTERM" )
		\$HTTP["url"] =~ "^/cgi-bin/" { cgi.assign = ( "" => "" ) }
	X
	lighttpd -D -f "$DIR/lighttpd.conf" >"$DIR/lighttpd.out" 2>&1 &
	SERVER=$!
	PIDS+=" $SERVER"
	eventually listens "$PORT" || die "lighttpd: $(cat "$DIR"/lighttpd.*)"
}

# The load client in the background, to "$DIR/$1": sets CLIENT. Returns when
# all its viewers are open.
viewers() {
	local to=$DIR/$1

	shift
	: >"$to"
	"$TOOLS/viewers" "$@" >"$to" &
	CLIENT=$!
	PIDS+=" $CLIENT"
	until grep -q '^open' "$to"; do
		kill -0 "$CLIENT" 2>/dev/null || break
		sleep 0.1
	done
}

# What a file of figures says.
figure() {
	sed -n "s/^$2 //p" "$DIR/$1"
}

# Microseconds of CPU that a process has used.
cpu_us() {
	echo $(($(cut -d ' ' -f 1 "/proc/$1/schedstat") / 1000))
}

available_kb() {
	sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo
}

# The quotient of two numbers, with so many places.
per() {
	awk "BEGIN { printf \"%.${3:-2}f\", $1 / $2 }"
}
