/*
 * environment: what a program that serves everybody gets: what the operator and
 * the server set, and nothing of a request.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#define ENVIRONMENT_DIGEST_N 32 /* hexadecimal digits */

/*
 * The environment of a plain GET (RFC 3875): that of this process, less the
 * variables that servers set for a request, as far as their names are known,
 * and sorted. The strings are those of the environment; the list is the
 * caller's to free. NULL with errno ENOMEM.
 */
char **environment_make(void);

/*
 * Writes a digest (SHA-256) of all that command gets if it is started here: its
 * words, the working directory, and environment. Returns 0, or -1 with errno if
 * there is no working directory.
 */
int environment_digest(char *const command[], char *const environment[],
    char digest[ENVIRONMENT_DIGEST_N + 1]);

#endif
