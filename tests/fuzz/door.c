/*
 * Fuzzes lib/share/request: whatever comes, it is a request, none, or part of
 * one, and stays so when more comes; strings lie within what came.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/share/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
check(const char *text, const char *bytes, size_t n)
{
	if (*text != '\0' && (text < bytes || text + strlen(text) > bytes + n))
		abort();
}

/* The status of the first n bytes, in a buffer of just that room. */
static int
parse(const uint8_t *from, size_t n)
{
	char *bytes = malloc(n + 1);
	struct cgi_request request;
	int status;

	if (bytes == NULL)
		return 0;
	memcpy(bytes, from, n);
	status = request_parse(&request, bytes, n);
	if (status != 0 && status != 200 && status != 400 && status != 431)
		abort();
	if (request.last_event_id != request.of_query)
		check(request.last_event_id, bytes, n);
	check(request.origin, bytes, n);
	check(request.asked_headers, bytes, n);
	free(request.of_query);
	free(bytes);
	return status;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	int first;

	if (n == 0)
		return 0;
	if (n > NPH_REQUEST_MAX)
		n = NPH_REQUEST_MAX;
	first = parse(bytes, bytes[n - 1] * n / 256);
	if (first != 0 && first != parse(bytes, n))
		abort();
	(void)parse(bytes, n);
	return 0;
}
