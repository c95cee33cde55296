/*
 * logger: formats a line, and has the program's function write it.
 */
#include "logger.h"

#include <stdarg.h>
#include <stdio.h>

void
logger_line(const struct logger *logger, const char *format, ...)
{
	char line[LOGGER_MAX];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(line, sizeof(line), format, list); /* or cut off */
	va_end(list);
	logger->write(logger->to, line);
}
