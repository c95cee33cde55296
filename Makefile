# sse-cgi: Server-Sent Events from any program, through the web server you
# already have. "make run" shows it, "make test" tests it.

VERSION = 0.1.0

# What each program is made of beside its own .c: modules of lib/.
core = stream help origin cgi loop frame util
sse-counter = $(core)
sse-pipe = $(core) record child guard kin json pipe/columns pipe/input
sse-cat = $(core) decode json
sse-tail = $(core) record follow watch rotation back mark \
	file
sse-share = $(core) child decode guard kin record \
	$(patsubst lib/%.c,%,$(wildcard lib/share/*.c))

PROGRAMS = sse-counter sse-pipe
PROGRAMS += sse-cat
PROGRAMS += sse-share
PROGRAMS += sse-tail

# sse-redis needs hiredis, and OpenSSL for TLS: it is built where they are.
has = $(shell $(CC) $(CPPFLAGS) -E -include $(1) -x c /dev/null \
	>/dev/null 2>&1 && echo yes)
HIREDIS := $(call has,hiredis/hiredis.h)
OPENSSL := $(call has,openssl/ssl.h)
sse-redis = $(core) json $(addprefix redis/,redis conn reply entry history \
	url resolve $(if $(OPENSSL),tls,notls))
PROGRAMS += $(if $(HIREDIS),sse-redis)
LEFT_OUT = $(if $(HIREDIS),$(if $(OPENSSL),,no-tls),no-redis)
sse-redis: LDLIBS += -lhiredis $(if $(OPENSSL),-lssl -lcrypto)

# What each fuzzer of tests/fuzz/ is made of beside its own .c: the same.
fuzz-decode = decode json frame util
fuzz-response = share/response cgi frame util
fuzz-redis = redis/reply redis/history redis/entry json frame util
fuzz-redis-libs = -lhiredis
fuzz-url = redis/url util
fuzz-record = record json frame util
fuzz-request = frame util
fuzz-tail_id = mark

CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
PORT ?= 3000

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
DEFINES = -D_XOPEN_SOURCE=700 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
	-DVERSION='"$(VERSION)"'
COMPILE = $(CC) -std=c11 $(DEFINES) $(WARNINGS) $(CPPFLAGS) $(CFLAGS)

all: $(PROGRAMS) cgi-bin/sse-counter $(LEFT_OUT)

no-redis:
	@echo "sse-redis is left out: there is no hiredis (libhiredis-dev)."

no-tls:
	@echo "sse-redis has no TLS: there is no OpenSSL (libssl-dev)."

define link
$(1): build/$(1).o $$($(1):%=build/lib/%.o)
	$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(LDLIBS)
endef
$(foreach program,$(PROGRAMS),$(eval $(call link,$(program))))

# The same programs without a shared library, stripped, in build/static/: they
# start faster, take less memory, and need nothing where they are copied to.
# musl-gcc (musl-tools) builds them where it is. hiredis has no static musl.
# Tables to unwind, functions that none calls, code that could lie anywhere,
# and gaps between segments serve none of them: 20 KB less, and 4 KB by LTO.
STATIC_CC = $(shell command -v musl-gcc || echo $(CC))
STATIC = $(filter-out sse-redis,$(PROGRAMS))

define link_static
build/static/$(1): build/static/$(1).o $$($(1):%=build/static/lib/%.o)
	$$(CC) $$(CFLAGS) $$(LDFLAGS) -static -s -o $$@ $$^
endef
$(foreach program,$(STATIC),$(eval $(call link_static,$(program))))

static: $(STATIC:%=build/static/%)

build/static/%: override CC := $(STATIC_CC)
build/static/%: override CFLAGS += -fno-asynchronous-unwind-tables \
	-ffunction-sections -fno-pie -flto
build/static/%: override LDFLAGS += -Wl,--gc-sections,-z,noseparate-code

build/static/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# Tools of tests and benchmarks; they stay in build/.
TOOLS = bench/viewers bench/tick bench/bare bench/start bench/post \
	bench/nothing bench/lines bench/fflush
bench/viewers = bench/answer bench/spread lib/util
bench/tick = lib/util
bench/bare = lib/util
bench/lines = lib/util
bench/start = bench/spread lib/util
TOOLS += tests/decode
tests/decode = lib/decode lib/json lib/frame lib/util

define link_tool
build/$(1): build/$(1).o $$($(1):%=build/%.o)
	$$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^
endef
$(foreach tool,$(TOOLS),$(eval $(call link_tool,$(tool))))

build/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

-include $(wildcard build/*.d build/*/*.d build/*/*/*.d build/*/*/*/*.d)

cgi-bin/sse-counter: sse-counter
	cp -f sse-counter $@

# lighttpd in the foreground. Ctrl-C ends it by SIGTERM: after SIGINT it would
# wait until the last viewer has left.
run: all
	@mkdir -p build/run
	@echo "http://localhost:$(PORT)/ shows the page; Ctrl-C ends it."
	@PATH="$$PATH:/usr/sbin"; export SSE_TOP="$(CURDIR)" PORT="$(PORT)" \
	SSE_RUN="$(CURDIR)/build/run"; ended=; \
	lighttpd -D -f conf/lighttpd.conf & \
	trap 'ended=1; kill $$! 2>/dev/null' INT TERM HUP; \
	wait $$! || wait $$! || test "$$ended"

# The tests. "tests/install" installs what "check", which takes a minute, and
# "test" need; "tests/install all" what every server and browser needs.
BATS = bats --jobs $(or $(JOBS),4) $(BATSFLAGS)
TESTED = all $(TOOLS:%=build/%) tests/node_modules

check: $(TESTED)
	$(BATS) --filter-tags '!slow,!all' tests

test: $(TESTED)
	$(BATS) --filter-tags '!all' tests

test-all: $(TESTED)
	$(BATS) tests

# The tests with other programs: those that are in PROGRAMS_DIR.
test-static: $(TESTED) static
	PROGRAMS_DIR="$(CURDIR)/build/static" $(BATS) tests

tests/node_modules: tests/package-lock.json
	cd tests && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

# Each fuzzer of tests/fuzz/ for FUZZ_SECONDS; what it finds is in build/fuzz/,
# and a folder of its name holds what it starts from. FUZZ_SEED is random.
# LLVM says which clang: that of Debian 12, as later linters find other things
# and format otherwise. "LLVM=" is the machine's own.
LLVM = -14
FUZZ_SECONDS ?= 60
FUZZ_SEED ?= 0
FUZZERS = $(patsubst tests/fuzz/%.c,fuzz-%,$(wildcard tests/fuzz/*.c))

fuzz: $(FUZZERS)

fuzz-%: tests/fuzz/%.c
	@mkdir -p build/fuzz/$*
	clang$(LLVM) -std=c11 $(DEFINES) -g -O1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o build/fuzz/$@ $< $(patsubst %,lib/%.c,$($@)) $($@-libs)
	build/fuzz/$@ -seed=$(FUZZ_SEED) -max_total_time=$(FUZZ_SECONDS) \
		-rss_limit_mb=1024 -verbosity=0 -print_final_stats=1 \
		-artifact_prefix=build/fuzz/ build/fuzz/$* \
		$(wildcard tests/fuzz/$*)

bench: all
	bench/run

# What sse-share must hold: ARGS='many 5000 60', and what else bench/share says.
bench-share: all $(TOOLS:%=build/%)
	bench/share $(ARGS)

# Beside other systems: needs what bench/packages names. ARGS=-q is quick.
STATIC_TOOLS = build/static/bench/tick build/static/bench/nothing

bench-peers: all static $(STATIC_TOOLS) $(TOOLS:%=build/%) bench/node_modules
	bench/peers $(ARGS)

build/static/bench/tick: build/static/lib/util.o
$(STATIC_TOOLS): %: %.o
	$(CC) $(CFLAGS) $(LDFLAGS) -static -s -o $@ $^

bench/node_modules: bench/package-lock.json
	cd bench && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

# What reads the sources, all of them, for what is wrong or looks wrong; the
# slow ones two files at a time (JOBS=).
SOURCES = $(wildcard *.c lib/*.c lib/*/*.c bench/*.c tests/*.c tests/fuzz/*.c)
HEADERS = $(wildcard lib/*.h lib/*/*.h bench/*.h tests/*.h tests/fuzz/*.h)
SCRIPTS = $(wildcard tests/*.bash bench/*.bash) $(shell awk \
	'FNR == 1 && /^.!.*[\/ ](sh|bash|bats)$$/ { print FILENAME }' \
	$(wildcard .ci/* bench/* cgi-bin/* cgi-bin/examples/* tests/*) \
	2>/dev/null)
MODULES = $(wildcard tests/*.mjs bench/*.mjs)
EACH_SOURCE = printf '%s\n' $(SOURCES) | xargs -P $(or $(JOBS),2) -I {}

lint: lint-gcc lint-clang lint-format lint-tidy lint-cppcheck lint-scripts \
	lint-man

lint-gcc: CC = gcc
lint-clang: CC = clang$(LLVM)
lint-gcc lint-clang: CFLAGS = -O2 -Werror
lint-gcc lint-clang:
	$(EACH_SOURCE) $(COMPILE) -c -o /dev/null {}

lint-format:
	clang-format$(LLVM) --dry-run -Werror $(SOURCES) $(HEADERS)

lint-tidy:
	$(EACH_SOURCE) clang-tidy$(LLVM) --quiet --warnings-as-errors='*' {} \
		-- -std=c11 $(DEFINES)

lint-cppcheck:
	cppcheck -j $(or $(JOBS),2) --quiet --error-exitcode=1 --std=c11 \
		--inline-suppr --enable=warning,style,performance,portability \
		--suppress=missingIncludeSystem --suppress=variableScope \
		-DVERSION='""' $(SOURCES)

lint-scripts:
	shellcheck $(SCRIPTS)
	for module in $(MODULES); do node --check $$module || exit 1; done

lint-man:
	mandoc -Tlint -W warning man/*

install: all
	mkdir -p "$(BINDIR)" "$(MANDIR)/man1" "$(MANDIR)/man7"
	install -m 755 $(PROGRAMS) "$(BINDIR)"
	install -m 644 $(PROGRAMS:%=man/%.1) "$(MANDIR)/man1"
	install -m 644 man/*.7 "$(MANDIR)/man7"

uninstall:
	for program in $(PROGRAMS); do rm -f "$(BINDIR)/$$program"; done
	for page in $(notdir $(wildcard man/*)); do \
		rm -f "$(MANDIR)/man$${page##*.}/$$page"; done

clean:
	rm -rf build $(PROGRAMS) cgi-bin/sse-counter

.PHONY: all static no-redis no-tls run check test test-all test-static fuzz
.PHONY: bench lint
.PHONY: bench-share bench-peers install uninstall clean
.PHONY: lint-gcc lint-clang lint-format lint-tidy lint-cppcheck
.PHONY: lint-scripts lint-man
