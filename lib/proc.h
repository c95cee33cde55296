/*
 * proc: sets up descriptors, signals and PATH, for the programs themselves and
 * for the commands that they start.
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>

/*
 * Closes *fd, unless it is -1, and sets it to -1. Keeps errno: an error of
 * close(2) concerns earlier writes, so this is not for files that were written.
 */
void proc_close(int *fd);

/* Closes all descriptors from first on. */
void proc_close_from(int first);

/*
 * Opens those of the descriptors 0 to 2 that are closed, so that no other file
 * gets their numbers. A closed stdout becomes a pipe without a reader, as if
 * the client had left. Returns 0, or -1 with errno.
 */
int proc_open_standard(void);

/* Whether fd is a socket of a network (AF_INET or AF_INET6). */
bool proc_is_network(int fd);

/*
 * Closes the descriptors that this process inherited, from 3 on. With
 * keep_files it keeps those that a script may have opened for its command:
 * files, devices, directories, and pipes other than the web server's.
 */
void proc_close_inherited(bool keep_files);

/*
 * For a program: no alarm, no blocked signal, SIGPIPE and SIGXFSZ ignored, and
 * the default action for others that a web server may have changed. loop sets
 * the signals that end a program.
 */
void proc_reset_signals(void);

/* For a command, before its exec: resets all signals. Returns 0, or -1. */
int proc_default_signals(void);

/*
 * For a program that starts another one: if PATH is not set (lighttpd sets
 * none), sets it to the directory of this program, /usr/local/bin, /usr/bin
 * and /bin. Returns 0, or -1 with errno ENOMEM.
 */
int proc_set_path(void);

#endif
