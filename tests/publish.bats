#!/usr/bin/env bats
# cgi-bin/examples/news, publish and deploy: a file as a channel, and a job
# that outlives its viewers; www/chat.html and www/job.html show them.

load lib/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
}

# The checkout's examples and pages, and more lines of lighttpd's.
start_site() {
	cp "$TOP/conf/lighttpd.conf" site.conf
	mkdir -p jobs
	PORT=$(free_port)
	cat >>site.conf <<-END
		setenv.add-environment = (
			"NEWS" => "$PWD/news",
			"SECRET" => "$PWD/secret",
			"DEPLOY" => "$PWD/jobs",
			"JOB" => "$PWD/job",
			"SITE" => "http://127.0.0.1:$PORT",
			"SSE_TEST" => "$SSE_TEST"
		)
		$1
	END
	LIGHTTPD_CONF=$PWD/site.conf start_lighttpd
}

# ask SCRIPT VARIABLE=VALUE ... [< BODY]: what it answers to that request
ask() {
	env -i PATH="$PATH" NEWS="$PWD/news" SECRET="$PWD/secret" \
		SITE=http://here.example REQUEST_METHOD=POST "${@:2}" \
		"$TOP/cgi-bin/examples/$1" | tr -d '\r'
}

# publish STATUS BODY VARIABLE=VALUE ...: must be answered with that status
publish() {
	printf %s "$2" | ask publish "CONTENT_LENGTH=${#2}" PATH_INFO=/note \
		HTTP_X_SECRET=hush "${@:3}" | head -n 1 >status
	echo "$(cat status): $2 ${*:3}"
	[[ $(cat status) = "Status: $1 "* ]]
}

make_secret() {
	printf 'hush\n' >secret
	chmod 600 secret
}

@test "publish appends a line of whatever text" {
	make_secret
	publish 204 'disk full'
	publish 204 'a	b \n %s $(id) `id` "'\'' -e & <b> naïve 🎉'
	publish 204 '-n' PATH_INFO=
	publish 204 '' PATH_INFO=/A.b_c-9
	publish 204 $'with its end\n'
	publish 204 $'bell \a: x' HTTP_ORIGIN=http://here.example
	printf '%s\t%s\n' note 'disk full' note \
		'a	b \n %s $(id) `id` "'\'' -e & <b> naïve 🎉' '' -n A.b_c-9 '' \
		note 'with its end' note $'bell \a: x' | diff - news
}

@test "publish ends a line that a full disk has left incomplete" {
	make_secret
	printf 'note\tto' >news
	publish 204 'one'
	printf 'note\tto\nnote\tone\n' | cmp - news
}

@test "publish takes a user that the server knows, or the secret" {
	make_secret
	publish 204 hi HTTP_X_SECRET= REMOTE_USER=alice
	publish 403 hi HTTP_X_SECRET=
	publish 403 hi HTTP_X_SECRET='*'
	publish 403 hi HTTP_X_SECRET=hus
	publish 403 hi HTTP_ORIGIN=http://there.example
	publish 403 hi REMOTE_USER=alice HTTP_ORIGIN=null
	chmod 640 secret
	publish 403 hi
	chmod 600 secret
	: >secret
	publish 403 hi HTTP_X_SECRET=
	publish 403 hi
	rm secret
	publish 403 hi HTTP_X_SECRET=
	publish 403 hi HTTP_X_SECRET= SECRET=
	printf 'note\talice: hi\n' | diff - news
}

@test "publish refuses what is no line, too long, or not whole" {
	make_secret
	publish 400 $'a\nb'
	publish 400 $'a\rb'
	publish 400 $'a\n\n'
	publish 400 $'a\r\n'
	for type in $'a\nb' $'a\rb' $'a\tb' 'a b' 'ä' a/b end start gap; do
		publish 400 x PATH_INFO="/$type"
	done
	publish 400 x CONTENT_LENGTH=2
	publish 400 x CONTENT_LENGTH=-1
	publish 400 x CONTENT_LENGTH=0x1
	publish 400 x REMOTE_USER=$'a\nb'
	publish 411 x CONTENT_LENGTH=
	publish 413 x CONTENT_LENGTH=65537
	publish 413 x CONTENT_LENGTH=99999999999999999999999
	printf 'a\0b' | ask publish CONTENT_LENGTH=3 HTTP_X_SECRET=hush 2>error |
		grep -q 'Status: 400'
	for method in GET HEAD PUT ''; do
		publish 405 x "REQUEST_METHOD=$method"
	done
	ask publish REQUEST_METHOD=GET | grep -qx 'Allow: POST'
	[ ! -e news ]
	mkdir news
	publish 500 x
}

