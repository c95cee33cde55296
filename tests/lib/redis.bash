# redis: functions for the bats files about sse-redis: Redis servers, and the
# events that a viewer got.
# shellcheck shell=bash

# Each test works in a folder of its own.
setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# Starts a server in folder NAME: sets REDIS_PORT, REDIS_SOCKET and REDIS_PID.
# More arguments are its options; a REDIS_PORT that is set is used again.
start_redis() {
	local name=$1

	shift
	REDIS_PORT=${REDIS_PORT:-$(free_port)}
	REDIS_SOCKET=$BATS_TEST_TMPDIR/$name.sock
	mkdir -p "$name"
	spawn redis-server --port "$REDIS_PORT" --bind 127.0.0.1 \
		--unixsocket "$REDIS_SOCKET" --dir "$name" --save '' \
		"$@" >>"$name.log" 2>&1
	export REDIS_PID=$!
	eventually answers "$REDIS_SOCKET"
	echo "$name: port $REDIS_PORT, pid $REDIS_PID"
}

# Whether a server answers and has loaded its data.
answers() {
	redis-cli -s "$1" ping 2>&1 | grep -q -e PONG -e NOAUTH -e NOPERM
}

# redis-cli at the server that was started last.
cli() {
	redis-cli -s "$REDIS_SOCKET" "$@"
}

# A viewer in the background, into the files NAME and NAME.err:
# view NAME OPTION ... STREAM. Its pid is VIEWER.
view() {
	local name=$1

	shift
	spawn sse-redis -u "${REDIS_URL:-unix:$REDIS_SOCKET}" "$@" \
		>"$name" 2>"$name.err"
	export VIEWER=$!
}

# Whether that many viewers wait for new entries.
waiting() {
	[ "$(cli client list | grep -c cmd=xread)" = "$1" ]
}

# Whether the stream "s" of the server that was started last has N entries.
has_entries() {
	[ "$(cli xlen s)" = "$1" ]
}

# The ids that a viewer got, except of "start"; and those of the stream.
ids_of() {
	awk -v RS= -v FS='\n' '!/event: start/ && sub("^id: ", "", $1) {
		print $1 }' "$1"
}

ids() {
	cli --raw xrange "${1:-s}" - + | grep -E '^[0-9]+-[0-9]+$'
}

# Whether a file has exactly this line.
has() {
	grep -qxF -e "$2" "$1"
}
