/*
 * help: see help.h.
 */
#include "help.h"

#include <string.h>

#ifndef VERSION
#error "VERSION comes from the Makefile"
#endif

static const char event_help[] =
    "  -e, --event NAME         event type (none: message)\n";

static const char common_help[] =
    "  -r, --retry MS           reconnection time, sent once, first\n"
    "  -k, --keepalive SECONDS  a comment after a silence (15; 0: never)\n"
    "  -A, --alive NAME         an event of this type in place of it\n"
    "  -m, --max-time SECONDS   close between two events (0: never)\n"
    "  -H, --header FIELD       one more response header field, Name: value\n"
    "  -O, --origin ORIGIN      pages from there may read it: scheme://host\n"
    "                           or *, nobody else's; may be given again\n"
    "Seconds are decimal (0.25).\n";

static const char last_help[] = "  -h, --help               this text\n"
				"  -V, --version            the version\n";

static void
put(struct frame *frame, const char *text)
{
	frame_raw(frame, text, strlen(text));
}

void
help_write(struct frame *frame, const char *name, const char *usage,
    const char *own, bool common)
{
	put(frame, "usage: ");
	put(frame, name);
	put(frame, " ");
	put(frame, usage);
	put(frame, "\n");
	put(frame, own);
	if (common && strstr(usage, "[-e NAME]") != NULL)
		put(frame, event_help);
	if (common)
		put(frame, common_help);
	put(frame, last_help);
}

void
help_write_version(struct frame *frame, const char *name)
{
	put(frame, name);
	put(frame, " " VERSION "\n");
}
