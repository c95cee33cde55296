/*
 * help: the texts of --help and --version: much of them is the same in every
 * program.
 */
#ifndef HELP_H
#define HELP_H

#include <stdbool.h>

#include "frame.h"

/*
 * Writes the text of the program name: usage is one line, own the lines of its
 * own options. With common those of struct stream are among its options, and
 * -e too if usage names it.
 */
void help_write(struct frame *frame, const char *name, const char *usage,
    const char *own, bool common);

/* Writes the line of --version. */
void help_write_version(struct frame *frame, const char *name);

#endif
