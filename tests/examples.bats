#!/usr/bin/env bats
# cgi-bin/examples: other engines than Redis, around their own clients.

load lib/helper
# shellcheck disable=SC2030,SC2031 # each test is a shell of its own

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	EXAMPLES=$TOP/cgi-bin/examples
}

teardown() {
	stop_all
	[ -z "$FOLDER" ] || rm -rf "$FOLDER"
}

has() {
	grep -qxF -e "$2" "$1"
}

# bats test_tags=all
@test "the MQTT example makes an event of each message, its topic the type" {
	MQTT_PORT=$(free_port)
	export MQTT_PORT MQTT_HOST=127.0.0.1
	printf '%s\n' "listener $MQTT_PORT 127.0.0.1" 'allow_anonymous true' \
		'persistence false' >mosquitto.conf
	spawn mosquitto -c mosquitto.conf >broker.log 2>&1
	eventually listens "$MQTT_PORT"
	publish() {
		mosquitto_pub -h 127.0.0.1 -p "$MQTT_PORT" "$@"
	}
	publish -r -t events/state -m 'kept'
	spawn "$EXAMPLES/mqtt" >v 2>v.err
	viewer=$!
	eventually has v 'data: kept'
	publish -t events/room -m $'two\nlines'
	eventually has v 'data: lines'
	printf '%s\n' 'event: events/state' 'data: kept' '' \
		'event: events/room' 'data: two' 'data: lines' '' >expected
	sed 1,7d v | diff expected -
	kill "$viewer"
	eventually ended "$viewer"
	[ ! -s v.err ]
}

# As another user where the tests run as root: PostgreSQL refuses that.
as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --clear-groups "$@"
	else
		"$@"
	fi
}

start_postgres() {
	local bin

	bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
	FOLDER=$(mktemp -d /tmp/sse-postgres.XXXXXX)
	[ "$(id -u)" != 0 ] || chown postgres "$FOLDER"
	export PGHOST=$FOLDER PGUSER=events PGDATABASE=postgres
	as_user "$bin/initdb" -D "$FOLDER/data" -U events -A trust --no-sync \
		-E UTF8 --locale=C >initdb.log 2>&1
	spawn as_user "$bin/postgres" -D "$FOLDER/data" -k "$FOLDER" -F \
		-c listen_addresses= -c shared_buffers=16MB >postgres.log 2>&1
	eventually "$bin/pg_isready" -q
}

# bats test_tags=slow,all
@test "the PostgreSQL example goes on after what a viewer has had" {
	start_postgres
	# the table and its trigger are the example's own
	sed -n 's/^#\t//p' "$EXAMPLES/postgres" | psql -Xq -v ON_ERROR_STOP=1
	spawn "$EXAMPLES/postgres" >v 2>v.err
	first=$!
	eventually listening
	psql -Xqc "INSERT INTO events (data) VALUES ('one'), ('it''s \"two\"')"
	eventually has v 'data: it'\''s "two"'
	kill "$first"
	eventually ended "$first"
	printf '%s\n' 'id: 1' 'data: one' '' 'id: 2' \
		"data: it's \"two\"" '' >expected
	sed 1,7d v | diff expected -
	[ ! -s v.err ]

	psql -Xqc "INSERT INTO events (data) VALUES ('three')"
	HTTP_LAST_EVENT_ID=1 spawn "$EXAMPLES/postgres" >w 2>w.err
	eventually has w 'data: three'
	psql -Xqc "INSERT INTO events (data) VALUES ('four')"
	eventually has w 'data: four'
	[ "$(sed -n 's/^id: //p' w)" = $'2\n3\n4' ]
	# where the server is lost, the stream ends: the viewer comes back
	second=$!
	[ ! -s w.err ]
	kill -INT "$(head -n 1 "$FOLDER/data/postmaster.pid")"
	eventually ended "$second"
}

listening() {
	[ "$(psql -XAtc "SELECT count(*) FROM pg_stat_activity
		WHERE query LIKE 'SELECT WHERE%'")" = 1 ]
}
