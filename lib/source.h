/*
 * source: the environment of a program that serves everybody. Whatever one
 * request said is taken out; what the operator and the server set stays.
 */
#ifndef SOURCE_H
#define SOURCE_H

/*
 * Makes this process's environment that of a plain GET (RFC 3875) without
 * query, header fields, body, user or client. Returns 0, or -1 with errno.
 */
int source_environment(void);

#endif
