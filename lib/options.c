/*
 * options: makes getopt's options, the usage and --help from one table, so that
 * they cannot disagree.
 */
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 27 /* where the descriptions begin in --help */

static const struct option_row common[] = {
    {'e', "event", "NAME", "event type (none: message)"},
    {'r', "retry", "MS", "reconnection time, sent once, first"},
    {'k', "keepalive", "SECONDS", "a comment after a silence (15; 0: never)"},
    {'A', "alive", "NAME", "an event of this type in place of a comment"},
    {'m', "max-time", "SECONDS", "close between two events (0: never)"},
    {'H', "header", "FIELD", "one more response header field, Name: value"},
    {'O', "origin", "ORIGIN",
	"only pages of this origin may read the stream:\n"
	"scheme://host or *; may be given again"},
    {'h', "help", NULL, "this text"},
    {'V', "version", NULL, "the version"},
};

#define COMMON (sizeof(common) / sizeof(*common))
#define ROWS (OPTIONS_MAX + COMMON)

/* Lists the rows of a program's options, its own first. Returns how many. */
static size_t
list_rows(const struct program *program, const struct option_row *rows[ROWS])
{
	size_t n = 0;

	for (; n < OPTIONS_MAX && program->options[n].letter != '\0'; n++)
		rows[n] = program->options + n;
	for (size_t i = 0; i < COMMON; i++)
		if (program->without == NULL ||
		    strchr(program->without, common[i].letter) == NULL)
			rows[n++] = common + i;
	return n;
}

int
options_next(const struct program *program, int argc, char *argv[])
{
	const struct option_row *rows[ROWS];
	size_t n = list_rows(program, rows);
	struct option options[ROWS + 1] = {{0}};
	char letters[2 + 2 * ROWS + 1] = "+:", *letter = letters + 2;

	for (size_t i = 0; i < n; i++) {
		options[i].name = rows[i]->name;
		options[i].val = (unsigned char)rows[i]->letter;
		*letter++ = rows[i]->letter;
		if (rows[i]->value == NULL)
			continue;
		options[i].has_arg = required_argument;
		*letter++ = ':';
	}
	*letter = '\0';
	return getopt_long(argc, argv, letters, options, NULL);
}

void
options_usage(const struct program *program, char text[OPTIONS_USAGE_MAX])
{
	const struct option_row *rows[ROWS];
	size_t n = list_rows(program, rows), used = 0;

	for (size_t i = 0; i < n && used < OPTIONS_USAGE_MAX; i++) {
		const char *value = rows[i]->value;

		if (strchr("hV", rows[i]->letter) == NULL)
			used += (size_t)snprintf(text + used,
			    OPTIONS_USAGE_MAX - used, "[-%c%s%s] ",
			    rows[i]->letter, value != NULL ? " " : "",
			    value != NULL ? value : "");
	}
	if (used < OPTIONS_USAGE_MAX)
		(void)snprintf(text + used, OPTIONS_USAGE_MAX - used, "%s",
		    program->operands != NULL ? program->operands : "");
}

/* The lines of an option in --help. */
static void
put_row(struct frame *frame, const struct option_row *row)
{
	char left[64], line[64 + OPTIONS_USAGE_MAX];
	const char *at = row->help;

	(void)snprintf(left, sizeof(left), "  -%c, --%s %s", row->letter,
	    row->name, row->value != NULL ? row->value : "");
	while (*at != '\0') {
		int n = (int)strcspn(at, "\n");

		(void)snprintf(
		    line, sizeof(line), "%-*s%.*s\n", HELP_COLUMN, left, n, at);
		frame_text(frame, line);
		at += n + (at[n] == '\n');
		*left = '\0';
	}
}

void
options_help(
    struct frame *frame, const char *name, const struct program *program)
{
	const struct option_row *rows[ROWS];
	size_t n = list_rows(program, rows);
	char usage[OPTIONS_USAGE_MAX], text[3 * OPTIONS_USAGE_MAX];

	options_usage(program, usage);
	(void)snprintf(text, sizeof(text), "usage: %.64s %s\n%s\n", name, usage,
	    program->about);
	frame_text(frame, text);
	for (size_t i = 0; i < n; i++)
		put_row(frame, rows[i]);
	if (!program->shell_only)
		frame_text(frame, "Seconds are decimal (0.25).\n");
	if (program->notes != NULL) {
		frame_text(frame, program->notes);
		frame_text(frame, "\n");
	}
}
