# blocks: functions for blocks.bats: a separate Debian, and a function for each
# kind of code block. blocks.py extracts the blocks from the pages.
# shellcheck shell=bash

# --- outside ---

# Whether the kernel lets this user create namespaces; fails for root if not.
needs_namespaces() {
	NAMESPACES=(--mount --net --pid --fork --kill-child --mount-proc)
	if [ "$(id -u)" = 0 ]; then
		# in a chroot nothing is mounted on / to make private
		unshare --mount true 2>/dev/null ||
			NAMESPACES+=(--propagation unchanged)
		return
	fi
	NAMESPACES+=(--map-root-user)
	unshare "${NAMESPACES[@]}" true 2>/dev/null ||
		skip 'an ordinary user may not make namespaces here'
}

# Servers that start as root and change to another user at once.
needs_root() {
	[ "$(id -u)" = 0 ] || skip 'these servers change their user'
}

# Runs functions of this file, by name, in new namespaces: mounts and processes
# end with these.
in_debian() {
	declare -f >"$BATS_TEST_TMPDIR/functions"
	env -i HOME=/tmp TERM=dumb LC_ALL=C CHROMIUM="$CHROMIUM" \
		PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
		MADE="$BATS_FILE_TMPDIR" ROOT="$(id -u)" \
		unshare "${NAMESPACES[@]}" bash -c '
			. "$0"
			set -e
			make_debian
			for function; do
				$function
			done' "$BATS_TEST_TMPDIR/functions" "$@" 3>&-
}

# --- inside ---

# A user who is root only inside the namespace has no other user there.
is_root() {
	[ "$ROOT" = 0 ]
}

# A temporary Debian after "make install", with its lighttpd. A copy of the
# checkout is in /usr/local/src/sse-cgi, the blocks are beside it.
make_debian() {
	local place

	cd /
	mount -t tmpfs -o mode=755 tmpfs /usr/local
	mkdir -p /usr/local/src/sse-cgi /usr/local/src/blocks /usr/local/etc
	mount --bind "$MADE/checkout" /usr/local/src/sse-cgi
	mount --bind "$MADE/blocks" /usr/local/src/blocks
	cp -R /etc/lighttpd /usr/local/etc
	for place in /etc/lighttpd /usr/lib/cgi-bin /var /run /srv; do
		mount -t tmpfs -o mode=755 tmpfs "$place"
	done
	mount -t tmpfs -o mode=1777 tmpfs /tmp
	cp -R /usr/local/etc/lighttpd /etc
	rm -f /etc/lighttpd/conf-enabled/*
	mkdir -p /var/log/lighttpd /var/cache/lighttpd/uploads /var/www/html \
		/var/lib/nginx /var/log/nginx
	ln -s /run /var/run
	if is_root; then
		chown www-data /var/log/lighttpd /var/cache/lighttpd/uploads
	else
		sed -i '/^server\.\(user\|group\)name/d' \
			/etc/lighttpd/lighttpd.conf
	fi
	printf '127.0.0.1 localhost s1 s2 s3\n127.0.0.2 redis.example.net\n' \
		>/run/hosts
	mount --bind /run/hosts /etc/hosts
	python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh22x", b"lo", 1))'
	cd /usr/local/src/sse-cgi || return
	make install >/run/make.log
}

# Debian's lighttpd, as its service starts it, with the modules that are
# named; "lines" are those of the README.
serve() {
	cp ../blocks/lines/* /etc/lighttpd/conf-available/50-lines.conf
	lighty-enable-mod "$@" >/dev/null
	(
		cd /
		exec env -i LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			lighttpd -D -f /etc/lighttpd/lighttpd.conf
	) &>/run/lighttpd &
	eventually listens 80
}

# The sources that scripts and commands read: files, and Redis, also with TLS
# and a Sentinel. The user "reader" is from the manual.
make_sources() {
	local folder

	for folder in /var/log /var/lib .; do
		printf 'one\ntwo\nthree\n' |
			tee "$folder"/{app.log,messages,news.txt} >notes.txt
	done
	echo '127.0.0.1 - - "GET / HTTP/1.1"' >access.log
	cat >/usr/lib/cgi-bin/stream.py <<-'X'
		import time
		print("Content-Type: text/event-stream\n\ndata: one\n", flush=True)
		time.sleep(60)
	X
	printf '#!/bin/sh\nexec sed "s/^/You said: /"\n' >/usr/local/bin/llm
	chmod +x /usr/local/bin/llm
	mkdir /run/redis /etc/ssl/certs 2>/dev/null || :
	mount -t tmpfs tmpfs /etc/ssl/certs
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-days 2 -subj /CN=redis.example.net -keyout /run/redis/key \
		-addext subjectAltName=DNS:redis.example.net \
		-out /etc/ssl/certs/ours.pem 2>/dev/null
	openssl rehash /etc/ssl/certs
	redis-server --bind 127.0.0.1 --save '' &>/run/redis/log &
	eventually listens 6379
	run_shell shell-acl
	cat /run/redis/key /etc/ssl/certs/ours.pem >/run/redis/pem
	socat OPENSSL-LISTEN:6379,bind=127.0.0.2,fork,verify=0,cert=/run/redis/pem \
		TCP:127.0.0.1:6379 &>/run/redis/tls.log &
	echo 'sentinel monitor mymaster 127.0.0.1 6379 1' >/run/redis/sentinel
	redis-server /run/redis/sentinel --sentinel --bind 127.0.0.1 \
		&>/run/redis/sentinel.log &
	eventually listens 26379
	while redis-cli xadd prices '*' data 1; do
		sleep 0.5
	done &>/dev/null &
}

# Fails, and shows the files that may tell the reason.
failed() {
	echo "--- $1"
	shift
	tail -n 20 "$@" 2>/dev/null
	return 1
}

# --- a function for each kind ---

# Each script is put into /usr/lib/cgi-bin and requested until an event comes.
run_script() {
	local block name post

	for block in ../blocks/script/*; do
		name=${block##*/}
		install -m 755 "$block" "/usr/lib/cgi-bin/$name"
		post=()
		! grep -q -e '-M POST' "$block" || post=(-d 'hello')
		curl -isN "${post[@]}" "http://localhost/cgi-bin/$name" \
			>"/run/$name" &
	done
	for block in ../blocks/script/*; do
		name=${block##*/}
		DEADLINE=30 eventually grep -aq '^data: .' "/run/$name" ||
			failed "$name" "$block" "/run/$name" \
				/run/lighttpd /var/log/lighttpd/error.log
	done
}

