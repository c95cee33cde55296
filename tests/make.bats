#!/usr/bin/env bats
# The Makefile, on a copy of the tree: the variables that it honours, the
# dependencies that it tracks, install and uninstall.

load lib/helper

setup() {
	local path

	# make test's own settings are not these tests'
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
	unset CC CFLAGS CPPFLAGS LDFLAGS LDLIBS PREFIX DESTDIR VERSION
	mkdir "$BATS_TEST_TMPDIR/tree"
	cd "$BATS_TEST_TMPDIR/tree" || return 1
	tar -C "$TOP" -c --exclude=./build --exclude=node_modules \
		--exclude=./.git . | tar -x
	while read -r path; do
		rm -rf "./${path#/}"
	done <.gitignore
}

# Optimising would take most of the time.
quick() {
	make -j2 CFLAGS=-O0 "$@" >>../make.log 2>&1
}

# Hides headers from the compiler, as if their package were not there.
hide() {
	local header

	for header in "$@"; do
		mkdir -p "../hidden/${header%/*}"
		echo "#error $header is hidden" >"../hidden/$header"
	done
	export CPPFLAGS="-isystem $BATS_TEST_TMPDIR/hidden"
}

programs() {
	printf '%s\n' sse-*.c | sed 's/\.c$//'
}

# bats test_tags=slow
@test "make honours CC, CFLAGS, CPPFLAGS and LDFLAGS" {
	cat >../cc <<-'END'
		#!/bin/sh
		echo "$*" >>"$LOG"
		exec cc "$@"
	END
	chmod +x ../cc
	export LOG=$PWD/../log

	make CC=../cc CFLAGS='-O0 -DC=1' CPPFLAGS=-DCPP=1 LDFLAGS=-Wl,-O1 \
		sse-counter >../make.log
	./sse-counter --version
	grep -e ' -c ' ../log >../compile
	grep -e '-o sse-counter' ../log >../link
	[ "$(wc -l <../compile)" -gt 5 ]
	[ "$(grep -c -e '-DC=1.*-Wall\|-Wall.*-DC=1' ../compile)" -eq \
		"$(wc -l <../compile)" ]
	[ "$(grep -c -e -DCPP=1 ../compile)" -eq "$(wc -l <../compile)" ]
	run ! grep -e '-O2' ../log
	grep -e '-O0' ../link | grep -e '-Wl,-O1'

	# and from the environment
	make clean
	: >../log
	CC=../cc CFLAGS=-DFROM_ENVIRONMENT make -e build/lib/util.o
	grep -e -DFROM_ENVIRONMENT ../log
}

# bats test_tags=slow
@test "make builds all without a warning, and then has nothing to do" {
	make -j2 CFLAGS=-O0 >../out 2>&1
	run ! grep -i warning ../out
	for program in $(programs); do
		[ "$program" = sse-redis ] && ! [ -x sse-redis ] && continue
		"./$program" --version
	done
	cmp sse-counter cgi-bin/sse-counter
	make -q CFLAGS=-O0
}

# bats test_tags=slow
@test "a header that changes rebuilds what includes it, and nothing else" {
	quick
	touch lib/frame.h
	make -n CFLAGS=-O0 >../plan
	grep -e '-o build/lib/frame\.o' ../plan
	grep -e '-o build/lib/stream\.o' ../plan
	grep -e '-o build/sse-counter\.o' ../plan
	grep -e '-o sse-pipe' ../plan
	run ! grep -e '-o build/lib/util\.o' ../plan
	quick
	make -q CFLAGS=-O0
	# a file that was removed is no error
	sed -i 's/#include "util.h"//' lib/frame.h
	touch lib/new.h
	sed -i 's/#include <errno.h>/&\n#include "new.h"/' lib/util.c
	quick sse-counter
	sed -i '/#include "new.h"/d' lib/util.c
	rm lib/new.h
	quick sse-counter
}

