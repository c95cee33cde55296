# shellcheck shell=bash
# www/sse.js in a browser, behind nginx as a proxy, over HTTP/1.1 and over TLS
# with HTTP/2: see sse.mjs. For sse.bats and sse-minute.bats.

load lib/helper
load lib/checks
export TOLD_S=200

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	ANSWERS=yes # nginx has an answer, 502, where lighttpd is down
	make_checks
	cp "$TOP/tests/tools/sse.html" site/www/
	cgi single <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-counter' -r 600 -i 0.1
	END
	cgi forbidden <<-'END'
		#!/bin/sh
		printf 'Status: 403\r\n\r\n'
	END
	# a stream, or nearly
	cgi answer <<-'END'
		#!/bin/sh
		case $QUERY_STRING in
		case) printf 'Content-Type: Text/Event-Stream;charset=utf-8\r\n\r\n' ;;
		status) printf 'Status: 201\r\nContent-Type: text/event-stream\r\n\r\n' ;;
		type) printf 'Content-Type: text/event-streamX\r\n\r\n' ;;
		esac
		printf 'data: x\n\nevent: end\ndata: 0\n\n'
	END
	cgi query <<-'END'
		#!/bin/sh
		printf 'Content-Type: text/event-stream\r\n\r\nretry: 100\n'
		printf 'id: 7\ndata: %s\n\n' "$QUERY_STRING"
	END
	# an id on each fifth event, or on none
	for fifth in id ''; do
		cgi "ids$fifth" <<-END
			#!/bin/sh
			printf 'Content-Type: text/event-stream\r\n\r\n'
			for n in \$(seq 1000); do
				[ "\$((n % 5))" != 1 ] || printf '${fifth:-:}: %s\n' "\$n"
				printf 'data: %s\n\n' "\$n"
				sleep 0.1
			done
		END
	done
	cgi dated <<-END
		#!/bin/sh
		if [ -e '$PWD/dated' ]; then
			printf 'Content-Type: text/event-stream\r\n\r\n'
			printf 'event: end\ndata: 0\n\n'
		else
			touch '$PWD/dated'
			printf 'Status: 503\r\nRetry-After: %s\r\n\r\n' \
				"\$(LC_ALL=C date -u -d '+8 seconds' '+%a, %d %b %Y %T GMT')"
		fi
	END
	# statuses between two streams, which say what they were asked
	cgi flaky <<-END
		#!/bin/sh
		echo x >>'$PWD/asked'
		case \$(wc -l <'$PWD/asked') in
		1) printf 'Content-Type: text/event-stream\r\n\r\nretry: 100\n'
			printf 'id: one 1\ndata: %s\n\n' "\$QUERY_STRING" ;;
		2) printf 'Status: 502\r\n\r\n' ;;
		3) printf 'Status: 503\r\nRetry-After: 1\r\n\r\n' ;;
		4) printf 'Status: 504\r\n\r\n' ;;
		5) printf 'Status: 429\r\n\r\n' ;;
		*) printf 'Content-Type: text/event-stream\r\n\r\n'
			printf 'id: two\ndata: %s %s\n\nevent: end\ndata: over\n\n' \
				"\$QUERY_STRING" "\$HTTP_LAST_EVENT_ID" ;;
		esac
	END
	cgi silent <<-END
		#!/bin/sh
		at=\${HTTP_LAST_EVENT_ID:-0}
		printf 'Content-Type: text/event-stream\r\n\r\n'
		printf 'event: alive\ndata: 1\n\n'
		for n in 1 2 3; do
			printf 'id: %s\ndata: %s\n\n' "\$((at + n))" "\$((at + n))"
		done
		exec sleep 60
	END
}

# lighttpd, and nginx in front of it, that answers 502 if lighttpd is down
start_servers() {
	start_lighttpd
	FRONT=$(free_port)
	if [ "$1" = haproxy ]; then
		spawn env "PORT=$FRONT" "BACKEND=$PORT" haproxy -db -f "$TOP/conf/haproxy.cfg" \
			>haproxy.log 2>&1
		eventually listens "$FRONT"
		return
	fi
	local listen="listen 127.0.0.1:$FRONT;"

	if [ "$1" = https ]; then
		make_certificate
		listen="listen 127.0.0.1:$FRONT ssl http2; ssl_certificate \
$PWD/run/cert.pem; ssl_certificate_key $PWD/run/key.pem;"
	fi
	sed -e "s|listen .*|$listen|" -e "s|@BACKEND@|$PORT|" \
		-e "s|@SSE_RUN@|$PWD/run|" ${ANSWERS:+-e '/error_page/d'} \
		"$TOP/conf/nginx-proxy.conf" >nginx.conf
	spawn nginx -p "$PWD/run" -c "$PWD/nginx.conf" >nginx.log 2>&1
	eventually listens "$FRONT"
}

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 \
		-nodes -days 30 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
		-keyout run/key.pem -out run/cert.pem 2>openssl.log
}

# BROWSER SCENARIO SCHEME [SECONDS], of sse.mjs
browser_starts() {
	start_servers "$3"
	set -- "$1" "$2" "${3/haproxy/http}" "${4:-}"
	scene timeout -k 5 400 node "$TOP/tests/tools/sse.mjs" "$1" "$2" \
		"$3://127.0.0.1:$FRONT/" "$4"
}

browser_ends() {
	scene_ends
	sed 's/^/# /' scene.log >&3
}

# How many times the program "single" runs
singles() {
	[ "$(left_over | while read -r pid; do
		grep -zs '^SCRIPT_NAME=/cgi-bin/single' "/proc/$pid/environ" |
			tr '\0' '\n'
	done | wc -l)" -eq "$1" ]
}

# One program for all tabs that share it, and none when they have gone
shares() {
	told shared
	eventually singles 1
	touch one
	told alone
	eventually singles 0
	touch none
}

does_all() {
	browser_starts "$1" all "$2"
	shares
	browser_ends
}

# BROWSER SCHEME SECONDS [SCENARIO]
survives() {
	browser_starts "$1" "${4:-down}" "$2" "$3"
	told counting
	kill -9 "$LIGHTTPD"
	eventually ended "$LIGHTTPD"
	wait "$LIGHTTPD" 2>/dev/null || :
	touch killed
	told restart
	start_lighttpd
	touch restarted
	browser_ends
}
