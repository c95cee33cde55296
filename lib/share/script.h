/*
 * script: a file whose first line, "#!/usr/local/bin/sse-share OPTIONS", makes
 * this program run it. Its rest is a shell script, PROGRAM.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#define SCRIPT_LINE_MAX 1024 /* bytes of that line, with its LF */

/*
 * If the kernel has started this program for the first line of a file, sets
 * *argv to: the file's name, the options, split at blanks, "--", sh, the file;
 * then the other arguments, but not under a web server, where the client chose
 * them. Finds all options, even if the kernel has cut the line. The words are
 * never freed. Returns 1 if there is such a file, else 0; or -1 with errno,
 * EMSGSIZE if its first line is too long: then *argv is the file's name alone.
 */
int script_arguments(int *argc, char **argv[]);

#endif