# bats test_tags=slow
@test "make install and uninstall honour PREFIX and DESTDIR" {
	local root=$BATS_TEST_TMPDIR/root own="$BATS_TEST_TMPDIR/own place"

	# it builds what is not built yet
	quick install PREFIX=/usr DESTDIR="$root"
	for program in $(programs); do
		[ "$program" = sse-redis ] && ! [ -x sse-redis ] && continue
		cmp "$program" "$root/usr/bin/$program"
	done
	for page in man/*; do
		cmp "$page" "$root/usr/share/man/man${page##*.}/${page#*/}"
	done
	"$root/usr/bin/sse-counter" -n 1 -i 0.01 | grep -qx 'data: 1'
	# nothing stands outside, or can be written by others
	[ "$(find "$root" ! -type d | grep -cv "^$root/usr/\(bin\|share\)/")" \
		-eq 0 ]
	[ -z "$(find "$root" -perm /022)" ]
	echo other >"$root/usr/bin/other"
	quick uninstall PREFIX=/usr DESTDIR="$root"
	[ "$(find "$root" ! -type d)" = "$root/usr/bin/other" ]

	quick install PREFIX="$own"
	"$own/bin/sse-pipe" --version
	quick uninstall PREFIX="$own"
	[ -z "$(find "$own" ! -type d)" ]
}

# bats test_tags=slow
@test "make clean leaves what was there before" {
	find . ! -name . | sort >../before
	quick
	quick build/tests/tools/decode
	[ "$(find . | wc -l)" -gt "$(wc -l <../before)" ]
	quick clean
	find . ! -name . | sort | diff ../before -
}

# bats test_tags=slow
@test "the version stands in one place" {
	local version

	version=$(sed -n 's/^VERSION = //p' Makefile)
	[ -n "$version" ]
	[ "$(sse-counter --version)" = "sse-counter $version" ]
	run ! grep -rF "$version" ./*.c lib man cgi-bin conf www
	sed -i 's/^VERSION = .*/VERSION = 98.7.6/' Makefile
	quick
	for program in $(programs); do
		[ "$program" = sse-redis ] && ! [ -x sse-redis ] && continue
		[ "$("./$program" --version)" = "$program 98.7.6" ]
	done
}

# bats test_tags=tools
@test "make finds hiredis and OpenSSL if they are there, and only then" {
	make -n >../plan
	grep -e '-o sse-redis .*build/lib/redis/tls\.o .*-lhiredis -lssl' ../plan
	run ! grep 'left out\|has no TLS' ../plan
	hide openssl/ssl.h
	make -n >../plan
	grep -e '-o sse-redis .*-lhiredis' ../plan
	grep 'sse-redis has no TLS' ../plan
	run ! grep -e '-lssl' ../plan
	hide hiredis/hiredis.h
	make -n all install >../plan
	grep 'sse-redis is left out' ../plan
	run ! grep -e 'sse-redis\.[c1o]' ../plan
}

# bats test_tags=slow
@test "make builds and installs without hiredis, and without OpenSSL" {
	local root=$BATS_TEST_TMPDIR/root

	hide openssl/ssl.h
	quick
	./sse-redis --version
	run ./sse-redis -u rediss://127.0.0.1:1 stream
	[[ $output == *TLS* ]]
	make clean
	hide hiredis/hiredis.h
	quick install DESTDIR="$root"
	[ ! -e sse-redis ]
	[ "$(find "$root" -name 'sse-*' | grep -c redis)" -eq 0 ]
	"$root/usr/local/bin/sse-counter" -n 1 -i 0.01 | grep -qx 'data: 1'
}

@test "bench/run runs the comparisons, and nothing that they share" {
	local name

	for name in bench/*.bash; do
		sed -i "2i echo \"ran ${name#bench/}\"; exit" "$name"
	done
	bench/run >../out
	printf '%s\n' '== filter' 'ran filter.bash' '== start' \
		'ran start.bash' '== tail' 'ran tail.bash' | diff ../out -
}
