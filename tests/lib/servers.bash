# servers: functions for servers.bats: a site that every server's user can
# read, a start_NAME for each server, and the rows: tests that run on each.
# shellcheck shell=bash
#
# TRAITS: words for the exceptions of the server under test, which the rows
# check:
#   no-id        the Last-Event-ID header does not reach programs
#   no-status    the status is always 200
#   no-post      the server itself refuses POST, with its own status
#   post-lost    the answer to a POST may be lost
#   at-once      a program learns at once, even if silent, that its viewer left
#   no-cut       the server has no time-out
#   one-host     requests with another Host start no program
#   no-share     a stream ends with the process that began it
#   untold       a program never learns that its viewer has left: -m ends it
#   cut-unsaid   after the time-out nothing comes, but most connections stay

# The clients of the rows are started by view.
CURL=()
TRAITS=
SUFFIX=
NPH=
MAX=
declare -gA PORTS=() # the port of each program that has one
DOORS=()

# --- the site ---

# A site with copies of the programs, so that the test's processes are known by
# their executables, whatever their environment.
make_server_site() {
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$BATS_TEST_TMPDIR" \
		2>/dev/null || :
	make_site
	export SSE_TOP=$SITE
	export SSE_RUN=$BATS_TEST_TMPDIR/run SSE_USER SSE_GROUP
	USER_NAME=$(id -un)
	SSE_USER=$USER_NAME
	[ "$(id -u)" != 0 ] || SSE_USER=www-data
	mkdir -p "$SSE_RUN" "$SITE/bin"
	chmod 777 "$SSE_RUN"
	SSE_GROUP=$(id -gn "$SSE_USER")
	PORT=$(free_port)
	export PORT
	URL=http://127.0.0.1:$PORT
	for program in counter pipe tail share; do
		cp "$PROGRAMS_DIR/sse-$program" "$SITE/bin/"
		ln -s "sse-$program" "$SITE/bin/nph-sse-$program"
	done
	mkfifo -m 666 "$SSE_RUN/fifo"
	printf '%s\n' one two three >"$SSE_RUN/lines"
	make_programs
}

# The programs of the rows. They use absolute paths, as PATH depends on the
# server. Runs are not told apart by time.
make_programs() {
	program counter <<<"exec @sse-counter -v -i 0.25 -k 0.25 $MAX"
	program silent <<<"exec @sse-counter -i 1000 -k 0.25 $MAX"
	program mute <<<"exec @sse-counter -i 1000 -k 0 -H 'X-Test: seen'"
	program ended <<<'exec @sse-counter -n 5 -i 0.02'
	program fifo <<<"exec @sse-pipe -k 0 -- sh -c 'exec cat <>$SSE_RUN/fifo'"
	program tail <<<"exec @sse-tail -k 0.25 -n all $MAX $SSE_RUN/lines"
	program share <<EOF
export SSE_CGI_DIR=$SSE_RUN/share.\$(id -u)
mkdir -p -m 700 "\$SSE_CGI_DIR"
exec @sse-share -l 0.5 -k 0.25 $MAX -- $SITE/bin/sse-counter -i 0.25 -k 0.25
EOF
	ln -sf sse-counter "$SITE/cgi-bin/sse-counter.cgi"
}

# Reads a script from stdin, in which @sse- becomes the path of a program; its
# stderr goes to a file, since some servers send it to the viewer.
program() {
	{
		echo '#!/bin/sh'
		echo "export SSE_TEST=$SSE_TEST PATH=/usr/bin:/bin"
		echo "exec 2>>$SSE_RUN/$1.err"
		sed "s,@sse-,$SITE/bin/${NPH}sse-,"
	} | cgi "$1"
	ln -sf "$1" "$SITE/cgi-bin/$1.cgi"
	: >"$SSE_RUN/$1.err"
	chmod 666 "$SSE_RUN/$1.err"
}

# A configuration of conf/ in SSE_RUN, its @NAMES@ replaced, then edited by
# sed with the other arguments.
conf() {
	sed -e "s,@SSE_TOP@,$SSE_TOP,; s,@SSE_RUN@,$SSE_RUN,; s,@PORT@,$PORT," \
		-e "s,@USER@,$USER_NAME," "${@:2}" "$TOP/conf/$1" >"$SSE_RUN/$1"
}

# Starts the server, its output in a file.
server() {
	spawn "$@" >>"$SSE_RUN/server.log" 2>&1
	eventually listens "$PORT"
}

