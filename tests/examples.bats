#!/usr/bin/env bats
# cgi-bin/examples: other engines than Redis, around their own clients; models
# and tools behind a POST, with the libraries that ask them (recipes.mjs).

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

# A viewer of an example, in the file $1; its command is in this directory.
view_example() {
	mkdir -p -m 700 meet
	PATH=$PWD:$PATH SSE_CGI_DIR=$PWD/meet spawn "$EXAMPLES/$2" >"$1" 2>>err
}

data_of() {
	sed -n 's/^data: //p' "$1" | tr '\n' '|'
}

has_data() {
	[ "$(data_of "$1")" = "$2" ]
}

last_id() {
	sed -n 's/^id: //p' "$1" | tail -n 1
}

end_channels() {
	SSE_CGI_DIR=$PWD/meet sse-share -Q
	eventually nothing_left
}

@test "the log examples show a file, and several by their types" {
	echo one >syslog
	echo two >auth.log
	LOG=$PWD/syslog view_example a log
	eventually has_data a 'one|'
	LOGS=$PWD view_example b logs
	eventually grep -qx 'event: auth' b
	eventually grep -qx 'event: system' b
	echo three >>auth.log
	eventually grep -qx 'data: three' b
	end_channels
}

# bats test_tags=slow
@test "a keepalive of the log examples takes no viewer's place from it" {
	local v

	echo one >syslog
	echo two >auth.log
	LOG=$PWD/syslog view_example a log
	LOGS=$PWD view_example b logs
	for v in a b; do
		eventually has "$v" 'event: alive'
		grep -B 1 'event: alive' "$v" | refute grep '^id'
	done
	end_channels
}

@test "the each-second example gives each viewer what the command said last" {
	export COMMAND='echo first; echo second' SECONDS_BETWEEN=0.1
	view_example a each-second
	eventually grep -qx 'data: second' a
	view_example b each-second
	eventually grep -qx 'data: second' b
	sed -n '/^data/{N;N;p;q}' b |
		diff - <(printf 'data: first\ndata: second\n\n')
	end_channels
}

