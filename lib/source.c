/*
 * source: see source.h.
 */
#include "source.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* What a request says, by the beginning of the variable's name. */
static bool
is_of_request(const char *variable)
{
	static const char *const names[] = {"AUTH_", "CONTENT_", "HTTP_",
	    "HTTPS=", "PATH_INFO=", "PATH_TRANSLATED=", "QUERY_STRING=",
	    "REDIRECT_", "REMOTE_", "REQUEST_",
	    "SCRIPT_URI=", "SCRIPT_URL=", "SSL_", "UNIQUE_ID="};

	/* php-cgi insists on it; the server sets it */
	if (strncmp(variable, "REDIRECT_STATUS=", 16) == 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

int
source_environment(void)
{
	char **to = environ;

	for (char **from = environ; from != NULL && *from != NULL; from++)
		if (!is_of_request(*from))
			*to++ = *from;
	if (to != NULL)
		*to = NULL;
	if (setenv("REQUEST_METHOD", "GET", 1) == -1)
		return -1;
	return setenv("QUERY_STRING", "", 1);
}
