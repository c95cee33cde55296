#!/usr/bin/env bats
# bats file_tags=tools
# docs/access.md: its blocks, under lighttpd, Apache and nginx, and the scripts
# that it names.

load lib/helper
load lib/servers

setup() {
	mkdir "$BATS_TEST_TMPDIR/blocks"
	"$TOP/tests/tools/blocks.py" "$BATS_TEST_TMPDIR/blocks"
	make_server_site
	cgi who <<'X'
#!/bin/sh
printf 'Content-Type: text/event-stream\n\ndata: %s\n\n' "$REMOTE_USER"
X
	ln -s "$PROGRAMS_DIR/sse-share" "$PROGRAMS_DIR/sse-tail" "$SITE/"
	mkdir "$SITE/cgi-bin/examples" "$SSE_RUN/users"
	cp "$TOP"/cgi-bin/examples/{mine,link} "$SITE/cgi-bin/examples/"
	printf 'ann:%s\n' "$(openssl passwd -apr1 secret)" \
		>"$SSE_RUN/users/passwords"
}

teardown() {
	show_failure
	stop_all
}

# Writes a block of the page to $SSE_RUN/NAME, with this test's paths.
block() {
	sed -e "s,/etc/sse/users,$SSE_RUN/users/passwords,
		s,/etc/sse/,$SSE_RUN/," \
		"$BATS_TEST_TMPDIR/blocks/access-$1"/* >"$SSE_RUN/$1"
}

# Each server with the named block. lighttpd also passes on the variables that
# the scripts read.
lighttpd_with() {
	block "$1-lighttpd"
	{
		echo "include \"$TOP/conf/lighttpd${2:-}.conf\""
		echo "setenv.add-environment = (\"LOGS\" => \"$SSE_RUN/logs\","
		echo "\"LOG\" => \"$SSE_RUN/logs/ann.log\","
		echo "\"KEYS\" => \"$SSE_RUN/keys\")"
		cat "$SSE_RUN/$1-lighttpd"
		# a script that needs no password
		echo "alias.url += (\"/link\" => \"$SITE/cgi-bin/examples/link\")"
		echo '$HTTP["url"] =~ "^/link" { cgi.assign = ("" => "") }'
	} >"$SSE_RUN/a.conf"
	start_lighttpd_on a.conf
}

apache_with() {
	local module

	block "$1-apache"
	{
		cat "$TOP/conf/apache.conf"
		for module in authn_core auth_basic authn_file authz_user ssl; do
			echo "LoadModule ${module}_module" \
				"/usr/lib/apache2/modules/mod_$module.so"
		done
		cat "$SSE_RUN/$1-apache" "${@:2}"
	} >"$SSE_RUN/a.conf"
	server setsid /usr/sbin/apache2 -D FOREGROUND -f "$SSE_RUN/a.conf"
}

# The common frame includes fastcgi_params, whose REMOTE_USER is the password's.
nginx_with() {
	block "$1-nginx"
	start_fcgiwrap
	grep -v fastcgi_param "$SSE_RUN/$1-nginx" >"$SSE_RUN/server" || :
	grep fastcgi_param "$SSE_RUN/$1-nginx" >"$SSE_RUN/location" || :
	sed '/REMOTE_USER/d' /etc/nginx/fastcgi_params >>"$SSE_RUN/location"
	[ "$1" = cert ] || cp /etc/nginx/fastcgi_params "$SSE_RUN/location"
	conf nginx.conf -e "/root .*www;/r $SSE_RUN/server" "${@:2}" \
		-e "s,include .*fastcgi_params;,include $SSE_RUN/location;,"
	server nginx -p "$SSE_RUN" -c "$SSE_RUN/nginx.conf"
}

status() {
	curl -so "$SSE_RUN/answer" -w '%{http_code}\n' "$@" \
		"$URL/cgi-bin/${NAME:-who}" || echo none
}

password_is_needed() {
	[ "$(status)" = 401 ]
	[ "$(status -u ann:wrong)" = 401 ]
	[ "$(status -u ann:secret)" = 200 ]
	grep -qx 'data: ann' "$SSE_RUN/answer"
}

@test "lighttpd opens a stream to who has the password" {
	lighttpd_with basic
	password_is_needed
}

@test "Apache opens a stream to who has the password" {
	apache_with basic
	password_is_needed
}

@test "nginx opens a stream to who has the password" {
	nginx_with basic
	password_is_needed
}

