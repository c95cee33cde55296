# checks: a site of streams for browsers.bats and clients.bats; browsers.mjs and
# clients.mjs check their contents.
# shellcheck shell=bash

# Makes the site in the test's folder.
make_checks() {
	make_site
	cp -R "$TOP"/cgi-bin/. site/cgi-bin/
	find "$PROGRAMS_DIR" -maxdepth 1 -name 'sse-*' -perm -u+x \
		-exec cp {} site/ \;
	cp "$TOP/tests/tools/checks.html" site/www/
	cgi fields <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -0 -c id,event,data <'$PWD/fields'
	END
	printf '%s\t%s\t%b\0' a '' one \
		b named 'two\nlines\r\nand three' '' '' '' \
		c-1 '' '  : spaces, naïve 日本 🎉' '' 'naïve type' typed \
		0 '' '\n' '' last bye >fields
	cgi nul <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -- printf 'a\\000b\\n'
	END
	for retry in 600 4000; do
		cgi again$retry <<-END
			#!/bin/sh
			exec '$PROGRAMS_DIR/sse-pipe' -c id,data -r $retry -- sh -c '
			echo "\$\$	\${HTTP_LAST_EVENT_ID:-none}"'
		END
	done
	cgi finite <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-pipe' -r 600 -- sh -c '
		echo run >>"$PWD/runs"; echo x; echo y'
	END
	cgi sse-counter <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-counter' -i 0.2
	END
	cgi count <<-END
		#!/bin/sh
		exec '$PROGRAMS_DIR/sse-counter' -r 600 -i 0.1
	END
}