without_numbers() {
	tr -d '\r' | sed 's/[0-9][0-9.]*/N/g'
}

# Whether a command's output, $1, begins with the page's text, $2, ignoring
# numbers; or else, whether it has an event.
has_shown() {
	local seen

	if [ -n "$2" ]; then
		seen=$(without_numbers <"$1")
		[[ $seen == "$(without_numbers <<<"$2")"* ]]
	else
		grep -aqv -e '^[A-Z][A-Za-z-]*: ' -e $'^\r*$' -e '^:' \
			-e '^retry:' "$1"
	fi
}

has_shown_or_ended() {
	has_shown /run/out "$1" || ended "$2"
}

# A command in the checkout prints what the page shows; or it exits with 0, or
# keeps sending events.
run_command() {
	local pid

	: >/run/out
	setsid bash -o pipefail -c "$1" </dev/null >/run/out 2>/run/err &
	pid=$!
	DEADLINE=120 eventually has_shown_or_ended "$2" "$pid"
	if [ -z "$2" ] && ended "$pid"; then
		wait "$pid" || failed "$1" /run/out /run/err
		return
	fi
	has_shown /run/out "$2" || failed "$1" /run/out /run/err
	kill -- "-$pid" 2>/dev/null || :
	wait "$pid" || :
}

run_shell() {
	local block command shown

	for block in "../blocks/${1:-shell}"/*; do
		while read -r -d '' command && read -r -d '' shown; do
			if [[ $command == runuser* ]] && ! is_root; then
				continue
			fi
			run_command "$command" "$shown"
		done <"$block"
	done
}

# The README's script in cgi-bin, and "make run".
make_site_of_checkout() {
	install -m 755 ../blocks/script/README.md.3 cgi-bin/average
	setsid make run &>/run/make-run &
	eventually listens 3000
}

# The server without the README's lines.
run_shell_bare() {
	cp cgi-bin/doctor /usr/lib/cgi-bin
	run_shell shell-bare
}

# Makes a page that writes numbers to its console of a block: a script, or a
# whole page, which shows them.
make_page() {
	if grep -q '^<!doctype' "$1"; then
		cat "$1"
		echo '<script>setInterval(() => {
			const seen = document.body.innerText.match(/[0-9.]+/)
			if (seen) console.log("seen: " + seen)
		}, 200)</script>'
	else
		echo '<script>const show = text => console.log(text)'
		cat "$1"
		echo '</script>'
	fi
}

# Each page runs in Chromium and writes to its console.
run_page() {
	local block name

	cp cgi-bin/{page,load,vmstat} sse-counter /usr/lib/cgi-bin
	install -m 755 ../blocks/script/README.md.3 /usr/lib/cgi-bin/average
	for block in ../blocks/page/*; do
		name=${block##*/}
		make_page "$block" >"/var/www/html/$name.html"
		"$CHROMIUM" --headless --no-sandbox --disable-gpu \
			--user-data-dir="/tmp/$name" --remote-debugging-port=0 \
			--enable-logging=stderr \
			"http://localhost/$name.html" &>"/run/$name" &
		eventually grep -q 'INFO:CONSOLE[^"]*"[^"]*[0-9]' "/run/$name" ||
			failed "$name" "$block" "/run/$name"
		kill $!
		wait $! || :
	done
}