# An authority, its certificate for ann, and the server's.
make_certificates() {
	local name

	cd "$SSE_RUN" || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-days 2 -subj /CN=ours -keyout ca.key -out ca.pem 2>ca.log
	for name in ann localhost; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-subj "/CN=$name" -keyout "$name.key" -out "$name.csr"
		openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca.key \
			-CAcreateserial -days 2 -out "$name.crt"
	done 2>>ca.log
	cat localhost.key localhost.crt >site.pem
	# shellcheck disable=SC2034 # for view, in servers.bash
	CURL=(--insecure)
	URL=https://127.0.0.1:$PORT
}

# The user's name is as $1 says.
certificate_is_needed() {
	[[ $(status -k) =~ ^(000none|000|400) ]]
	[ "$(status -k --cert "$SSE_RUN/ann.crt" --key "$SSE_RUN/ann.key")" = 200 ]
	grep -qx "data: $1" "$SSE_RUN/answer"
}

@test "lighttpd opens a stream to who has a certificate" {
	make_certificates
	lighttpd_with cert -tls
	certificate_is_needed ann
}

@test "Apache opens a stream to who has a certificate" {
	make_certificates
	cat >tls <<X
SSLEngine on
SSLCertificateFile $SSE_RUN/site.pem
X
	apache_with cert tls
	certificate_is_needed ann
}

@test "nginx opens a stream to who has a certificate" {
	make_certificates
	cat >tls <<X
ssl_certificate $SSE_RUN/site.pem;
ssl_certificate_key $SSE_RUN/site.pem;
X
	nginx_with cert -e "/root .*www;/r $SSE_RUN/tls" \
		-e 's/\(listen .*\);/\1 ssl;/'
	certificate_is_needed CN=ann
}

@test "each user sees the log of his own, and nobody that of another" {
	mkdir "$SSE_RUN/logs"
	echo "for ann" >"$SSE_RUN/logs/ann.log"
	echo "for bob" >"$SSE_RUN/logs/bob.log"
	printf 'bob:%s\n' "$(openssl passwd -apr1 secret)" \
		>>"$SSE_RUN/users/passwords"
	chmod -R a+rX "$SSE_RUN/logs"
	lighttpd_with basic
	for user in ann bob; do
		view examples/mine -u "$user:secret"
		see "data: for $user"
		refute grep -q "$(echo annbob | sed "s/$user//")" "$SEEN"
	done
	[ "$(NAME=examples/mine status)" = 401 ]
	for user in '' ../ann .ann 'a b' a/b; do
		REMOTE_USER=$user "$TOP/cgi-bin/examples/mine" | grep '^Status: 403'
	done
}

@test "a link works for as long as its secret is in the file" {
	mkdir "$SSE_RUN/logs"
	echo one >"$SSE_RUN/logs/ann.log"
	key=$(openssl rand -hex 16)
	printf '\n%s\n' "$key" >"$SSE_RUN/keys"
	chmod -R a+rX "$SSE_RUN/logs" "$SSE_RUN/keys"
	lighttpd_with basic
	view "examples/link?key=$key" -u ann:secret
	see 'data: one'
	for query in '' key= "key=${key%?}" "${key#?}" "key=." "key=$key%41" \
		'key=................................'; do
		[ "$(NAME="examples/link?$query" status -u ann:secret)" = 403 ]
	done
	# grep takes each line for a pattern, and this file has an empty line
	REQUEST_METHOD=HEAD KEYS="$SSE_RUN/keys" QUERY_STRING=key=$'0123456789abcdef\n' \
		"$TOP/cgi-bin/examples/link" | grep '^Status: 403'
	echo >"$SSE_RUN/keys"
	[ "$(NAME="examples/link?key=$key" status -u ann:secret)" = 403 ]
}

@test "with -m a viewer whose password is taken away gets 401" {
	cgi short <<X
#!/bin/sh
exec $SITE/bin/sse-counter -i 0.1 -m 0.5
X
	lighttpd_with basic
	[ "$(NAME=short status -u ann:secret)" = 200 ]
	grep -q '^data: 4' "$SSE_RUN/answer"
	: >"$SSE_RUN/users/passwords"
	[ "$(NAME=short status -u ann:secret)" = 401 ]
}

# bats test_tags=slow,all
@test "401 and 403 stop an EventSource in three browsers" {
	echo a >"$SITE/www/empty.html"
	lighttpd_with basic
	mkdir "$SSE_RUN/folder"
	for browser in chromium firefox webkit; do
		# at 401 the others ask their user
		paths=(/link)
		[ "$browser" != chromium ] || paths+=(/cgi-bin/who)
		timeout 120 node "$TOP/tests/tools/access.mjs" "$SSE_RUN/folder" \
			"$browser" "$URL" "${paths[@]}"
	done
}
