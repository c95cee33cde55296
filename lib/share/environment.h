/*
 * environment: what a program that serves everybody gets. What a request says
 * is not part of its environment; what the operator and the server set is.
 */
#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#define ENVIRONMENT_DIGEST_N 32 /* hexadecimal digits */

/*
 * The environment of a plain GET (RFC 3875) without query, header fields, body,
 * user, client or connection: this process's, less what servers set for a
 * request by names that are known, in the order of the names. A variable that
 * is not known stays. The strings are those of the environment; the list is
 * the caller's to free. NULL with errno ENOMEM.
 */
char **environment_make(void);

/*
 * Writes a digest (of SHA-256) of all that command gets if it is started here:
 * its words, the working directory, and environment. Returns 0, or -1 with
 * errno if there is no working directory.
 */
int environment_digest(char *const command[], char *const environment[],
    char digest[ENVIRONMENT_DIGEST_N + 1]);

#endif