@test "messages of 64 KiB that come at once stay whole, an event each" {
	make_secret
	big() {
		head -c 65535 /dev/zero | tr '\0' "$1"
		echo
	}
	shells=()
	for letter in a b c d; do
		for _ in 1 2 3 4 5; do big "$letter" |
			ask publish CONTENT_LENGTH=65536 HTTP_X_SECRET=hush; done \
			>>answers &
		shells+=("$!")
	done
	wait "${shells[@]}"
	[ "$(grep -c 'Status: 204' answers)" = 20 ]
	[ "$(sort -u news | wc -l)" = 4 ]
	[ "$(wc -lc <news | xargs)" = "20 $((20 * 65537))" ]
	mkdir -m 700 meet
	REQUEST_METHOD=GET NEWS=$PWD/news SSE_CGI_DIR=$PWD/meet \
		spawn "$TOP/cgi-bin/examples/news" >v
	ten_came() {
		[ "$(awk '/^data: / && length == 65541' v | wc -l)" = 10 ]
	}
	eventually ten_came
}

@test "lighttpd: what is published is streamed, with its type" {
	make_secret
	: >news
	printf 'alice:hers\n' >users
	start_site '
		server.modules += ( "mod_auth", "mod_authn_file" )
		auth.backend = "plain"
		auth.backend.plain.userfile = "'"$PWD/users"'"
		$HTTP["querystring"] == "known" { auth.require = ( "/cgi-bin/" => (
			"method" => "basic", "realm" => "x", "require" => "valid-user" ) ) }'
	spawn curl -sN "$URL/cgi-bin/examples/news" >v
	eventually grep -q '^event: start' v
	post() {
		curl -s -o answer -w '%{http_code}\n' \
			"$URL/cgi-bin/examples/publish/$1" "${@:2}"
	}
	[ "$(post note -H 'X-Secret: hush' -d 'one & two')" = 204 ]
	[ "$(post chat?known -u alice:hers -d hello)" = 204 ]
	[ "$(post chat?known -u alice:his -d hello)" = 401 ]
	[ "$(post note -d hello)" = 403 ]
	[ "$(post note -H 'X-Secret: hush' -H 'Transfer-Encoding: chunked' \
		-d chunked)" = 204 ]
	[ "$(post a%0Ab -H 'X-Secret: hush' -d x)" = 400 ]
	[ "$(head -c 65537 /dev/zero |
		post note -H 'X-Secret: hush' --data-binary @-)" = 413 ]
	[ "$(post note -H 'X-Secret: hush')" = 405 ]
	printf 'alert\tfrom a shell\n' >>news
	eventually grep -q 'from a shell' v
	sse-cat -c event,data <v | sed 1d >shown
	printf '%s\t%s\n' note 'one & two' chat 'alice: hello' note chunked \
		alert 'from a shell' | diff - shown
}

# bats test_tags=slow
@test "eight shells publish over a rotation: viewers who come and go have each message once, in order" {
	export SSE_CGI_DIR=$PWD/meet NEWS=$PWD/news
	mkdir -m 700 meet
	timeout 300 python3 "$TOP/tests/tools/publish.py" "${VIEWERS:-40}" \
		"${MESSAGES:-4000}" "$TOP/cgi-bin/examples/news" 3>&-
}

# A job that fails, and takes as long as it is let.
make_job() {
	cat >job <<-END
		#!/bin/sh
		echo "\$\$" >>$PWD/runs
		sleep 1 # until a page looks at an empty log, and gets a "start"
		echo 'begun <img src=x onerror="document.body.remove()">'
		i=0
		until [ -e $PWD/over ]; do
			echo "step \$((i += 1)) & on"
			sleep 0.1
		done
		echo no space left >&2
		exit 3
	END
	chmod +x job
}

# status METHOD [OPTION ...] of curl
status() {
	# lighttpd wants a POST to say how long it is
	[ "$1" != POST ] || set -- "$@" -d ''
	curl -s -o answer -w '%{http_code}\n' -X "$1" \
		"$URL/cgi-bin/examples/deploy" "${@:2}"
}

restart_lighttpd() {
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	wait "$LIGHTTPD" 2>/dev/null || :
	LIGHTTPD_CONF=$PWD/site.conf start_lighttpd
}

