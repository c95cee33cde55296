# sse-cgi: Server-Sent Events from any program, through the web server you
# already have. For GNU make. "make run" shows it, "make test" tests it.

VERSION = 0.1.0

CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man
PORT ?= 3000

# sse-redis needs hiredis, and OpenSSL for TLS: it is built if they are there.
has = $(shell $(CC) $(CPPFLAGS) -E -include $(1) -x c /dev/null \
	>/dev/null 2>&1 && echo yes)
HIREDIS := $(call has,hiredis/hiredis.h)
OPENSSL := $(call has,openssl/ssl.h)

# What each program is made of beside its own .c: modules of lib/, which two
# programs or more share, and of lib/NAME/, which are sse-NAME's alone.
own = $(patsubst lib/%.c,%,$(wildcard lib/$(1)/*.c))
core = program options stream proc origin nph cgi loop frame util
run = child guard descendants record decode producer response poller logger
sse-counter = $(core)
sse-pipe = $(core) record columns child guard descendants json $(call own,pipe)
sse-cat = $(core) decode columns child guard descendants json $(call own,cat)
sse-tail = $(core) record columns $(call own,tail)
sse-share = $(core) $(run) $(call own,share)
sse-mux = $(core) $(run) $(call own,mux)
sse-redis = $(core) json $(filter-out $(NO_TLS),$(call own,redis))

PROGRAMS = sse-counter sse-pipe sse-cat sse-tail sse-share sse-mux
PROGRAMS += $(if $(HIREDIS),sse-redis)
LEFT_OUT = $(if $(HIREDIS),$(if $(OPENSSL),,no-tls),no-redis)
NO_TLS = $(if $(OPENSSL),,redis/tls)
build/lib/redis/%.o: override CPPFLAGS += $(NO_TLS:redis/tls=-DNO_TLS)
sse-redis: LDLIBS += -lhiredis $(if $(OPENSSL),-lssl -lcrypto)

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
DEFINES = -D_XOPEN_SOURCE=700 -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
	-DVERSION='"$(VERSION)"'
COMPILE = $(CC) -std=c11 $(DEFINES) $(WARNINGS) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

all: $(PROGRAMS) cgi-bin/sse-counter $(LEFT_OUT)

no-redis:
	@echo "sse-redis is left out: there is no hiredis (libhiredis-dev)."

no-tls:
	@echo "sse-redis has no TLS: there is no OpenSSL (libssl-dev)."

.SECONDEXPANSION:

$(PROGRAMS): build/$$@.o $$(addprefix build/lib/,$$(addsuffix .o,$$($$@)))
	$(LINK)

cgi-bin/sse-counter: sse-counter
	cp -f sse-counter $@

# The same programs without a shared library, stripped, in build/static/: they
# start faster, take less memory, and need nothing where they are copied to.
# musl-gcc (musl-tools) builds them if it is there. hiredis has no static musl.
# They need no tables to unwind, no function that none calls, no code that
# could lie anywhere, no gaps between segments: 20 KB less, 4 KB by LTO, and 4 to
# 16 KB by -Os, which made none slower that was measured (sse-pipe, sse-cat).
STATIC = $(patsubst %,build/static/%,$(filter-out sse-redis,$(PROGRAMS)))
STATIC_CC := $(shell command -v musl-gcc || echo $(CC))

static: $(STATIC)

$(STATIC): build/static/%: build/static/%.o \
	$$(addprefix build/static/lib/,$$(addsuffix .o,$$($$*)))
	$(LINK)

build/static/%: override CC := $(STATIC_CC)
build/static/%: override CFLAGS += -fno-asynchronous-unwind-tables \
	-ffunction-sections -fno-pie -flto -Os
build/static/%: override LDFLAGS += -static -s \
	-Wl,--gc-sections,-z,noseparate-code,-z,norelro

define compile
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<
endef

build/%.o: %.c Makefile
	$(compile)

build/static/%.o: %.c Makefile
	$(compile)

-include $(shell find build -name '*.d' 2>/dev/null)

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

install: all
	mkdir -p "$(BINDIR)" "$(MANDIR)/man1" "$(MANDIR)/man7"
	install -m 755 $(PROGRAMS) "$(BINDIR)"
	install -m 644 $(PROGRAMS:%=man/%.1) "$(MANDIR)/man1"
	install -m 644 man/*.7 "$(MANDIR)/man7"

uninstall:
	for page in $(notdir $(wildcard man/*)); do \
		rm -f "$(MANDIR)/man$${page##*.}/$$page" \
			"$(BINDIR)/$${page%.1}"; done

clean:
	rm -rf build $(PROGRAMS) cgi-bin/sse-counter

.PHONY: all no-redis no-tls static run install uninstall clean

# check, test, test-all, test-static, lint, fuzz; and bench, bench-share,
# bench-peers.
include tests/Makefile bench/Makefile