# journalctl and docker, as far as the examples use them, with what the file
# "entries" has: a number and a text in each line.
fake_commands() {
	printf '%s\n' '1 one' '2 two' >entries
	cat >journalctl <<-'END'
		#!/bin/sh
		last=0
		while [ $# -gt 0 ]; do
			[ "$1" != --after-cursor ] || last=${2#s=}
			shift
		done
		tail -n +1 -f entries | while read -r n text; do
			[ "$n" -le "$last" ] || printf \
				'{"__CURSOR":"s=%s","SYSLOG_IDENTIFIER":"me","MESSAGE":"%s"}\n' \
				"$n" "$text"
		done
	END
	cat >docker <<-'END'
		#!/bin/sh
		[ "$1 $2 $3" = 'logs -f -t' ] || exit 2
		last=0
		[ "$4" != --since ] || last=${5##*.}
		tail -n +1 -f entries | while read -r n text; do
			[ "$n" -lt "${last%Z}" ] ||
				echo "2026-11-30T00:00:00.00000000${n}Z $text"
		done
	END
	chmod +x journalctl docker
}

# EXAMPLE, and what its first two events are
resumes() {
	fake_commands
	CONTAINER=web view_example a "$1"
	eventually has_data a "$2"
	end_channels
	printf '%s\n' '3 three' >>entries
	HTTP_LAST_EVENT_ID=$(last_id a) CONTAINER=web view_example b "$1"
	eventually has_data b "$3"
	end_channels
}

# bats test_tags=all
@test "the journal example goes on after the entry that a viewer has had" {
	resumes journal 'me: one|me: two|' 'me: three|'
}

# bats test_tags=tools
@test "the container example goes on after the line that a viewer has had" {
	resumes container 'one|two|' 'three|'
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
	eventually another "query LIKE '%ORDER BY id;'"
	psql -Xqc "INSERT INTO events (data) VALUES ('one'), (E'it''s\n\"two\"')"
	eventually has v 'data: "two"'
	kill "$first"
	eventually ended "$first"
	printf '%s\n' 'id: 1' 'data: one' '' 'id: 2' "data: it's" \
		'data: "two"' '' >expected
	sed 1,7d v | diff expected -
	[ ! -s v.err ]

	psql -Xqc "INSERT INTO events (data) VALUES ('three')"
	HTTP_LAST_EVENT_ID=1 spawn "$EXAMPLES/postgres" >w 2>w.err
	second=$!
	eventually has w 'data: three'
	# an insert that takes longer, and one that is begun meanwhile
	spawn psql -Xqc "BEGIN; INSERT INTO events (data) VALUES ('four');
		SELECT pg_sleep(2); COMMIT" >slow
	eventually another "wait_event = 'PgSleep'"
	psql -Xqc "INSERT INTO events (data) VALUES ('five')"
	eventually has w 'data: five'
	[ "$(sed -n 's/^id: //p' w)" = $'2\n3\n4\n5' ]
	# if the server is lost, the stream ends: the viewer comes back
	[ ! -s w.err ]
	kill -INT "$(head -n 1 "$FOLDER/data/postmaster.pid")"
	eventually ended "$second"
}

# Whether one other connection is like that
another() {
	[ "$(psql -XAtc "SELECT count(*) FROM pg_stat_activity
		WHERE pid <> pg_backend_pid() AND $1")" = 1 ]
}

# lighttpd for the examples; each line of stdin is a variable of theirs. With
# SCHEME=https it speaks TLS, and HTTP/2 to browsers.
start_site() {
	local lines server=$TOP/conf/lighttpd.conf

	PORT=$(free_port)
	if [ "$SCHEME" = https ]; then
		server=$PWD/server.conf
		sed "s|^include \"|&$TOP/conf/|" "$TOP/conf/lighttpd-tls.conf" \
			>"$server"
		mkdir run
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
			-nodes -days 30 -subj /CN=localhost -keyout run/site.pem \
			-out run/cert.pem 2>openssl.log
		cat run/cert.pem >>run/site.pem
	fi
	lines=$(sed 's/"/\\"/g; s/^\([A-Z]*\)=\(.*\)$/ "\1" => "\2",/')
	cat >site.conf <<-END
		include "$server"
		setenv.add-environment = ( $lines "PATH" => "$PATH",
			"SITE" => "${SCHEME:-http}://127.0.0.1:$PORT" )
		alias.url += (
			"/v1/chat/completions" => "$TOP/cgi-bin/examples/openai",
			"/node_modules/" => "$TOP/tests/node_modules/",
			"/pages/" => "$TOP/tests/pages/",
			"/datastar/" => "$TOP/tests/node_modules/@starfederation/datastar/dist/"
		)
		\$HTTP["url"] =~ "^/v1/" { cgi.assign = ( "" => "" ) }
		# npm's Datastar is for bundlers: it imports without a suffix
		server.modules += ( "mod_redirect", "mod_rewrite" )
		url.redirect = ( "/datastar/engine\$" => "engine/index.js" )
		url.rewrite-once = ( "^(/datastar/.*/.*?)(?:\.js)?\$" => "\$1.js" )
	END
	restart_site
}

restart_site() {
	LIGHTTPD_CONF=$PWD/site.conf start_lighttpd
	URL=${SCHEME:-http}://127.0.0.1:$PORT
}

# post PATH [OPTION ...] of curl
post() {
	curl -sN -o answer -w '%{http_code}\n' -X POST "$URL/$1" "${@:2}"
}

# Whether nothing runs of that program of tests/tools, for this test
none_of() {
	! pgrep -f "tools/$1 $PWD\$" >/dev/null
}

@test "the llm example sends words as the model writes them, to its own pages alone" {
	start_site <<-END
		LLM=$TOP/tests/tools/model.sh $PWD
	END
	spawn post cgi-bin/examples/llm --data-binary hi >status
	eventually has answer 'data: "You said: hi. "'
	touch go
	eventually has answer 'event: end'
	sed -n 's/^data: //p' answer | sed '$d' | tr -d '\n' >data
	run -0 cat data
	[ "${output//\"\"/}" = \
		'"You said: hi. naïve 🎉\n\"quoted\"\tand\rso'$'\xe2\x80\xa8''event: end"' ]
	[ "$(tail -n 2 answer | head -n 1)" = 'data: 0' ]

	run -0 post cgi-bin/examples/llm --data-binary fail
	has answer 'data: 3'
	run -0 post cgi-bin/examples/llm -H 'Origin: http://other.example' \
		--data-binary hi
	[ "$output" = 403 ]
	[ "$(curl -s -o answer -w '%{http_code}' \
		"$URL/cgi-bin/examples/llm")" = 405 ]
}

@test "the llm example leaves no model behind if the client leaves" {
	start_site <<-END
		LLM=$TOP/tests/tools/model.sh $PWD
	END
	spawn curl -sN -o answer "$URL/cgi-bin/examples/llm" --data-binary hi
	eventually has answer 'data: "You said: hi. "'
	refute none_of model.sh
	kill "$!"
	eventually none_of model.sh
}

# recipe CLIENT of recipes.mjs
recipe() {
	timeout -k 5 170 node "$TOP/tests/tools/recipes.mjs" "$1" "$URL/" \
		"${@:2}" 3>&-
}

# bats test_tags=slow
@test "the JavaScript function of the recipe reads the llm example" {
	touch go
	start_site <<-END
		LLM=$TOP/tests/tools/model.sh $PWD
	END
	recipe llm
}

# bats test_tags=slow,all
@test "OpenAI's library reads a command-line model's words, and sees its failure" {
	touch go
	start_site <<-END
		LLM=$TOP/tests/tools/model.sh $PWD
	END
	recipe openai
}

mcp_site() {
	start_site <<-END
		MCP=python3 $TOP/tests/tools/mcp-server.py $PWD
	END
}

# bats test_tags=slow,all
@test "the mcp example answers requests, notifications and errors as MCP says" {
	mcp_site
	type='Content-Type: application/json'
	mcp() {
		post cgi-bin/examples/mcp -H "$type" "$@"
	}
	ping='{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
	[ "$(mcp -d "$ping")" = 200 ]
	run -0 grep -c '^data: ' answer
	[ "$output" = 1 ]
	refute grep -q '^id:' answer
	# a message of several lines, as long as it likes to be
	{
		printf '{"jsonrpc":"2.0",\r\n"id":2,\n"method":"tools/list",'
		printf '"params":{"_meta":{"x":"%0200000d"}}}' 0
	} >long
	[ "$(mcp --data-binary @long)" = 200 ]
	grep -q '^data: .*"id": 2,' answer
	[ "$(mcp -d '{"jsonrpc":"2.0","method":"notifications/initialized",
		"params":{"_meta":{"id":1}}}')" = 202 ]
	[ "$(mcp -d '{')" = 400 ]
	[ "$(mcp -d '[]')" = 400 ]
	[ "$(mcp -d "$ping$ping")" = 400 ]
	[ "$(mcp -H 'Origin: http://other.example' -d "$ping")" = 403 ]
	[ "$(mcp -H "Origin: $URL" -d "$ping")" = 200 ]
	# pages of the site at another port may read each answer
	for message in "$ping" '{"method":"x"}' '{'; do
		mcp -H "Origin: $URL" -D header -d "$message"
		grep -q "^Access-Control-Allow-Origin: $URL" header
	done
	[ "$(mcp -X GET)" = 405 ]
	[ "$(mcp -X DELETE)" = 405 ]
	type='Content-Type: text/plain'
	[ "$(mcp -d "$ping")" = 415 ]
	type='Content-Type: Application/JSON ; charset=utf-8'
	[ "$(mcp -d "$ping")" = 200 ]
}

# bats test_tags=slow,all
@test "an MCP answer may be long, and come after an empty line" {
	{
		printf '\r\n\n'
		printf '{"jsonrpc":"2.0","id":1,"result":{"text":"%02000000d"}}\n' 0
	} >long
	start_site <<-END
		MCP=cat $PWD/long
	END
	[ "$(post cgi-bin/examples/mcp -H 'Content-Type: application/json' \
		-d '{"id":1,"method":"x"}')" = 200 ]
	grep '^data: ' answer | sed 's/^data: //' | diff - <(tail -n 1 long)
}

# bats test_tags=slow,all
@test "an MCP server keeps its input until it has answered, and then ends" {
	mcp_site
	[ "$(post cgi-bin/examples/mcp -H 'Content-Type: application/json' -d '
		{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{
		"name":"count","arguments":{"to":3,"pause":0.2}}}')" = 200 ]
	grep -q '^data: .*counted to 3' answer
	eventually none_of mcp-server.py
	refute grep -i terminated lighttpd.log
}

# bats test_tags=slow,all
@test "both MCP libraries list and call a tool, with its progress live" {
	mcp_site
	recipe mcp
}

# bats test_tags=slow,all
@test "calls of MCP tools that are cut off leave no process" {
	mcp_site
	recipe load 60
	eventually none_of mcp-server.py
	eventually refute pgrep -P "$LIGHTTPD"
}

job_ran_once() {
	[ "$(grep -cE '(GET|POST) /cgi-bin/examples/[a-z]*/job.* 200 ' \
		run/access.log)" = 1 ]
}

# framework PAGE BROWSER [SCHEME]; SCHEME=https tries all over HTTP/2.
framework() {
	SCHEME=${3:-$SCHEME}
	printf '%s\n' one '<img src=x onerror="document.body.remove()"> & "' \
		>list
	start_site <<-END
		LIST=$PWD/list
	END
	scene timeout -k 5 300 node "$TOP/tests/tools/frameworks.mjs" "$2" "$1" \
		"$URL/"
	told listed
	echo 'naïve </li></template> 🎉' >>list
	touch added
	told hidden
	echo '{{ $hidden }} `x`' >>list
	touch added-hidden
	told over
	eventually job_ran_once
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	wait "$LIGHTTPD" 2>/dev/null || :
	echo 'while away' >>list
	restart_site
	touch restarted
	scene_ends
	job_ran_once
}

# bats test_tags=slow,all
@test "htmx 4 in Chromium: a list that loses nothing, a job that runs once" {
	framework htmx4 chromium
}

# bats test_tags=slow,all
@test "htmx 4 in Chromium: a job that connects by itself runs once, too" {
	framework htmx4-connect chromium
}

# bats test_tags=slow,all
@test "htmx 2 in Chromium: a list that loses nothing, a job that runs once" {
	framework htmx2 chromium
}

# bats test_tags=slow,all
@test "Datastar in Chromium: a list that loses nothing, a job that runs once" {
	framework datastar chromium
}

# bats test_tags=slow,all
@test "Turbo in Chromium: a list that loses nothing, a job that runs once" {
	framework turbo chromium
}

# bats test_tags=slow,all
@test "htmx 4 in Firefox: a list that loses nothing, a job that runs once" {
	framework htmx4 firefox
}

# bats test_tags=slow,all
@test "htmx 2 in Firefox: a list that loses nothing, a job that runs once" {
	framework htmx2 firefox
}

# bats test_tags=slow,all
@test "Datastar in Firefox: a list that loses nothing, a job that runs once" {
	framework datastar firefox
}

# bats test_tags=slow,all
@test "Turbo in Firefox: a list that loses nothing, a job that runs once" {
	framework turbo firefox
}

# bats test_tags=slow,all
@test "htmx 4 in WebKit: a list that loses nothing, a job that runs once" {
	framework htmx4 webkit
}

# bats test_tags=slow,all
@test "htmx 2 in WebKit: a list that loses nothing, a job that runs once" {
	framework htmx2 webkit
}

# bats test_tags=slow,all
@test "Datastar in WebKit: a list until the server is lost, a job that runs once" {
	framework datastar webkit
}

# bats test_tags=slow,all
@test "Turbo in WebKit: a list that loses nothing, a job that runs once" {
	framework turbo webkit
}

# bats test_tags=slow,all
@test "htmx 4 over HTTP/2 in Chromium: a list loses nothing, a job runs once" {
	framework htmx4 chromium https
}

# bats test_tags=slow,all
@test "Datastar over HTTP/2 in Firefox: a list loses nothing, a job runs once" {
	framework datastar firefox https
}

# bats test_tags=slow,all
@test "Turbo over HTTP/2 in WebKit: a list until the server is lost, a job runs once" {
	framework turbo webkit https
}

# BROWSER shows the same screen as tmux, while lighttpd is restarted.
terminal_in() {
	local page

	mkdir "$1" && cd "$1" || return
	echo 1 >screen
	start_site <<<"SCREEN=cd $PWD && exec $TOP/tests/tools/screen.py"
	tmux -S tmux -u -f /dev/null new-session -d -s local -x 80 -y 24 \
		"$TOP/tests/tools/screen.py" \; set status off 3>&-
	spawn timeout -k 5 240 node "$TOP/tests/tools/terminal.mjs" "$1" "$URL" \
		>browser.log 2>&1
	page=$!
	eventually shown_or_ended "$page"
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	sleep "0.$RANDOM" # a moment by chance, not a condition
	LIGHTTPD_CONF=$PWD/site.conf start_lighttpd
	touch away
	wait "$page" || {
		cat browser.log
		return 1
	}
	tmux -S tmux kill-server
	kill "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	unset PORT
	cd ..
}

shown_or_ended() {
	[ -e shown ] || ended "$1"
}

# bats test_tags=slow,all
@test "the top example's screen is a local terminal's, in three browsers" {
	for browser in chromium firefox webkit; do
		terminal_in "$browser"
	done
}
