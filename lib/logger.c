/*
 * logger: formats a line, and has it written to stderr or to the system's log,
 * as the program chose.
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