# --- servers: each with its idle time-out, or with $IDLE seconds ---

start_lighttpd_on() {
	conf lighttpd.conf -e "s/max-write-idle = 360/max-write-idle = ${IDLE:-360}/"
	TRAITS+=' at-once one-host'
	server lighttpd -D -f "$SSE_RUN/${1:-lighttpd.conf}"
}

start_lighttpd_http1() {
	start_lighttpd_on
}

start_lighttpd_h2c() {
	CURL=(--http2-prior-knowledge)
	start_lighttpd_on
}

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-days 2 -subj /CN=localhost -keyout "$SSE_RUN/site.key" \
		-out "$SSE_RUN/site.crt" 2>/dev/null
	cat "$SSE_RUN/site.key" "$SSE_RUN/site.crt" >"$SSE_RUN/site.pem"
	URL=https://127.0.0.1:$PORT
}

start_lighttpd_tls() {
	make_certificate
	CURL=(--insecure --http2)
	conf lighttpd-tls.conf
	start_lighttpd_on lighttpd-tls.conf
}

# 60 streams and some more: one process each, started in advance.
start_fcgiwrap() {
	spawn spawn-fcgi -n -M 0666 -s "$SSE_RUN/fcgiwrap.sock" -- \
		/usr/sbin/fcgiwrap -c 60 >>"$SSE_RUN/server.log" 2>&1
	eventually test -S "$SSE_RUN/fcgiwrap.sock"
}

start_lighttpd_fcgiwrap() {
	start_fcgiwrap
	TRAITS+=' one-host'
	conf lighttpd-fcgiwrap.conf \
		-e "s/max-write-idle = 360/max-write-idle = ${IDLE:-360}/"
	server lighttpd -D -f "$SSE_RUN/lighttpd-fcgiwrap.conf"
}

start_apache() {
	conf "${CONF:-apache.conf}" -e "s/Timeout 60/Timeout ${IDLE:-60}/"
	TRAITS+=' one-host'
	# in a session of its own: at its end it signals its process group
	server setsid /usr/sbin/apache2 -D FOREGROUND "$@" \
		-f "$SSE_RUN/${CONF:-apache.conf}"
}

start_apache_cgid() {
	start_apache
}

start_apache_cgi() {
	start_apache -D CGI
}

start_apache_prefork() {
	start_apache -D CGI -D PREFORK
}

start_apache_http2() {
	CURL=(--http2-prior-knowledge)
	TRAITS+=' cut-unsaid'
	start_apache -D HTTP2
}

start_apache_proxy() {
	start_fcgiwrap
	CONF=apache-fcgiwrap.conf start_apache
}

start_apache_fcgid() {
	CONF=apache-fcgiwrap.conf start_apache -D FCGID
}

start_nginx() {
	TRAITS+=' one-host'
	start_fcgiwrap
	conf nginx.conf -e "s/read_timeout 60s/read_timeout ${IDLE:-60}s/"
	server nginx -p "$SSE_RUN" -c "$SSE_RUN/nginx.conf"
}

start_busybox() {
	TRAITS+=' no-cut'
	server busybox httpd -f -p "127.0.0.1:$PORT" -h "$SITE"
}

start_caddy() {
	export XDG_CONFIG_HOME=$SSE_RUN XDG_DATA_HOME=$SSE_RUN HOME=$SSE_RUN
	TRAITS+=' no-cut one-host'
	start_fcgiwrap
	conf Caddyfile
	server caddy run --adapter caddyfile --config "$SSE_RUN/Caddyfile"
}

# Starts lighttpd, as the backend of the server that is started next.
start_backend() {
	start_lighttpd_on
	export BACKEND=$PORT
	PORT=$(free_port)
	URL=http://127.0.0.1:$PORT
}

start_haproxy() {
	start_backend
	conf haproxy.cfg -e "s/\(client\|server\) 60s/\1 ${IDLE:-60}s/"
	server haproxy -db -f "$SSE_RUN/haproxy.cfg"
}

start_nginx_proxy() {
	start_backend
	conf nginx-proxy.conf -e "s/@BACKEND@/$BACKEND/" "$@" \
		-e "s/read_timeout 60s/read_timeout ${IDLE:-60}s/"
	server nginx -p "$SSE_RUN" -c "$SSE_RUN/nginx-proxy.conf"
}

start_apache_proxy_http() {
	start_backend
	TRAITS=
	CONF=apache-proxy.conf start_apache
}

