/*
 * rotation: finds rotated files by their names, puts them in the order in which
 * they were last written, and opens the one that comes next. What is read of
 * them, and how long to wait for a rename half done, is up to others.
 */
#define _GNU_SOURCE /* O_DIRECTORY, strverscmp */
#include "rotation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

#define DATE_DIGITS 8    /* and more: a date or a time, no number */
#define LISTS_MAX 4      /* and once more: somebody renames without end */
#define SAME_START 65536 /* bytes that tell a copy */

static const char separators[] = ".-_~,+@:=";

/* A rotated file. */
struct old {
	char name[NAME_MAX + 1];
	size_t stem; /* bytes of name without a compression's suffix */
	bool compressed;
	int64_t number; /* that is all that name adds to the log's, or -1 */
	int64_t rank;   /* number, or the negative where 1 is the newest */
	struct file file;
};

/* All of one log, which are in one directory. */
struct list {
	int dir;
	int current;     /* open: the file that is the log now, or -1 */
	struct file now; /* what it is; it may be in the list since */
	size_t n;
	size_t room; /* of old, for so many */
	struct old *old;
	bool down; /* the greatest number is the oldest */
};

/*
 * Splits path, of which a copy is changed, into its directory and its name.
 * Returns the directory open, or -1 with errno.
 */
static int
open_dir(char *path, const char **name)
{
	char *slash = strrchr(path, '/');

	*name = slash == NULL ? path : slash + 1;
	if (slash == NULL)
		return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (slash == path)
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*slash = '\0';
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Opens name if it is the file of mark, unchanged: as rotation_find. */
static int
open_marked(int dir, const char *name, const struct mark *mark)
{
	struct file file;
	int fd;

	if (file_at(dir, name, &file) == -1 || !file.regular ||
	    file.id != mark->file) {
		errno = ENOENT;
		return -1;
	}
	fd = file_open(dir, name);
	if (fd == -1)
		return -1;
	if (file_of(fd, &file) == 0 && file.id == mark->file &&
	    mark_holds(mark, fd))
		return fd;
	(void)close(fd); /* nothing was written */
	errno = EBADMSG;
	return -1;
}

static int
find_in(const char *path, const struct mark *mark)
{
	char copy[PATH_MAX];
	const char *name;
	const struct dirent *entry;
	int dir, fd = -1, error = ENOENT;
	DIR *list;

	memcpy(copy, path, strlen(path) + 1);
	dir = open_dir(copy, &name);
	if (dir == -1)
		return -1;
	list = fdopendir(dir);
	if (list == NULL) {
		(void)close(dir);
		return -1;
	}
	while (fd == -1 && (entry = readdir(list)) != NULL) {
		fd = open_marked(dir, entry->d_name, mark);
		if (fd == -1 && errno != ENOENT)
			error = errno;
	}
	(void)closedir(list);
	errno = error;
	return fd;
}

/* Where the log's own selves are: path, or what it leads to. */
static const char *
resolve(const char *path, char target[PATH_MAX])
{
	return realpath(path, target) == NULL ? path : target;
}

/* How many bytes of name, of n, come before a compression's suffix. */
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
 * Whether n bytes are what a rotation adds to a name: digits, dates and
 * separators. Without a separator only a date: app2.log is not app.log's.
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

/* The number that n bytes are, beside separators; -1 if there is more. */
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
 * Whether name is that of a rotated file of the log base: what is added stands
 * after the log's name or before an extension. Fills in what old's name says.
 */
static bool
read_name(struct old *old, const char *name, const char *base)
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
add_old(struct list *list, const char *name, const char *base)
{
	struct old *old;

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
	list->n += old->file.regular;
	return 0;
}

static int
list_once(struct list *list, const char *base)
{
	const struct dirent *entry;
	int copy = fcntl(list->dir, F_DUPFD_CLOEXEC, 0), result = 0;
	DIR *entries = copy == -1 ? NULL : fdopendir(copy);

	if (entries == NULL) {
		if (copy != -1)
			(void)close(copy);
		return -1;
	}
	rewinddir(entries); /* the offset is that of list's descriptor */
	list->n = 0;
	while (result == 0 && (entry = readdir(entries)) != NULL)
		result = add_old(list, entry->d_name, base);
	(void)closedir(entries);
	return result;
}

/* Whether two lists are the same. */
static bool
same_lists(const struct list *a, const struct list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->old[i].file.id != b->old[i].file.id ||
		    strcmp(a->old[i].name, b->old[i].name) != 0)
			return false;
	return true;
}

/* Lists until nothing was renamed meanwhile: a list may miss what was. */
static int
list_stable(struct list *list, const char *base)
{
	struct list again = {.dir = list->dir};
	int result = list_once(list, base);

	for (int i = 0; result == 0 && i < LISTS_MAX; i++) {
		result = list_once(&again, base);
		if (result == 0 && same_lists(list, &again))
			break;
		if (result == 0)
			result = list_once(list, base);
	}
	free(again.old);
	return result;
}

