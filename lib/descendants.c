/*
 * descendants: reads /proc: the lists of children if the kernel has them, else
 * the parent of every process. guard signals and reaps.
 */
#include "descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "util.h"

#define TEXT_MAX (8 * DESCENDANTS_MAX) /* a pid has seven digits at most */

#define STAT_MAX 512 /* bytes of a stat file that are read: enough */

/* Indexes of the numbers after the state in /proc/PID/stat (proc(5)). */
enum { PARENT, GROUP, SESSION, THREADS = 16, NUMBERS };

/* Reads up to max - 1 bytes as a string; empty if it cannot be read. */
static bool
read_text(int dir, const char *path, char *text, size_t max)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = -1;

	if (fd != -1) {
		while ((n = read(fd, text + used, max - 1 - used)) > 0)
			used += (size_t)n;
		proc_close(&fd);
	}
	text[used] = '\0';
	return n == 0;
}

/* False if the process is gone. */
static bool
read_stat(pid_t pid, struct descendant *one)
{
	char path[32], text[STAT_MAX], *at;
	long number[NUMBERS];

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	(void)read_text(
	    AT_FDCWD, path, text, sizeof(text)); /* empty on failure */
	/* PID (NAME) STATE, and NAME may hold any byte; then numbers */
	at = strrchr(text, ')');
	if (at == NULL || strlen(at) < 4)
		return false;
	one->ended = at[2] == 'Z';
	at += 3;
	for (int i = 0; i < NUMBERS; i++)
		number[i] = strtol(at, &at, 10);
	one->pid = pid;
	one->parent = (pid_t)number[PARENT];
	one->group = (pid_t)number[GROUP];
	one->session = (pid_t)number[SESSION];
	one->ended &= number[THREADS] <= 1;
	return true;
}

/* Whether /proc shows our pid namespace: in another one the pids differ. */
static bool
is_ours(void)
{
	char link[UTIL_DIGITS_MAX + 1];
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
	uint64_t pid;

	link[n > 0 ? n : 0] = '\0';
	return util_number(link, 1, INT_MAX, &pid) == 0 &&
	       (pid_t)pid == getpid();
}

/* Adds the children of one thread, from the text of its list. */
static void
add_text(struct descendants *list, char *text)
{
	uint64_t pid;
	char *end;

	/* a space follows each pid: one without it was cut off */
	for (;
	     list->count < DESCENDANTS_MAX && (end = strchr(text, ' ')) != NULL;
	     text = end + 1) {
		*end = '\0';
		if (util_number(text, 1, INT_MAX, &pid) == -1)
			return;
		if (read_stat((pid_t)pid, list->all + list->count))
			list->count++;
	}
}

/* False if the kernel does not list children. */
static bool
add_children(struct descendants *list, pid_t parent)
{
	char path[NAME_MAX + 16], text[TEXT_MAX];
	struct dirent *thread;
	DIR *threads;
	bool told = false;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task", (long)parent);
	threads = opendir(path);
	if (threads == NULL)
		return false;
	while ((thread = readdir(threads)) != NULL) {
		(void)snprintf(
		    path, sizeof(path), "%s/children", thread->d_name);
		told |= read_text(dirfd(threads), path, text, sizeof(text));
		add_text(list, text);
	}
	(void)closedir(threads); /* it was only read */
	return told;
}

static bool
has(const struct descendants *list, pid_t pid)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->all[i].pid == pid)
			return true;
	return false;
}

/* Adds each process whose parent is in the list, or is this one. */
static bool
add_from_all(struct descendants *list)
{
	struct dirent *entry;
	DIR *all = opendir("/proc");
	struct descendant *one;
	uint64_t pid;

	if (all == NULL)
		return false;
	while (
	    list->count < DESCENDANTS_MAX && (entry = readdir(all)) != NULL) {
		one = list->all + list->count;
		if (util_number(entry->d_name, 1, INT_MAX, &pid) == 0 &&
		    read_stat((pid_t)pid, one) &&
		    (one->parent == getpid() || has(list, one->parent)) &&
		    !has(list, one->pid))
			list->count++;
	}
	(void)closedir(all); /* it was only read */
	return true;
}

bool
descendants_read(struct descendants *list)
{
	size_t before;

	list->count = 0;
	if (!is_ours())
		return false;
	if (add_children(list, getpid())) {
		for (size_t i = 0; i < list->count; i++)
			(void)add_children(
			    list, list->all[i].pid); /* or gone */
		return true;
	}
	do { /* mostly one pass: a child's pid is mostly above its parent's */
		before = list->count;
		if (!add_from_all(list))
			return false;
	} while (list->count > before && list->count < DESCENDANTS_MAX);
	return true;
}