start_h2o() {
	local user=()

	[ "$(id -u)" = 0 ] || user=(-e '/^user:/d')
	SUFFIX=.cgi
	conf h2o.conf -e "s/io: 60000/io: ${IDLE:-60}000/" "${user[@]}"
	server h2o -c "$SSE_RUN/h2o.conf"
}

start_h2o_h2c() {
	CURL=(--http2-prior-knowledge)
	TRAITS+=' at-once'
	start_h2o
}

start_uwsgi() {
	conf uwsgi.ini -e "s/cgi-timeout = 60/cgi-timeout = ${IDLE:-60}/"
	server uwsgi --ini "$SSE_RUN/uwsgi.ini"
}

start_webfs() {
	TRAITS+=' no-post'
	server webfsd -F -4 -i 127.0.0.1 -p "$PORT" -r "$SITE" -x /cgi-bin/ \
		-c 200 -t "${IDLE:-60}"
}

start_mini_httpd() {
	TRAITS+=' no-id post-lost no-cut'
	server mini_httpd -D -h 127.0.0.1 -p "$PORT" -d "$SITE" \
		-c 'cgi-bin/*' -u "$USER_NAME"
}

start_python() {
	TRAITS+=' no-id no-status no-share at-once no-cut'
	server python3 -m http.server --cgi --bind 127.0.0.1 -d "$SITE" "$PORT"
}

# Its time-out is 30 seconds, which no configuration changes.
start_yaws() {
	TRAITS+=' untold'
	MAX='-m 6'
	[ -z "$IDLE" ] || MAX=
	make_programs
	conf yaws.conf
	export HOME=$SSE_RUN
	server yaws --conf "$SSE_RUN/yaws.conf" --interactive --erlarg -noinput
}

start_twisted() {
	TRAITS+=' at-once no-cut'
	server twistd3 --nodaemon --pidfile= --python "$TOP/conf/twisted.py"
}

