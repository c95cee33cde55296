/*
 * logger: gives the messages of modules that print nothing to a function of the
 * program, unchanged.
 */
#ifndef LOGGER_H
#define LOGGER_H

struct logger {
	void (*write)(void *to, const char *text); /* one line of any bytes */
	void *to;
};

#define LOGGER_MAX 1200 /* bytes of a line; the rest is cut off */

void logger_line(const struct logger *logger, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
