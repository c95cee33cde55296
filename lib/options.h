/*
 * options: one table that describes a program and its options; getopt's
 * options, the usage and --help are made from it. The common options (-e, -r,
 * -k, -A, -m, -H, -O, -h, -V) are in options.c.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>

#include "frame.h"

#define OPTIONS_MAX 16        /* of a program's own */
#define OPTIONS_USAGE_MAX 512 /* bytes, with a NUL */

/* A line of --help: "  -n, --count COUNT        end after COUNT (no end)". */
struct option_row {
	char letter;
	const char *name;
	const char *value; /* its name in the usage; NULL: takes no value */
	const char *help;  /* lines are separated by LF */
};

/* The description of a program. */
struct program {
	const char *about;    /* one sentence, the first of --help */
	const char *operands; /* after the options in the usage; or NULL */
	const char *notes;    /* the last line of --help; or NULL */
	/* the first without a letter ends them */
	struct option_row options[OPTIONS_MAX];
	const char *without;  /* letters of common options that it lacks */
	unsigned int methods; /* an OR of enum cgi_method: those it answers */
	bool shell_only;      /* no CGI program: ignores request variables */
	bool own_event;       /* -e is the program's own option */
	bool inherits;        /* its command inherits a script's open files */
};

/*
 * getopt_long with the options of program, up to the first operand. Returns ':'
 * if a value is missing. The caller sets opterr.
 */
int options_next(const struct program *program, int argc, char *argv[]);

/* Writes the usage without the program's name; cut off if it is too long. */
void options_usage(const struct program *program, char text[OPTIONS_USAGE_MAX]);

/* Writes the text of --help; name is the program's. */
void options_help(
    struct frame *frame, const char *name, const struct program *program);

#endif