/* Whether a was last written, or else was made, before b. */
static int
compare_times(const struct file *a, const struct file *b)
{
	if (a->mtime_ns != b->mtime_ns)
		return a->mtime_ns < b->mtime_ns ? -1 : 1;
	return (a->birth_ns > b->birth_ns) - (a->birth_ns < b->birth_ns);
}

/* Times are coarse (4 ms or so): where they are the same, names tell. */
static int
compare(const void *left, const void *right)
{
	const struct old *a = left, *b = right;
	int order = compare_times(&a->file, &b->file);

	if (order == 0)
		order = (a->rank > b->rank) - (a->rank < b->rank);
	return order != 0 ? order : strverscmp(a->name, b->name);
}

/*
 * The oldest first. Numbers count up or, as those of logrotate, down: the
 * times of the first and the last one tell.
 */
static void
sort(struct list *list)
{
	const struct old *low = NULL, *high = NULL, *old;

	for (size_t i = 0; i < list->n; i++) {
		old = list->old + i;
		if (old->number == -1)
			continue;
		if (low == NULL || old->number < low->number)
			low = old;
		if (high == NULL || old->number > high->number)
			high = old;
	}
	list->down = low != NULL && low->file.mtime_ns >= high->file.mtime_ns;
	for (size_t i = 0; i < list->n; i++)
		list->old[i].rank =
		    list->down ? -list->old[i].number : list->old[i].number;
	if (list->n > 0)
		qsort(list->old, list->n, sizeof(*list->old), compare);
}

/* Whether n bytes are one line, time and again: no copy is told by that. */
static bool
is_monotonous(const char *bytes, size_t n)
{
	const char *end = memchr(bytes, '\n', n);
	size_t line = end == NULL ? n : (size_t)(end - bytes) + 1;

	return memcmp(bytes, bytes + line, n - line) == 0;
}

/* Whether old is a copy of what is open as fd, as far as it goes. */
static bool
begins_as(const struct list *list, const struct old *old, int fd)
{
	static char ours[SAME_START], its[SAME_START];
	size_t n = SAME_START;
	int opened = file_open(list->dir, old->name);
	struct file file;
	bool same;

	if (old->file.size < SAME_START)
		n = (size_t)old->file.size;
	same = opened != -1 && file_of(fd, &file) == 0 &&
	       file.size >= old->file.size &&
	       mark_read(opened, ours, n, 0) == 0 &&
	       mark_read(fd, its, n, 0) == 0 && memcmp(ours, its, n) == 0 &&
	       !is_monotonous(ours, n);
	if (opened != -1)
		(void)close(opened);
	return same;
}

/*
 * Whether the lines of list->old[at] stand elsewhere: it is a copy of fd, of an
 * older one or of the current file (copytruncate copies before it truncates),
 * or what is compressed is still there.
 */
static bool
is_copy(const struct list *list, size_t at, int fd)
{
	const struct old *old = list->old + at, *other;
	bool same = false;
	int opened;

	if (!old->compressed)
		same = (fd != -1 && begins_as(list, old, fd)) ||
		       (list->current != -1 && old->file.id != list->now.id &&
			   old->file.birth_ns >= list->now.birth_ns &&
			   begins_as(list, old, list->current));
	for (size_t i = 0; i < list->n && !same; i++) {
		other = list->old + i;
		if (other->compressed)
			continue;
		if (old->compressed) {
			same = other->stem == old->stem &&
			       memcmp(other->name, old->name, old->stem) == 0;
		} else if (i < at) {
			opened = file_open(list->dir, other->name);
			same = opened != -1 && begins_as(list, old, opened);
			if (opened != -1)
				(void)close(opened);
		}
	}
	return same;
}

static bool
is_seen(const struct rotation_seen *seen, const struct old *old)
{
	for (size_t i = 0; i < seen->n; i++)
		if (seen->ids[i] == old->file.id)
			return true;
	return false;
}

/*
 * Whether old was last written after file, before which it does not stand if
 * that is listed too. A compressed file has the time of the original,
 * which file may have been. A file that is empty, but was written once, was
 * truncated, and its copy is as young as that.
 */
static bool
is_after(const struct old *old, const struct file *file, bool listed)
{
	if (old->compressed ||
	    (file->size == 0 && file->mtime_ns != file->birth_ns))
		return old->file.mtime_ns > file->mtime_ns;
	return listed || compare_times(&old->file, file) >= 0;
}

/*
 * Whether numbers that count down say that a file is missing between self and
 * next, or the current one.
 */
static bool
is_hole(const struct list *list, const struct old *self, const struct old *next)
{
	int64_t low = 0, between = 0, first = 1;

	if (!list->down || self == NULL || self->number == -1 ||
	    (next != NULL && next->number == -1))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (list->old[i].number == 0)
			first = 0; /* newsyslog's: .0 is the newest */
	low = next != NULL ? next->number : first - 1;
	for (size_t i = 0; i < list->n; i++)
		between += list->old[i].number > low &&
			   list->old[i].number < self->number;
	return self->number <= low ? next != NULL
				   : between < self->number - low - 1;
}