# Servers that do not speak HTTP: one port and one nph- program each. The given
# command starts one of them, with $PORT and $NPH_PROGRAM.
start_nph() {
	local path

	TRAITS+=' at-once no-cut'
	NPH=nph-
	make_programs
	for path in "$SITE"/cgi-bin/*; do
		[ ! -L "$path" ] || continue
		NPH_PROGRAM=$path
		[ "${path##*/}" != sse-counter ] ||
			NPH_PROGRAM=$SITE/bin/nph-sse-counter
		PORT=$(free_port)
		PORTS[${path##*/}]=$PORT
		"$@"
	done
}

nph_socat() {
	server socat "TCP-LISTEN:$PORT,bind=127.0.0.1,fork,reuseaddr,backlog=64" \
		"EXEC:$NPH_PROGRAM"
}

start_socat() {
	start_nph nph_socat
}

nph_ncat() {
	server ncat --listen --keep-open --max-conns 80 --exec "$NPH_PROGRAM" \
		127.0.0.1 "$PORT"
}

start_ncat() {
	start_nph nph_ncat
}

nph_tcpserver() {
	server tcpserver -H -R -l 0 -c 80 127.0.0.1 "$PORT" "$NPH_PROGRAM"
}

start_tcpserver() {
	start_nph nph_tcpserver
}

nph_systemd() {
	server systemd-socket-activate --accept --inetd \
		--listen "127.0.0.1:$PORT" "$NPH_PROGRAM"
}

start_systemd() {
	start_nph nph_systemd
}

nph_inetd() {
	conf inetd.conf -e "s,@PROGRAM@,$NPH_PROGRAM,g" -e '/^#/d'
	cat "$SSE_RUN/inetd.conf" >>"$SSE_RUN/inetd.all"
}

start_inetd() {
	start_nph nph_inetd
	server inetd -i "$SSE_RUN/inetd.all"
}

# --- doors: one socket per program, served by sse-share ---

# Sets DOOR to the command of a program's door.
name_door() {
	local keepalive=0.25

	[[ $1 != mute && $1 != fifo ]] || keepalive=0
	DOOR=("$PROGRAMS_DIR/sse-share" -f -l 0 -k "$keepalive" --
		"$SITE/cgi-bin/$1")
}

# The programs, each of which has a door; sse-share is in front of them all.
door_names() {
	rm -f "$SITE/cgi-bin/"*.cgi
	ln -sf counter "$SITE/cgi-bin/share"
	export SSE_CGI_DIR=$SSE_RUN/share
	DOORS=(counter silent mute ended fifo tail share sse-counter)
}

start_doors() {
	local name

	door_names
	for name in "${DOORS[@]}"; do
		name_door "$name"
		spawn spawn-fcgi -n -M 0666 -s "$SSE_RUN/$name.sock" -- \
			"${DOOR[@]}" >>"$SSE_RUN/server.log" 2>&1
		eventually test -S "$SSE_RUN/$name.sock"
	done
}

# Repeats the lines from $2 to $3 of a file in SSE_RUN for each door.
each_door() {
	local name file=$SSE_RUN/$1

	sed -n "0,/$2/{/$2/!p}" "$file" >"$file.new"
	for name in "${DOORS[@]}"; do
		name_door "$name"
		sed -n "/$2/,\$p" "$file" | sed "/$3/q" | sed "s,/door\\.,/$name.,
			s,/door\\b,/cgi-bin/$name,; s,COMMAND,${DOOR[*]},
			s,\bdoor\\b,$name,"
	done >>"$file.new"
	sed -n "/$2/,\$p" "$file" | sed "0,/$3/d" >>"$file.new"
	mv "$file.new" "$file"
}

start_lighttpd_scgi() {
	door_names
	conf lighttpd.conf \
		-e "s/max-write-idle = 360/max-write-idle = ${IDLE:-360}/"
	conf lighttpd-scgi.conf \
		-e 's/^scgi.server =/scgi.server +=/' \
		-e '/"bin-path"/,/sse-counter/c"bin-path" => "COMMAND",' \
		-e 's/"PATH"/&, "SSE_TEST"/' -e 's,/meet,/share,'
	each_door lighttpd-scgi.conf '^scgi.server' '^)) )'
	TRAITS+=' at-once one-host'
	server lighttpd -D -f "$SSE_RUN/${1:-lighttpd-scgi.conf}"
}

start_lighttpd_scgi_h2c() {
	CURL=(--http2-prior-knowledge)
	start_lighttpd_scgi
}

start_lighttpd_scgi_tls() {
	make_certificate
	CURL=(--insecure --http2)
	conf lighttpd-tls.conf -e 's/"lighttpd.conf"/"lighttpd-scgi.conf"/'
	start_lighttpd_scgi lighttpd-tls.conf
}

start_nginx_scgi() {
	start_doors
	conf nginx-scgi.conf -e "s/read_timeout 60s/read_timeout ${IDLE:-60}s/" \
		"$@"
	each_door nginx-scgi.conf 'location =' '^\t\t}'
	TRAITS+=' at-once one-host'
	server nginx -p "$SSE_RUN" -c "$SSE_RUN/nginx-scgi.conf"
}

start_nginx_scgi_h2c() {
	CURL=(--http2-prior-knowledge)
	start_nginx_scgi -e 's/listen .*:[0-9]*/& http2/'
}

start_apache_scgi() {
	start_doors
	conf apache-scgi.conf -e "s/Timeout 60/Timeout ${IDLE:-60}/"
	each_door apache-scgi.conf '^ProxyPass' '^ProxyPass'
	TRAITS+=' one-host'
	server setsid /usr/sbin/apache2 -D FOREGROUND \
		-f "$SSE_RUN/apache-scgi.conf"
}

start_caddy_door() {
	export XDG_CONFIG_HOME=$SSE_RUN XDG_DATA_HOME=$SSE_RUN HOME=$SSE_RUN
	TRAITS+=' no-cut one-host at-once'
	start_doors
	conf Caddyfile-door
	each_door Caddyfile-door reverse_proxy reverse_proxy
	server caddy run --adapter caddyfile --config "$SSE_RUN/Caddyfile-door"
}

start_haproxy_door() {
	start_doors
	conf haproxy-door.cfg -e "s/\(client\|server\) 60s/\1 ${IDLE:-60}s/"
	each_door haproxy-door.cfg use_backend use_backend
	each_door haproxy-door.cfg '^backend' '^	server'
	server haproxy -db -f "$SSE_RUN/haproxy-door.cfg"
}

# Doors that speak HTTP: one port each. The given command starts one.
start_door_ports() {
	local name

	TRAITS+=' at-once no-cut'
	door_names
	for name in "${DOORS[@]}"; do
		name_door "$name"
		PORT=$(free_port)
		PORTS[$name]=$PORT
		"$@" "$name"
	done
}

door_spawn_fcgi() {
	server spawn-fcgi -n -a 127.0.0.1 -p "$PORT" -- "${DOOR[@]}"
}

start_spawn_fcgi() {
	start_door_ports door_spawn_fcgi
}

door_systemd() {
	server systemd-socket-activate --inetd -E SSE_CGI_DIR -E SSE_TEST \
		-l "127.0.0.1:$PORT" "${DOOR[@]}"
}

start_systemd_door() {
	start_door_ports door_systemd
}

door_inetd() {
	echo "127.0.0.1:$PORT stream tcp wait $USER_NAME ${DOOR[0]} sse-share" \
		"${DOOR[@]:1}" >>"$SSE_RUN/inetd.all"
}

start_inetd_door() {
	: >"$SSE_RUN/inetd.all"
	start_door_ports door_inetd
	server inetd -i "$SSE_RUN/inetd.all"
}

# --- viewers and programs ---

trait() {
	[[ " $TRAITS " == *" $1 "* ]]
}

# The URL of a program, with its query.
url() {
	local name=${1%%\?*} query=

	[ "$name" = "$1" ] || query="?${1#*\?}"
	if [ -n "${PORTS[$name]}" ]; then
		echo "http://127.0.0.1:${PORTS[$name]}/$query"
	else
		echo "$URL/cgi-bin/$name$SUFFIX$query"
	fi
}

# Opens a stream: the file SEEN gets the whole response, with its header.
view() {
	SEEN=$BATS_TEST_TMPDIR/seen.$((++VIEWS))
	spawn curl -isN --max-time 200 "${CURL[@]}" "${@:2}" "$(url "$1")" \
		>"$SEEN"
	VIEWER=$!
}

# A request that ends: the file SEEN has the whole response, with its header.
ask() {
	SEEN=$BATS_TEST_TMPDIR/seen.$((++VIEWS))
	curl -is --max-time 30 "${CURL[@]}" "${@:2}" "$(url "$1")" >"$SEEN"
}

see() {
	eventually grep -aq "$1" "$SEEN"
}

# Pids of the site's programs that run now.
running() {
	find /proc -maxdepth 2 -path '/proc/[0-9]*' -name exe \
		-lname "$SITE/*" 2>/dev/null | cut -d / -f 3
}

all_gone() {
	[ -z "$(running)" ]
}

one_runs() {
	[ "$(running | wc -l)" = 1 ]
}

leave() {
	kill "$VIEWER"
	wait "$VIEWER" || :
}

writes() {
	sed -n 's/^syscw: //p' "/proc/$1/io" 2>/dev/null
}

has_written() {
	[ "$(writes "$1")" -ge "$2" ]
}

# The viewer leaves; its program ends. Notes after how many writes and
# milliseconds that happens, for the table in docs/servers.md.
leave_and_measure() {
	local pid before now written start end

	eventually one_runs
	pid=$(running)
	before=$(writes "$pid")
	now=$before
	start=${EPOCHREALTIME/./}
	leave
	! trait untold || eventually has_written "$pid" $((before + 12))
	end=$((SECONDS + 30))
	while readlink "/proc/$pid/exe" >/dev/null; do
		written=$(writes "$pid") && now=${written:-$now}
		((SECONDS < end))
		sleep 0.02
	done
	note "$1: gone after $((now - before)) writes," \
		"$(((${EPOCHREALTIME/./} - start) / 1000)) ms"
	eventually all_gone
}

# SSE_NOTES=FILE make test: appends measured values to FILE.
note() {
	[ -z "$SSE_NOTES" ] || echo "$SERVER $*" >>"$SSE_NOTES"
}

# --- rows ---

# The header comes at once, from a program that then says nothing.
row_header() {
	view mute
	see '^retry: 10000'
	sed '/^\r*$/q' "$SEEN" >"$SSE_RUN/header"
	note "header:" "$(tr -d '\r' <"$SSE_RUN/header" | tr '\n' '|')"
	head -n 1 "$SSE_RUN/header" | grep -q '^HTTP/[0-9.]* 200'
	[ "$(grep -ci '^content-type: text/event-stream.$' \
		"$SSE_RUN/header")" = 1 ]
	[ "$(grep -ci '^cache-control: no-cache.$' "$SSE_RUN/header")" = 1 ]
	grep -qi '^x-test: seen.$' "$SSE_RUN/header"
	if trait at-once; then
		leave_and_measure mute
		return
	fi
	leave
	end_programs
}

# Programs whose server does not tell them that their viewer has left.
end_programs() {
	local pid

	for pid in $(running); do
		kill "$pid" || :
	done
	eventually all_gone
}

# Each event is written only after the viewer has seen the one before.
row_live() {
	view fifo
	see '^:'
	for word in one two three; do
		timeout 30 sh -c "echo $word >$SSE_RUN/fifo"
		see "^data: $word\$"
	done
	leave
	end_programs
}

first_data() {
	see '^data: '
	grep -a -m 1 '^data: ' "$SEEN" | cut -d ' ' -f 2
}

# Last-Event-ID, and lastEventId in the query.
row_id() {
	local expected=42

	! trait no-id || expected=1
	view counter -H 'Last-Event-ID: 41'
	[ "$(first_data)" = "$expected" ]
	leave
	view 'counter?a=b&lastEventId=41'
	[ "$(first_data)" = 42 ]
	leave
	eventually all_gone
}

row_busy() {
	view counter
	see '^data: 2$'
	leave_and_measure busy
}

row_silent() {
	view silent
	see '^:'
	leave_and_measure silent
}

# HEAD: only the header, and the program ends.
row_head() {
	ask mute --head
	head -n 1 "$SEEN" | grep -q '^HTTP/[0-9.]* 200'
	grep -qi '^content-type: text/event-stream.$' "$SEEN"
	[ "$(grep -ac '^retry' "$SEEN")" = 0 ]
	eventually all_gone
}

# The status that the program gave.
answered() {
	if trait no-status; then
		grep -qi "^status: $1" "$SEEN"
	else
		head -n 1 "$SEEN" | grep -q "^HTTP/[0-9.]* $1"
	fi
}

row_405() {
	ask mute --data a=b || trait post-lost
	if trait post-lost && [ ! -s "$SEEN" ]; then
		return
	fi
	if trait no-post; then
		[ "$(grep -ci '^allow: GET, HEAD.$' "$SEEN")" = 0 ]
		return
	fi
	answered 405
	grep -qi '^allow: GET, HEAD.$' "$SEEN"
	eventually all_gone
}

# A viewer that has had the last event is told to stop.
row_204() {
	ask ended
	[ "$(grep -ac '^data: ' "$SEEN")" = 5 ]
	ask 'ended?lastEventId=5'
	answered 204
	[ "$(grep -ac '^data: ' "$SEEN")" = 0 ]
	eventually all_gone
}

# A query is not parsed as options: these would end the stream at once.
row_query() {
	local query seen=() viewers=()

	for query in --help -n+0 --version -n0; do
		view "sse-counter?$query"
		seen+=("$SEEN")
		viewers+=("$VIEWER")
	done
	for SEEN in "${seen[@]}"; do
		[ "$(first_data)" = 1 ]
	done
	for VIEWER in "${viewers[@]}"; do
		leave
	done
	! trait untold || end_programs
	eventually all_gone
}

data_is() {
	[ "$(grep -a '^data: ' "$SEEN" | tr -d '\n')" = "$1" ]
}

# A viewer that comes back gets what it missed, once.
row_tail() {
	local last

	printf '%s\n' one two three >"$SSE_RUN/lines"
	view tail
	eventually data_is 'data: onedata: twodata: three'
	last=$(sed -n 's/^id: //p' "$SEEN" | tail -n 1)
	leave
	printf '%s\n' four five >>"$SSE_RUN/lines"
	if trait no-id; then
		view "tail?lastEventId=$last"
	else
		view tail -H "Last-Event-ID: $last"
	fi
	eventually data_is 'data: fourdata: five'
	leave
	eventually all_gone
}

counters() {
	local pid

	for pid in $(running); do
		readlink "/proc/$pid/exe" || :
	done | grep -c '/sse-counter$'
}

# Two viewers share one program, which ends after they left. The second one's
# request and address differ as much as possible.
row_share() {
	local first other=(-H 'Cookie: c=d' -u me:pw -A other -e http://o/
		--interface 127.0.0.2)

	view share
	if trait no-share; then
		eventually ended "$VIEWER"
		eventually all_gone
		return
	fi
	see '^data: 2$'
	first=$VIEWER
	if trait one-host; then
		ask share -H 'Host: other.example:1'
		refute grep -aq '^data' "$SEEN"
	else
		other+=(-H 'Host: other.example:1')
	fi
	view 'share?a=b' "${other[@]}"
	see '^data: [0-9]'
	[ "$(counters)" = 1 ]
	kill "$first"
	see '^data: [0-9]*[49]$'
	leave
	eventually all_gone
}

# Whether each of the fifty has had its first event; of a door's one stream
# that is any.
fifty_live() {
	[ "$(grep -alx "data: 1${DOORS:+[0-9]*}" "$BATS_TEST_TMPDIR"/fifty.* | wc -l)" = 50 ]
}

# Ten clients of five streams: with HTTP/2 each on one connection, which
# holds six or eight of them with some servers.
row_fifty() {
	local ten viewers=()

	: >"$BATS_TEST_TMPDIR/fifty.0"
	for ten in 0 1 2 3 4 5 6 7 8 9; do
		spawn curl -isN --max-time 200 "${CURL[@]}" \
			--parallel --parallel-immediate \
			-o "$BATS_TEST_TMPDIR/fifty.$ten.#1" \
			"$(url counter)?viewer=[1-5]" >/dev/null 2>&1
		viewers+=("$!")
	done
	eventually fifty_live
	for VIEWER in "${viewers[@]}"; do
		leave
	done
	eventually all_gone
}

comments() {
	[ "$(grep -ac '^:' "$SEEN")" -ge "$1" ]
}

lived_or_died() {
	comments 20 || ended "$VIEWER"
}

# Keepalives for five seconds, with a time-out of three. A busy machine may
# delay one, so it is tried again.
row_idle() {
	local mute='' try

	if ! trait no-cut; then
		view mute
		mute=$VIEWER
	fi
	for try in 1 2 3; do
		view silent
		DEADLINE=60 eventually lived_or_died
		! comments 20 || break
	done
	note "idle: try $try"
	comments 20
	if trait cut-unsaid; then
		eventually grep -q 'The timeout specified has expired' \
			"$SSE_RUN/error.log"
		ended "$mute" || kill "$mute"
	elif [ -n "$mute" ]; then
		DEADLINE=60 eventually ended "$mute"
	fi
	leave
	end_programs
}

# --- filters and proxies in front ---

# A stream of the program $2 is buffered: its viewer has seen no $3 when another
# one, without curl options and with the URL $1, has had eight events.
held_back() {
	local held viewer

	view "$2"
	held=$SEEN
	viewer=$VIEWER
	URL=$1
	CURL=()
	view counter
	see '^data: 8$'
	leave
	refute grep -aq "^$3" "$held"
	kill "$viewer"
}

filter_deflate_of_lighttpd() {
	cat >>"$SSE_RUN/lighttpd.add" <<'EOF'
server.modules += ( "mod_deflate" )
deflate.mimetypes = ( "text/event-stream", "application/octet-stream" )
deflate.allowed-encodings = ( "gzip" )
EOF
	conf lighttpd.conf -e "\$r $SSE_RUN/lighttpd.add"
	server lighttpd -D -f "$SSE_RUN/lighttpd.conf"
	CURL=(--header 'Accept-Encoding: gzip' --compressed)
	row_live
	refute grep -qi '^content-encoding: gzip' "$SEEN"
	# a file is compressed, to be sure
	seq 1000 >"$SITE/www/file"
	curl -s --compressed --output /dev/null --dump-header "$SEEN" \
		"$URL/file"
	grep -qi '^content-encoding: ' "$SEEN"
}

filter_gzip_of_nginx() {
	local on='gzip on; gzip_min_length 0; gzip_types text\/event-stream;'

	start_fcgiwrap
	conf nginx.conf -e "s/access_log off;/& $on/"
	server nginx -p "$SSE_RUN" -c "$SSE_RUN/nginx.conf"
	CURL=(--header 'Accept-Encoding: gzip' --compressed)
	row_live
	grep -qi '^content-encoding: gzip' "$SEEN"
}

filter_deflate_of_apache() {
	cat >>"$SSE_RUN/apache.add" <<'EOF'
LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so
LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
AddOutputFilterByType DEFLATE text/event-stream
<Location /events>
	SetEnv no-gzip 1
</Location>
EOF
	conf apache.conf -e "\$r $SSE_RUN/apache.add"
	server setsid /usr/sbin/apache2 -D FOREGROUND -f "$SSE_RUN/apache.conf"
	CURL=(--header 'Accept-Encoding: gzip' --compressed)
	held_back "$URL" counter data
	SEEN=$BATS_TEST_TMPDIR/told
	spawn curl -isN --compressed "$URL/events" >"$SEEN"
	see '^data: 2$'
}

# It buffers responses of HTTP/1.0, its default, but not chunked ones.
filter_buffering_of_nginx() {
	local ignore='proxy_ignore_headers X-Accel-Buffering;'

	start_nginx_proxy -e 's/proxy_buffering off/proxy_buffering on/' \
		-e '/proxy_http_version/d' -e "s/proxy_pass/$ignore &/"
	held_back "http://127.0.0.1:$BACKEND" counter data
	end_programs
	stop_all
	PORT=$(free_port)
	start_nginx_proxy -e 's/proxy_buffering off/proxy_buffering on/'
	row_live
}

# --- reloads, and bodies that are still being written ---

# The server is told to reload while a stream is open.
reload_under_a_stream() {
	view counter
	see '^data: 1$'
	kill "-$1" "$2"
}

reload_of_nginx() {
	start_fcgiwrap
	conf nginx.conf -e 's/shutdown_timeout 60s/shutdown_timeout 1s/'
	server nginx -p "$SSE_RUN" -c "$SSE_RUN/nginx.conf"
	reload_under_a_stream HUP "$!"
	eventually ended "$VIEWER"
	row_live
}

# Whether Apache has logged $1 times that new processes have started.
resumed() {
	[ "$(grep -c 'resuming normal operations' "$SSE_RUN/error.log")" = "$1" ]
}

reload_of_apache() {
	local n

	start_apache
	for n in {1..12}; do
		eventually resumed "$n"
		reload_under_a_stream USR1 "$(cat "$SSE_RUN/apache.pid")"
	done
	eventually resumed 13
	row_live
}

# Begins to POST lines to the program "post", with one header field: the body is
# written to descriptor $BODY, and the file SEEN gets the answer.
post() {
	SEEN=$BATS_TEST_TMPDIR/seen.$((++VIEWS))
	exec {BODY}<>"/dev/tcp/127.0.0.1/$PORT"
	spawn bash -c "exec cat <&$BODY" >"$SEEN"
	printf 'POST /cgi-bin/post HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n' \
		"$1" >&"$BODY"
}

body_under_lighttpd() {
	program post <<<'exec @sse-pipe -k 0'
	conf lighttpd.conf -e 's/^#\(server.stream-request-body\)/\1/'
	server lighttpd -D -f "$SSE_RUN/lighttpd.conf"
	post 'Content-Length: 4'
	echo a >&"$BODY"
	see '^data: a'
	echo b >&"$BODY"
	see '^data: b'
	exec {BODY}>&-
	post 'Transfer-Encoding: chunked'
	see '^HTTP/1.1 411 '
	exec {BODY}>&-
}

# --- the test ---

# Debian 13 and later have no h2o; if it is missing elsewhere, its rows fail.
needs_h2o() {
	local version

	! command -v h2o >/dev/null || return 0
	# shellcheck disable=SC2016 # dpkg-query expands it
	version=$(dpkg-query -W -f '${Version}' base-files 2>/dev/null) || :
	version=${version%%[!0-9]*}
	((${version:-0} < 13)) || skip "Debian $version has no h2o"
}

ROWS='header live id busy silent head 405 204 query fifty tail share idle'

# For the row about silence: the server with a short time-out.
start_again() {
	stop_all
	rm -f "$SSE_RUN"/*.sock
	PORT=$(free_port)
	URL=${URL%:*}:$PORT
	IDLE=3
	"start_$SERVER"
}

# Starts a server and runs each row against it; errexit is bats's.
run_rows() {
	local started

	SERVER=$1
	ROW=start
	make_server_site
	"start_$SERVER"
	# shellcheck disable=SC2086
	for ROW in ${SSE_ROWS:-$ROWS}; do
		[ "$ROW" != idle ] || start_again
		started=${EPOCHREALTIME/./}
		"row_$ROW"
		note "row $ROW took" \
			"$(((${EPOCHREALTIME/./} - started) / 1000)) ms"
	done
	ROW=
}

# Runs another function: run_filter NAME runs filter_NAME.
run_other() {
	SERVER=$2
	ROW=$1
	make_server_site
	"$1_$2"
	ROW=
}

run_filter() {
	run_other filter "$1"
}

show_failure() {
	[ -n "$ROW" ] || return 0
	echo "server $SERVER, row $ROW; what the last viewer saw:"
	head -c 1000 "$SEEN"
	echo "running:"
	running | head -n 4 | while read -r pid; do
		tr '\0' ' ' <"/proc/$pid/cmdline"
		echo
	done
	tail -n 20 "$SSE_RUN/server.log" "$SSE_RUN/error.log"
	find "$SSE_RUN" -name '*.err' -size +0 -exec tail -n 3 {} +
}
