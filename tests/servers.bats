#!/usr/bin/env bats
# servers: the same tests, "rows", on every web server; docs/servers.md has the
# results. Each row is a function of servers.bash; a server's exceptions are
# words (TRAITS) in its start function there.

# bats file_tags=slow

load lib/helper
load lib/servers

teardown() {
	show_failure
	stop_all
}

@test "lighttpd streams" {
	run_rows lighttpd_http1
}

@test "lighttpd with HTTP/2 streams" {
	run_rows lighttpd_h2c
}

# bats test_tags=all
@test "lighttpd with TLS and HTTP/2 streams" {
	run_rows lighttpd_tls
}

# bats test_tags=all
@test "lighttpd with fcgiwrap streams" {
	run_rows lighttpd_fcgiwrap
}

@test "Apache with event and mod_cgid streams" {
	run_rows apache_cgid
}

# bats test_tags=all
@test "Apache with event and mod_cgi streams" {
	run_rows apache_cgi
}

# bats test_tags=all
@test "Apache with prefork and mod_cgi streams" {
	run_rows apache_prefork
}

# bats test_tags=all
@test "Apache with mod_http2 streams" {
	run_rows apache_http2
}

# bats test_tags=all
@test "Apache with mod_proxy_fcgi and fcgiwrap streams" {
	run_rows apache_proxy
}

# bats test_tags=all
@test "Apache with mod_fcgid and fcgiwrap streams" {
	run_rows apache_fcgid
}

@test "nginx with fcgiwrap streams" {
	run_rows nginx
}

@test "BusyBox httpd streams" {
	run_rows busybox
}

# bats test_tags=all
@test "Caddy with fcgiwrap streams" {
	run_rows caddy
}

# bats test_tags=all
@test "haproxy before lighttpd streams" {
	run_rows haproxy
}

# bats test_tags=all
@test "nginx before lighttpd streams" {
	run_rows nginx_proxy
}

# bats test_tags=all
@test "Apache before lighttpd streams" {
	run_rows apache_proxy_http
}

# bats test_tags=all
@test "h2o streams" {
	needs_h2o
	run_rows h2o
}

# bats test_tags=all
@test "h2o with HTTP/2 streams" {
	needs_h2o
	run_rows h2o_h2c
}

# bats test_tags=all
@test "uwsgi with its CGI plugin streams" {
	run_rows uwsgi
}

# bats test_tags=all
@test "webfs streams" {
	run_rows webfs
}

# bats test_tags=all
@test "mini-httpd streams" {
	run_rows mini_httpd
}

# bats test_tags=all
@test "http.server of Python streams" {
	run_rows python
}

# bats test_tags=all
@test "yaws streams" {
	run_rows yaws
}

# bats test_tags=all
@test "twisted streams" {
	run_rows twisted
}

# bats test_tags=all
@test "socat with an nph program streams" {
	run_rows socat
}

# bats test_tags=all
@test "openbsd-inetd with an nph program streams" {
	run_rows inetd
}

# bats test_tags=all
@test "ncat with an nph program streams" {
	run_rows ncat
}

# bats test_tags=all
@test "tcpserver with an nph program streams" {
	run_rows tcpserver
}

# bats test_tags=all
@test "a systemd socket with an nph program streams" {
	run_rows systemd
}

@test "mod_deflate of lighttpd leaves a stream as it is" {
	run_filter deflate_of_lighttpd
}

@test "gzip of nginx passes each event on" {
	run_filter gzip_of_nginx
}

@test "mod_deflate of Apache holds events back, until it is told no-gzip" {
	run_filter deflate_of_apache
}

# bats test_tags=all
@test "proxy_buffering of nginx holds events back, unless the header says no" {
	run_filter buffering_of_nginx
}

@test "nginx ends its old workers' streams after a reload" {
	run_other reload of_nginx
}

@test "Apache answers after twelve reloads, a stream open at each" {
	run_other reload of_apache
}

@test "lighttpd passes a body on while it is written, if told to" {
	run_other body under_lighttpd
}

@test "lighttpd with a door streams" {
	run_rows lighttpd_scgi
}

# bats test_tags=all
@test "lighttpd with a door and HTTP/2 streams" {
	run_rows lighttpd_scgi_h2c
}

# bats test_tags=all
@test "lighttpd with a door, TLS and HTTP/2 streams" {
	run_rows lighttpd_scgi_tls
}

@test "nginx with a door streams" {
	run_rows nginx_scgi
}

# bats test_tags=all
@test "nginx with a door and HTTP/2 streams" {
	run_rows nginx_scgi_h2c
}

# bats test_tags=all
@test "Apache with a door streams" {
	run_rows apache_scgi
}

# bats test_tags=all
@test "Caddy with a door streams" {
	run_rows caddy_door
}

# bats test_tags=all
@test "haproxy with a door streams" {
	run_rows haproxy_door
}

# bats test_tags=all
@test "a door that spawn-fcgi has started streams" {
	run_rows spawn_fcgi
}

# bats test_tags=all
@test "a door at a systemd socket streams" {
	run_rows systemd_door
}

# bats test_tags=all
@test "a door at inetd's wait streams" {
	run_rows inetd_door
}