@test "deploy runs one job at a time, which each viewer sees from its first line to its status" {
	make_job
	start_site
	[ "$(status GET)" = 404 ]
	[ "$(status POST -H 'Origin: http://there.example')" = 403 ]
	[ "$(status POST)" = 202 ]
	[ "$(status POST)" = 409 ]
	for viewer in 1 2; do
		spawn curl -sN "$URL/cgi-bin/examples/deploy" >"v$viewer"
		eventually grep -q "step $((viewer * 5)) " "v$viewer"
	done
	restart_lighttpd
	[ "$(status POST)" = 409 ]
	spawn curl -sN "$URL/cgi-bin/examples/deploy" >v3
	viewer=$!
	eventually grep -q 'step 15 ' v3
	touch over
	eventually ended "$viewer"
	[ "$(wc -l <runs)" = 1 ]
	grep -h . jobs/run.*/log >log
	[ "$(tail -n 1 log)" = 'no space left' ]
	sse-cat <v3 | diff log -
	[ "$(sse-cat -j <v3 | tail -n 1)" = \
		'{"event":"end","id":"end","data":"3"}' ]
	[ "$(status GET -H 'Last-Event-ID: end')" = 204 ]
	curl -sN "$URL/cgi-bin/examples/deploy" >v4
	sse-cat <v4 | diff log -
	# the next job is not confused with this one
	rm over
	[ "$(status POST)" = 202 ]
	spawn curl -sN "$URL/cgi-bin/examples/deploy" >v5
	viewer=$!
	eventually grep -q 'step 2 ' v5
	touch over
	eventually ended "$viewer"
	diff <(sse-cat <v5) "jobs/$(cat jobs/current)/log"
	[ "$(wc -l <runs)" = 2 ]
}

# bats test_tags=tools
@test "deploy says of a job that was killed that it is over" {
	make_job
	start_site
	[ "$(status POST)" = 202 ]
	spawn curl -sN "$URL/cgi-bin/examples/deploy" >v
	eventually grep -q 'step 2 ' v
	# the shell that writes the status, and the job
	kill -9 "$(ps -o ppid= -p "$(cat runs)" | tr -d ' ')" "$(cat runs)"
	over() {
		[ "$(status GET -m 1)" = 200 ] && grep -q '^event: end' answer
	}
	eventually over
	grep -q '^data: 137' answer
	eventually grep -q '^event: end' v
	# a viewer who waits gets it with the next POST, and the next job starts
	[ "$(status POST)" = 202 ]
	spawn curl -sN "$URL/cgi-bin/examples/deploy" >w
	eventually grep -q 'step 2 ' w
	kill -9 "$(ps -o ppid= -p "$(tail -n 1 runs)" | tr -d ' ')" \
		"$(tail -n 1 runs)"
	touch over
	[ "$(status POST)" = 202 ]
	eventually grep -q '^data: 137' w
}

@test "deploy starts a short job once, too" {
	printf '#!/bin/sh\necho x >>%s/runs\nsleep 0.7\n' "$PWD" >job
	chmod +x job
	mkdir jobs
	export DEPLOY=$PWD/jobs JOB=$PWD/job REQUEST_METHOD=POST
	for n in 1 2 3 4; do
		"$TOP/cgi-bin/examples/deploy" >"answer$n" &
	done
	wait
	[ "$(cat answer? | grep -c '^Status: 202')" = 1 ]
	[ "$(cat answer? | grep -c '^Status: 409')" = 3 ]
	[ "$(wc -l <runs)" = 1 ]
}

# pages SCENE BROWSER
pages() {
	scene timeout -k 5 300 node "$TOP/tests/tools/publish.mjs" "$2" "$1" \
		"$URL/"
}

# Two pages in that browser; whose they are is in a cookie.
chat() {
	: >news
	start_site '
		$HTTP["cookie"] == "user=alice" {
			setenv.add-environment += ( "REMOTE_USER" => "alice" ) }
		$HTTP["cookie"] == "user=bob" {
			setenv.add-environment += ( "REMOTE_USER" => "bob" ) }'
	pages chat "$1"
	told said
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	wait "$LIGHTTPD" 2>/dev/null || :
	printf 'chat\tfrom a shell\nother\tnot here\n' >>news
	LIGHTTPD_CONF=$PWD/site.conf start_lighttpd
	touch restarted
	scene_ends
}

# bats test_tags=slow
@test "Chromium: two pages chat, in text alone, and lose nothing while the server is away" {
	chat chromium
}

# bats test_tags=slow,all
@test "Firefox: two pages chat, in text alone, and lose nothing while the server is away" {
	chat firefox
}

# bats test_tags=slow,all
@test "WebKit: two pages chat, in text alone, and lose nothing while the server is away" {
	chat webkit
}

deploy() {
	make_job
	sed 's,/cgi-bin/job,/cgi-bin/examples/deploy,' "$TOP/www/job.html" \
		>job.html
	start_site "alias.url += ( \"/job.html\" => \"$PWD/job.html\" )"
	pages deploy "$1"
	for time in 1 2; do
		told "running$time"
		restart_lighttpd
		touch "restarted$time"
	done
	told seen
	touch over
	scene_ends
	[ "$(wc -l <runs)" = 1 ]
}

# bats test_tags=slow
@test "Chromium: a job runs once while the server is killed twice; each page, reloaded or not, shows it whole" {
	deploy chromium
}

# bats test_tags=slow,all
@test "Firefox: a job runs once while the server is killed twice; each page, reloaded or not, shows it whole" {
	deploy firefox
}

# bats test_tags=slow,all
@test "WebKit: a job runs once while the server is killed twice; each page, reloaded or not, shows it whole" {
	deploy webkit
}