# Waits for an event of the counter from a port.
has_event() {
	curl -sN --max-time 10 "http://localhost:$1/cgi-bin/sse-counter" |
		grep -q -m 1 '^data: '
}

make_srv() {
	mkdir -p /srv/www/cgi-bin /run/nginx
	cp sse-counter /srv
	cp sse-counter /srv/www/cgi-bin
	cp sse-counter /usr/lib/cgi-bin
}

# Starts a server on a port, asks it and ends it.
try_server() {
	local port=$1 pid

	shift
	setsid "$@" &>/run/server &
	pid=$!
	eventually listens "$port" || failed "$*" /run/server /run/error.log
	eventually has_event "$port" || failed "$*" /run/server /run/error.log
	kill -- "-$pid" "$pid" 2>/dev/null || :
	eventually refute listens "$port"
}

# Each line starts a server on port 8080 or 3000, or is run before that.
run_listen() {
	local block line port

	for block in /usr/local/src/blocks/listen/*; do
		while read -r line; do
			port=$(grep -ow -e 8080 -e 3000 <<<"$line") || :
			if [ -n "$port" ]; then
				try_server "$port" bash -c "cd /srv && $line"
			else
				bash -c "cd /srv && $line"
			fi
		done <"$block"
	done
}

run_inetd() {
	ln -sf sse-counter /srv/nph-sse-counter
	try_server 3000 inetd -i /usr/local/src/blocks/inetd/*
}

# Each block begins with its path in a comment.
run_unit() {
	local block units=()

	ln -sf sse-counter /srv/nph-sse-counter
	for block in ../blocks/unit/*; do
		units+=("/run/$(head -n 1 "$block" | sed 's,.*/,,')")
		cp "$block" "${units[-1]}"
	done
	systemd-analyze verify "${units[@]}" &>/run/verify
	[ ! -s /run/verify ] || failed "${units[*]}" /run/verify
}

# lighttpd with only the block, then with the lines that "live" adds.
run_lighttpd() {
	cat - ../blocks/lighttpd/* >/run/a.conf <<-'X'
		server.port = 8080
		server.document-root = "/srv/www"
	X
	cat /run/a.conf ../blocks/live/* >/run/b.conf
	lighttpd -tt -f /run/b.conf
	rm /srv/www/cgi-bin/sse-counter
	try_server 8080 lighttpd -D -f /run/a.conf
}

apache_frame() {
	local module

	for module in mpm_event authz_core alias env "$@"; do
		echo "LoadModule ${module}_module" \
			"/usr/lib/apache2/modules/mod_$module.so"
	done
	cat <<-'X'
		ServerName localhost
		Listen 8080
		User www-data
		Group www-data
		DefaultRuntimeDir /run
		PidFile /run/apache.pid
		ErrorLog /run/error.log
		Alias /cgi-bin/ /usr/lib/cgi-bin/
		<Directory /usr/lib/cgi-bin>
			Require all granted
			Options +ExecCGI
			SetHandler cgi-script
		</Directory>
	X
}

run_apache() {
	{ apache_frame cgid && cat ../blocks/apache/*; } >/run/a.conf
	apache2 -t -f /run/a.conf 2>/run/server || failed apache /run/server
	try_server 8080 apache2 -D FOREGROUND -f /run/a.conf
}

start_fcgiwrap() {
	rm -f /run/fcgiwrap.socket
	spawn-fcgi -M 0666 -s /run/fcgiwrap.socket -- /usr/sbin/fcgiwrap -c 9 \
		>/dev/null
}

run_apache_fcgiwrap() {
	start_fcgiwrap
	{ apache_frame proxy proxy_fcgi && cat ../blocks/apache-fcgiwrap/*; } \
		>/run/a.conf
	apache2 -t -f /run/a.conf 2>/run/server || failed apache /run/server
	try_server 8080 apache2 -D FOREGROUND -f /run/a.conf
}

run_nginx() {
	start_fcgiwrap
	cp /etc/nginx/fastcgi_params /run
	{
		echo 'user www-data; daemon off; pid /run/nginx.pid; events {}'
		cat ../blocks/nginx-main/*
		echo 'http { server { listen 8080; root /usr/lib;'
		cat ../blocks/nginx/*
		echo '} }'
	} >/run/nginx.conf
	nginx -t -c /run/nginx.conf 2>/run/server || failed nginx /run/server
	try_server 8080 nginx -c /run/nginx.conf
}

run_url() {
	run_command "sse-redis -n 1 -u '$(cat ../blocks/url/*)' prices" ''
}
