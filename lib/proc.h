/*
 * proc: what a process starts with: its descriptors, its signals, its PATH;
 * for the programs themselves and for what they start.
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>

/*
 * Closes *fd, unless it is -1, and makes it -1. errno stays: what close(2) says
 * would be of a write, and nothing is written to what is closed so.
 */
void proc_close(int *fd);

/* Closes all descriptors from first on. */
void proc_close_from(int first);

/*
 * Opens those of the descriptors 0 to 2 that are closed, so that no other file
 * gets their numbers. A stdout that was closed becomes a pipe without a reader,
 * as if the client had left. Returns 0, or -1 with errno.
 */
int proc_open_standard(void);

/*
 * Closes the descriptors that this process was given, from 3 on. With
 * keep_files those stay that a script may have opened for its command: files,
 * devices, directories, and pipes other than the web server's.
 */
void proc_close_inherited(bool keep_files);

/*
 * For a program: no alarm, no blocked signal, SIGPIPE and SIGXFSZ ignored,
 * defaults for the rest that a web server may have changed. The signals that
 * end a program are the loop's.
 */
void proc_reset_signals(void);

/* For a command, before its exec: all signals as at login. 0, or -1. */
int proc_default_signals(void);

/*
 * For a program that starts another one: if PATH is not set (lighttpd sets
 * none), sets it to the directory of this program, /usr/local/bin, /usr/bin
 * and /bin. Returns 0, or -1 with errno ENOMEM.
 */
int proc_set_path(void);

#endif
