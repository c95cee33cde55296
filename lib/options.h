/*
 * options: what a program is and which options it has, once: the table from
 * which getopt's options, the usage and --help are made. The common options
 * (-e, -r, -k, -A, -m, -H, -O, -h, -V) stand in options.c.
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
	const char *value; /* what the usage calls it; NULL: it takes none */
	const char *help;  /* with an LF for each further line */
};

/* What a program is: getopt's options, usage and --help are made of it. */
struct program {
	const char *about;    /* one sentence, the first of --help */
	const char *operands; /* behind the options in the usage; or NULL */
	const char *notes;    /* the last line of --help; or NULL */
	/* the first without a letter ends them */
	struct option_row options[OPTIONS_MAX];
	const char *without;  /* letters of common options that it lacks */
	unsigned int methods; /* those of enum cgi_method that it answers */
	bool shell_only;      /* no CGI program: it obeys no request */
	bool own_event;       /* -e is the program's own option */
	bool inherits;        /* what a script opened is for its command */
};

/*
 * getopt_long with the options of program, up to the first operand; ':' is a
 * value that is missing. opterr is the caller's.
 */
int options_next(const struct program *program, int argc, char *argv[]);

/* The usage, without the program's name; one that is too long is cut. */
void options_usage(const struct program *program, char text[OPTIONS_USAGE_MAX]);

/* Writes the text of --help; name is the program's. */
void options_help(
    struct frame *frame, const char *name, const struct program *program);

#endif
