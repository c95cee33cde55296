/*
 * kin: reads /proc: from parent to child where the kernel lists children, else
 * the parent that each process of the system has. Signals and reaps nothing.
 */
#include "kin.h"

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

#define TEXT_MAX (8 * KIN_MAX) /* a pid has seven digits at most */

#define STAT_MAX 512 /* what is read of it comes before */

/* What follows a process's state in its stat, of proc(5). */
enum { PARENT, GROUP, SESSION, THREADS = 16, NUMBERS };

/* Reads what max has room for, as text: empty where it cannot be read. */
static bool
read_text(int folder, const char *path, char *text, size_t max)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
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

/* False where it is gone. */
static bool
read_stat(pid_t pid, struct kin *kin)
{
	char path[32], text[STAT_MAX], *at;
	long number[NUMBERS];

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	(void)read_text(
	    AT_FDCWD, path, text, sizeof(text)); /* empty: seen below */
	/* PID (NAME) STATE, where NAME may hold anything; then numbers */
	at = strrchr(text, ')');
	if (at == NULL || strlen(at) < 4)
		return false;
	kin->ended = at[2] == 'Z';
	at += 3;
	for (int i = 0; i < NUMBERS; i++)
		number[i] = strtol(at, &at, 10);
	kin->pid = pid;
	kin->parent = (pid_t)number[PARENT];
	kin->group = (pid_t)number[GROUP];
	kin->session = (pid_t)number[SESSION];
	kin->ended &= number[THREADS] <= 1;
	return true;
}

/* /proc may be of another pid namespace, whose numbers are others here. */
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

/* Those that one thread has started, the oldest first. */
static void
add_text(struct kin_list *list, char *text)
{
	uint64_t pid;
	char *end;

	/* a space stands behind each: what has none was cut */
	for (; list->count < KIN_MAX && (end = strchr(text, ' ')) != NULL;
	     text = end + 1) {
		*end = '\0';
		if (util_number(text, 1, INT_MAX, &pid) == -1)
			return;
		if (read_stat((pid_t)pid, list->all + list->count))
			list->count++;
	}
}

/* False where the kernel does not tell. */
static bool
add_children(struct kin_list *list, pid_t parent)
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
has(const struct kin_list *list, pid_t pid)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->all[i].pid == pid)
			return true;
	return false;
}

/* Adds those of all processes whose parent is there; of this one at first. */
static bool
add_from_all(struct kin_list *list)
{
	struct dirent *entry;
	DIR *folder = opendir("/proc");
	struct kin *kin;
	uint64_t pid;

	if (folder == NULL)
		return false;
	while (list->count < KIN_MAX && (entry = readdir(folder)) != NULL) {
		kin = list->all + list->count;
		if (util_number(entry->d_name, 1, INT_MAX, &pid) == 0 &&
		    read_stat((pid_t)pid, kin) &&
		    (kin->parent == getpid() || has(list, kin->parent)) &&
		    !has(list, kin->pid))
			list->count++;
	}
	(void)closedir(folder); /* likewise */
	return true;
}

bool
kin_read(struct kin_list *list)
{
	size_t before;

	list->count = 0;
	if (!is_ours())
		return false;
	if (add_children(list, getpid())) {
		for (size_t i = 0; i < list->count; i++)
			(void)add_children(list, list->all[i].pid); /* gone */
		return true;
	}
	do { /* a child's number is mostly above its parent's */
		before = list->count;
		if (!add_from_all(list))
			return false;
	} while (list->count > before && list->count < KIN_MAX);
	return true;
}