/* Which one of the list comes after self, or after file, which is no more. */
static enum rotation_next
choose(const struct list *list, const struct old *self, const struct file *file,
    int fd, const struct rotation_seen *seen, const struct old **next)
{
	size_t at = self == NULL ? 0 : (size_t)(self - list->old) + 1;
	const struct old *old;

	*next = NULL;
	for (; at < list->n && *next == NULL; at++) {
		old = list->old + at;
		if (old->file.size > 0 && !is_seen(seen, old) &&
		    (fd == -1 || is_after(old, file, self != NULL)) &&
		    !is_copy(list, at, fd))
			*next = old;
	}
	if (is_hole(list, self, *next))
		return ROTATION_LOST;
	if (*next == NULL || (*next)->file.id == list->now.id)
		return ROTATION_CURRENT;
	return (*next)->compressed ? ROTATION_LOST : ROTATION_BETWEEN;
}

/* Opens old. Returns it, or -1 with errno; ENOENT where it was renamed. */
static int
open_old(const struct list *list, const struct old *old)
{
	int fd = file_open(list->dir, old->name);
	struct file file;

	if (fd == -1 || (file_of(fd, &file) == 0 && file.id == old->file.id))
		return fd;
	(void)close(fd); /* nothing was written */
	errno = ENOENT;
	return -1;
}

static enum rotation_next
open_next(const struct list *list, int fd, bool known,
    const struct rotation_seen *seen, int *opened)
{
	const struct old *self = NULL, *next;
	struct file file = {0};
	enum rotation_next result;

	if (fd != -1 && file_of(fd, &file) == -1)
		return ROTATION_FAILED;
	for (size_t i = 0; fd != -1 && i < list->n; i++)
		if (list->old[i].file.id == file.id)
			self = list->old + i;
	if (fd != -1 && self == NULL && !file.deleted && !known)
		return ROTATION_STRANGE;
	result = choose(list, self, &file, fd, seen, &next);
	if (result != ROTATION_BETWEEN)
		return result;
	*opened = open_old(list, next);
	return *opened == -1 ? ROTATION_LOST : ROTATION_BETWEEN;
}

/*
 * Fills list, which the caller frees, with the rotated files of path, or of
 * its target. Returns 0, or -1 with errno.
 */
static int
list_of(struct list *list, const char *path)
{
	char real[PATH_MAX], target[PATH_MAX];
	const char *base, *name;

	list->dir = -1;
	if (strlen(path) >= sizeof(real)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	name = resolve(path, target);
	memcpy(real, name, strlen(name) + 1);
	list->dir = open_dir(real, &base);
	if (list->dir == -1 || list_stable(list, base) == -1)
		return -1;
	sort(list);
	return 0;
}

static void
free_list(struct list *list)
{
	int saved = errno;

	free(list->old);
	if (list->dir != -1)
		(void)close(list->dir); /* nothing was written */
	errno = saved;
}

enum rotation_next
rotation_next(const char *path, int fd, int current, bool known,
    const struct rotation_seen *seen, int *next)
{
	struct list list = {.current = current};
	enum rotation_next result = ROTATION_FAILED;

	if ((current == -1 || file_of(current, &list.now) == 0) &&
	    list_of(&list, path) == 0)
		result = open_next(&list, fd, known, seen, next);
	free_list(&list);
	return result;
}

int
rotation_last(const char *path)
{
	struct list list = {.current = -1};
	int fd = -1;

	if (list_of(&list, path) == 0) {
		errno = ENOENT;
		if (list.n > 0 && list.old[list.n - 1].compressed)
			errno = EBADMSG;
		else if (list.n > 0)
			fd = open_old(&list, list.old + list.n - 1);
	}
	free_list(&list);
	return fd;
}

/*
 * The one file, of the log and its rotated files, that was the same up to the
 * mark: a copy of the mark's own. Returns as rotation_find; of two, which are
 * one as good as the other, it is none.
 */
static int
find_copy(const char *path, const struct mark *mark)
{
	struct list list = {.current = -1};
	int fd, found = -1, n = 0;

	if (mark->offset > 0 && list_of(&list, path) == -1)
		list.n = 0;
	for (size_t i = 0; mark->offset > 0 && i <= list.n && n < 2; i++) {
		fd = i < list.n ? open_old(&list, list.old + i)
				: file_open(AT_FDCWD, path);
		if (fd != -1 && mark_holds(mark, fd) && ++n == 1)
			found = fd;
		else if (fd != -1)
			(void)close(fd); /* nothing was written */
	}
	free_list(&list);
	if (n == 2) {
		(void)close(found);
		found = -1;
	}
	errno = ENOENT;
	return found;
}

int
rotation_find(const char *path, const struct mark *mark)
{
	char target[PATH_MAX];
	const char *real;
	int fd;

	if (strlen(path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	real = resolve(path, target);
	fd = find_in(path, mark);
	if (fd == -1 && errno == ENOENT && real != path)
		fd = find_in(real, mark);
	if (fd == -1 && errno == ENOENT)
		fd = find_copy(path, mark);
	return fd;
}
