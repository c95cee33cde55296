/*
 * rotated: parses names and sorts files. rotation decides which file comes next
 * and which is a copy.
 */
#define _GNU_SOURCE /* O_DIRECTORY, strverscmp */
#include "rotated.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proc.h"
#include "cursor.h"

#define DATE_DIGITS 8 /* this many or more: a date or a time, no number */
#define LISTS_MAX 8   /* attempts while a program renames files */

static const char separators[] = ".-_~,+@:=";

/* Length of name, n bytes, without a suffix such as .gz. */
static size_t
stem_of(const char *name, size_t n)
{
	static const char *const suffixes[] = {
	    ".gz", ".xz", ".bz2", ".zst", ".lz4", ".lzma", ".Z", ".zip"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (n > suffix && strcmp(name + n - suffix, suffixes[i]) == 0)
			return n - suffix;
	}
	return n;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * Whether the n bytes are an addition that rotations make to a name: numbers,
 * dates and separators; or a date without a separator: app2.log is not rotated
 * from app.log.
 */
static bool
is_added(const char *added, size_t n)
{
	size_t digits = 0, others = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_digit(added[i]))
			digits++;
		else if (strchr(separators, added[i]) != NULL)
			others++;
		else if ((added[i] != 'T' && added[i] != 'Z') || i == 0 ||
			 !is_digit(added[i - 1]))
			return false;
	}
	return digits > 0 && (others > 0 || digits >= DATE_DIGITS);
}

/* The only number in the n bytes, besides separators; -1 if there is more. */
static int64_t
number_of(const char *added, size_t n)
{
	size_t digits, i = 0;

	while (i < n && !is_digit(added[i]))
		i++;
	digits = strspn(added + i, "0123456789");
	for (size_t k = i + digits; k < n; k++)
		if (is_digit(added[k]))
			return -1;
	return digits < DATE_DIGITS ? strtoll(added + i, NULL, 10) : -1;
}

/*
 * Whether name is a rotated file of the log base: the addition is after the
 * log's name or before its extension. Fills in the fields of old that the name
 * gives.
 */
static bool
read_name(struct rotated *old, const char *name, const char *base)
{
	size_t n = strlen(name), m = strlen(base), same = 0, tail, more;
	const char *added;

	if (n > NAME_MAX)
		return false;
	memcpy(old->name, name, n + 1);
	old->stem = stem_of(name, n);
	old->compressed = old->stem < n;
	old->number = -1;
	n = old->stem;
	if (n <= m)
		return n == m && old->compressed && memcmp(name, base, m) == 0;
	while (same < m && name[same] == base[same])
		same++;
	tail = m - same;
	more = n - m;
	added = name + same;
	if (same == 0 || memcmp(added + more, base + same, tail) != 0 ||
	    !is_added(added, more))
		return false;
	old->number = number_of(added, more);
	return base[same] == '\0' || base[same] == '.' ||
	       (base[same - 1] == '.' && added[more - 1] == '.');
}

static int
add_old(struct rotated_list *list, const char *name, const char *base)
{
	struct rotated *old;

	if (list->n == list->room) {
		size_t room = 2 * list->room + 16;

		old = realloc(list->old, room * sizeof(*old));
		if (old == NULL)
			return -1;
		list->old = old;
		list->room = room;
	}
	old = list->old + list->n;
	if (!read_name(old, name, base))
		return 0;
	if (file_at(list->dir, name, &old->file) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!old->file.regular)
		return 0;
	list->n++;
	list->digest =
	    cursor_hash(list->digest ^ old->file.id, name, strlen(name));
	return 0;
}

static int
list_once(struct rotated_list *list, const char *base)
{
	const struct dirent *entry;
	int copy = fcntl(list->dir, F_DUPFD_CLOEXEC, 0), result = 0;
	DIR *entries = copy == -1 ? NULL : fdopendir(copy);

	if (entries == NULL) {
		proc_close(&copy);
		return -1;
	}
	rewinddir(entries); /* list's descriptor has the same offset */
	list->n = list->digest = 0;
	while (result == 0 && (entry = readdir(entries)) != NULL)
		result = add_old(list, entry->d_name, base);
	(void)closedir(entries);
	return result;
}

/*
 * Lists again until nothing has changed: a list may miss a file that is renamed
 * meanwhile.
 */
static int
list_stable(struct rotated_list *list, const char *base)
{
	uint64_t before;
	int result = list_once(list, base);

	for (int i = 0; result == 0 && i < LISTS_MAX; i++) {
		before = list->digest;
		result = list_once(list, base);
		if (list->digest == before)
			break;
	}
	return result;
}

int
rotated_compare(const struct file *a, const struct file *b)
{
	if (a->mtime_ns != b->mtime_ns)
		return a->mtime_ns < b->mtime_ns ? -1 : 1;
	return (a->birth_ns > b->birth_ns) - (a->birth_ns < b->birth_ns);
}

/* By time, which is coarse (about 4 ms); if times are equal, by name. */
static int
compare(const void *left, const void *right)
{
	const struct rotated *a = left, *b = right;
	int order = rotated_compare(&a->file, &b->file);

	if (order == 0)
		order = (a->rank > b->rank) - (a->rank < b->rank);
	return order != 0 ? order : strverscmp(a->name, b->name);
}

/*
 * Sorts the oldest first. Numbers grow with each file, or with age, as those of
 * logrotate: the times of the first and the last file tell which.
 */
static void
sort(struct rotated_list *list)
{
	const struct rotated *low = NULL, *high = NULL, *old;

	for (size_t i = 0; i < list->n; i++) {
		old = list->old + i;
		if (old->number == -1)
			continue;
		if (low == NULL || old->number < low->number)
			low = old;
		if (high == NULL || old->number > high->number)
			high = old;
	}
	list->down =
	    low != NULL && rotated_compare(&low->file, &high->file) >= 0;
	list->unclear =
	    low != high && rotated_compare(&low->file, &high->file) == 0;
	for (size_t i = 0; i < list->n; i++)
		list->old[i].rank =
		    list->down ? -list->old[i].number : list->old[i].number;
	if (list->n > 0)
		qsort(list->old, list->n, sizeof(*list->old), compare);
}

int
rotated_open(const struct rotated_list *list, const struct rotated *old)
{
	int fd = file_open(list->dir, old->name);
	struct file file;

	if (fd == -1 || (file_of(fd, &file) == 0 && file.id == old->file.id))
		return fd;
	proc_close(&fd);
	errno = ENOENT;
	return -1;
}

int
rotated_list(struct rotated_list *list, const char *path)
{
	char target[PATH_MAX];
	const char *base;

	list->dir = -1;
	if (strlen(path) >= sizeof(target)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (realpath(path, target) != NULL)
		path = target; /* else path does not exist yet */
	list->dir = file_open_dir(path, &base);
	if (list->dir == -1 || list_stable(list, base) == -1)
		return -1;
	sort(list);
	return 0;
}

void
rotated_free(struct rotated_list *list)
{
	int saved = errno;

	free(list->old);
	proc_close(&list->dir);
	errno = saved;
}
