/*
 * environment: the environment of a program that serves all viewers: variables
 * of the operator and of the server, none of a request.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#define ENVIRONMENT_DIGEST_N 32 /* hexadecimal digits */

/*
 * Returns the environment of a plain GET (RFC 3875), sorted: that of this
 * process, without the variables that servers set for a request, as far as
 * their names are known. The caller frees the list, not the strings. Returns
 * NULL with errno ENOMEM.
 */
char **environment_make(void);

/*
 * Writes a digest (SHA-256) of all that command gets if it is started now: its
 * words, the working directory, and environment. Returns 0, or -1 with errno if
 * there is no working directory.
 */
int environment_digest(char *const command[], char *const environment[],
    char digest[ENVIRONMENT_DIGEST_N + 1]);

#endif
