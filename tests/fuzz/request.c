/*
 * request: a fuzzer of the HTTP request that nph- programs read themselves.
 * Whatever comes, only variables of a request are set, in one line each.
 */
#define _GNU_SOURCE /* memfd_create */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int
set_variable_of_test(const char *name, const char *value, int overwrite)
{
	static const char *const own[] = {"REQUEST_METHOD", "REQUEST_URI",
	    "QUERY_STRING", "SERVER_PROTOCOL", "CONTENT_TYPE",
	    "CONTENT_LENGTH"};
	size_t i = 0;

	assert(overwrite == 1);
	while (i < sizeof(own) / sizeof(*own) && strcmp(own[i], name) != 0)
		i++;
	assert(
	    i < sizeof(own) / sizeof(*own) || strncmp(name, "HTTP_", 5) == 0);
	assert(strcmp(name, "HTTP_PROXY") != 0);
	assert(name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] ==
	       '\0');
	for (; *value != '\0'; value++)
		assert((unsigned char)*value >= ' ' || *value == '\t');
	return 0;
}

/* the code under test, with this in the place of the environment */
#define setenv set_variable_of_test
/* NOLINTNEXTLINE(bugprone-suspicious-include) */
#include "../../lib/nph.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int input = -1;
	off_t at;
	int status;

	if (input == -1) {
		input = memfd_create("request", 0);
		assert(input != -1 && dup2(input, STDIN_FILENO) == 0);
	}
	assert(ftruncate(input, 0) == 0);
	assert(pwrite(input, data, size, 0) == (ssize_t)size);
	assert(lseek(input, 0, SEEK_SET) == 0);
	status = nph_read();
	assert(status == 200 || status == 0 || status == 400 || status == 431);

	/* not a byte of the body was read, and no more than is allowed */
	at = lseek(input, 0, SEEK_CUR);
	assert(status != 200 || (at >= 2 && data[at - 1] == '\n'));
	return 0;
}
