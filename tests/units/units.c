/*
 * units: exact cases for the modules that need no server, printed as TAP. Each
 * input lies at the end of a page and comes whole and byte by byte. What the
 * programs make of the modules is left to the bats files.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "units.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ROOM ((size_t)1 << 18)
#define SLOTS 4

/* What a module made of an input. */
static struct {
	size_t n;
	char at[ROOM];
} output;

/* The line of TAP that is not printed yet; module is NULL before the first. */
static struct {
	const char *module;
	const char *name;
	bool failed;
} current;
static int lines, failures;

int
units_sink(void *to, const char *bytes, size_t n)
{
	(void)to;
	if (n > sizeof(output.at) - output.n)
		abort();
	if (n > 0) /* bytes may be NULL else */
		memcpy(output.at + output.n, bytes, n);
	output.n += n;
	return 0;
}

void
units_bytes(const char *bytes, size_t n)
{
	(void)units_sink(NULL, bytes, n); /* never fails */
}

void
units_text(const char *text)
{
	units_bytes(text, strlen(text));
}

void
units_drop(size_t n)
{
	output.n -= n;
	memmove(output.at, output.at + n, output.n);
}

static void
print_bytes(const char *what, const char *at, size_t n)
{
	printf("# %s: ", what);
	for (size_t i = 0; i < n; i++)
		printf(isprint((unsigned char)at[i]) ? "%c" : "\\x%02x",
		    (unsigned char)at[i]);
	printf("\n");
}

/* Controls in a name, and "#", are TAP's own. */
static void
end_line(void)
{
	if (current.module == NULL)
		return;
	failures += current.failed;
	printf("%sok %d - %s: ", current.failed ? "not " : "", ++lines,
	    current.module);
	for (const char *c = current.name; *c != '\0'; c++)
		(void)putchar(
		    isprint((unsigned char)*c) && *c != '#' ? *c : '?');
	printf("\n");
}

void
units_check(const char *module, const char *name, struct bytes expected)
{
	bool same = output.n == expected.n &&
		    memcmp(output.at, expected.at, expected.n) == 0;

	if (current.module == NULL || strcmp(current.module, module) != 0 ||
	    strcmp(current.name, name) != 0) {
		end_line();
		current.module = module;
		current.name = name;
		current.failed = false;
	}
	if (!same && !current.failed) {
		print_bytes("expected", expected.at, expected.n);
		print_bytes("got", output.at, output.n);
		current.failed = true;
	}
	output.n = 0;
}

void
units_true(const char *module, const char *name, bool is_true)
{
	struct bytes yes = S("yes");

	output.n = 0;
	units_text(is_true ? "yes" : "no");
	units_check(module, name, yes);
}

char *
units_place(int slot, const char *bytes, size_t n)
{
	static char *end[SLOTS];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at;

	if (end[slot] == NULL) {
		at = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (at == MAP_FAILED ||
		    mprotect(at + ROOM, page, PROT_NONE) == -1)
			abort();
		end[slot] = at + ROOM;
	}
	return n == 0 ? end[slot] : memcpy(end[slot] - n, bytes, n);
}

char *
units_place_text(int slot, const char *text)
{
	return units_place(slot, text, strlen(text) + 1);
}

int
main(void)
{
	test_util();
	test_frame();
	test_decode();
	test_json();
	test_record();
	test_columns();
	test_url();
	test_cursor();
	test_composite();
	test_query();
	test_field();
	test_request();
	test_door();
	test_handover();
	test_ring();
	end_line();
	printf("1..%d\n", lines);
	return failures == 0 && fflush(stdout) == 0 ? EXIT_SUCCESS
						    : EXIT_FAILURE;
}
