#!/usr/bin/env bats
# bats file_tags=tools,root
# blocks: every code block of README.md and docs/, and of the manuals'
# EXAMPLES, does what its page says, after "make install" and under Debian's
# own lighttpd.

load lib/helper
load lib/blocks

setup_file() {
	mkdir "$BATS_FILE_TMPDIR/blocks" "$BATS_FILE_TMPDIR/checkout"
	# without what is not the checkout's, but with what was built
	tar -C "$TOP" -c --exclude=node_modules --exclude=./build/fuzz \
		--exclude=./.git . | tar -C "$BATS_FILE_TMPDIR/checkout" -xo
	"$TOP/tests/tools/blocks.py" "$BATS_FILE_TMPDIR/blocks" \
		2>"$BATS_FILE_TMPDIR/wrong" || :
}

@test "every code block is run, or listed with a reason why not" {
	local kind

	diff "$BATS_FILE_TMPDIR/wrong" /dev/null
	for kind in "$BATS_FILE_TMPDIR"/blocks/*; do
		kind=${kind##*/}
		case $kind in
		lines | live | nginx-main | shell-acl) ;; # parts of others
		access-*) ;; # access.bats runs them
		out) refute grep -P '^out\t[^\t]*\t[^\t]*$' "$TOP/tests/lib/blocks.list" ;;
		*) grep -w "run_${kind//-/_}" "$BATS_TEST_FILENAME" ;;
		esac
	done
}

@test "every script streams from Debian's cgi-bin" {
	needs_namespaces
	in_debian make_sources 'serve cgi accesslog lines' run_script
}

# bats test_tags=slow
@test "every command for a shell does what its page shows" {
	needs_namespaces
	in_debian make_sources make_site_of_checkout 'serve cgi lines' \
		run_shell run_url
}

# bats test_tags=slow
@test "the doctor says of Debian's lighttpd what its page shows" {
	needs_namespaces
	in_debian 'serve cgi' run_shell_bare
}

# bats test_tags=slow
@test "every page gets its events" {
	needs_namespaces
	in_debian 'serve cgi lines' run_page
}

# bats test_tags=slow
@test "every block for lighttpd, Apache and nginx streams in a bare frame" {
	needs_root
	needs_namespaces
	in_debian make_srv run_lighttpd run_apache run_apache_fcgiwrap run_nginx
}

# bats test_tags=slow,all
@test "every other server streams as its block starts it" {
	needs_root
	needs_namespaces
	in_debian make_srv run_listen run_inetd run_unit
}
