/*
 * rotation: see rotation.h.
 */
#define _GNU_SOURCE /* O_DIRECTORY */
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

#define DATE_DIGITS 8 /* and more: a date or a time, the newest is greatest */
#define DIGITS_MAX 18
#define LISTS_MAX 4      /* and once more: somebody renames without end */
#define SAME_START 65536 /* bytes that tell a copy */

/* A file whose name begins with the log's. */
struct self {
	char name[NAME_MAX + 1];
	size_t base; /* of name, which is the log's own */
	struct file file;
	bool other; /* no self after all */
	bool compressed;
	bool numbered; /* a separator and digits are all that follows */
	char separator;
	size_t digits;
	uint64_t number;
};

/* All of them in one directory. */
struct selves {
	int dir;
	int current; /* open: the file that is the log now, or was just so */
	struct file now; /* what it is; it may be one of the selves */
	size_t n;
	size_t room; /* of self, for so many */
	struct self *self;
};

/* Of a directory, all that is no entry of it. */
static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

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
		if (is_dots(entry->d_name))
			continue;
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
	return fd;
}

/* Cuts the suffix of a compressor off length n of name. */
static bool
is_compressed(const char *name, size_t *n)
{
	static const char *const suffixes[] = {
	    ".gz", ".xz", ".bz2", ".zst", ".lz4", ".lzma", ".Z", ".zip"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		size_t suffix = strlen(suffixes[i]);

		if (*n > suffix &&
		    strncmp(name + *n - suffix, suffixes[i], suffix) == 0) {
			*n -= suffix;
			return true;
		}
	}
	return false;
}

/* What the suffix of self's name says. */
static void
read_name(struct self *self)
{
	const char *suffix = self->name + self->base;
	size_t n = strlen(suffix);

	self->compressed = is_compressed(suffix, &n);
	self->separator = suffix[0];
	self->number = 0;
	self->digits = strspn(suffix + 1, "0123456789");
	self->numbered = self->digits > 0 && self->digits <= DIGITS_MAX &&
			 self->digits + 1 == n;
	if (self->numbered)
		self->number = strtoull(suffix + 1, NULL, 10);
}

/* Whether name is the log's, of n bytes, and a suffix of its own. */
static bool
is_self(const char *name, const char *base, size_t n)
{
	return strncmp(name, base, n) == 0 && name[n] != '\0' &&
	       strchr(".-_~,+@", name[n]) != NULL && strlen(name) <= NAME_MAX;
}

static int
add_self(struct selves *selves, const char *name, size_t base)
{
	struct self *self;

	if (selves->n == selves->room) {
		size_t room = 2 * selves->room + 16;

		self = realloc(selves->self, room * sizeof(*self));
		if (self == NULL)
			return -1;
		selves->self = self;
		selves->room = room;
	}
	self = selves->self + selves->n;
	if (file_at(selves->dir, name, &self->file) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!self->file.regular)
		return 0;
	memcpy(self->name, name, strlen(name) + 1);
	self->base = base;
	self->other = false;
	read_name(self);
	selves->n++;
	return 0;
}

static int
list_selves(struct selves *selves, const char *base)
{
	size_t n = strlen(base);
	const struct dirent *entry;
	int copy = fcntl(selves->dir, F_DUPFD_CLOEXEC, 0), result = 0;
	DIR *list = copy == -1 ? NULL : fdopendir(copy);

	if (list == NULL) {
		if (copy != -1)
			(void)close(copy);
		return -1;
	}
	rewinddir(list); /* the offset is that of the directory's descriptor */
	while (result == 0 && (entry = readdir(list)) != NULL)
		if (is_self(entry->d_name, base, n))
			result = add_self(selves, entry->d_name, n);
	(void)closedir(list);
	return result;
}

static bool
has_digit(const struct self *self)
{
	return strpbrk(self->name + self->base, "0123456789") != NULL;
}

/* Whether two lists are the same. */
static bool
same_selves(const struct selves *a, const struct selves *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->self[i].file.id != b->self[i].file.id ||
		    strcmp(a->self[i].name, b->self[i].name) != 0)
			return false;
	return true;
}

/* Lists until nothing was renamed meanwhile: a list may miss what was. */
static int
list_stable(struct selves *selves, const char *base)
{
	struct selves again = {.dir = selves->dir};
	int result = list_selves(selves, base);

	for (int i = 0; result == 0 && i < LISTS_MAX; i++) {
		again.n = 0;
		result = list_selves(&again, base);
		if (result == 0 && same_selves(selves, &again))
			break;
		selves->n = 0;
		if (result == 0)
			result = list_selves(selves, base);
	}
	free(again.self);
	return result;
}

/* Whether self begins as fd does, as far as it goes: it is a copy. */
static bool
begins_as(const struct selves *selves, const struct self *self, int fd)
{
	static char ours[SAME_START], its[SAME_START];
	size_t n = SAME_START;
	int opened = file_open(selves->dir, self->name);
	bool same;

	if (self->file.size < SAME_START)
		n = (size_t)self->file.size;
	same = opened != -1 && mark_read(opened, ours, n, 0) == 0 &&
	       mark_read(fd, its, n, 0) == 0 && memcmp(ours, its, n) == 0;
	if (opened != -1)
		(void)close(opened);
	return same;
}

/* Whether a was written to, or else was made, before b. */
static bool
is_older(const struct file *a, const struct file *b)
{
	if (a->mtime_ns != b->mtime_ns)
		return a->mtime_ns < b->mtime_ns;
	return a->birth_ns < b->birth_ns;
}

/*
 * Whether self is what copytruncate has copied before it truncates. A copy is
 * younger: a log may well begin with the same line each time.
 */
static bool
is_copy_of_current(const struct selves *selves, const struct self *self)
{
	return self->file.id != selves->now.id &&
	       self->file.birth_ns >= selves->now.birth_ns &&
	       begins_as(selves, self, selves->current);
}

/*
 * Whether self is a copy that somebody made, of fd, of the current file or of
 * one that is older: its lines stand there.
 */
static bool
is_copy(const struct selves *selves, const struct self *self, int fd)
{
	bool same =
	    begins_as(selves, self, fd) || is_copy_of_current(selves, self);

	for (size_t i = 0; i < selves->n && !same; i++) {
		const struct self *other = selves->self + i;
		int opened;

		if (other == self || other->compressed ||
		    !is_older(&other->file, &self->file))
			continue;
		opened = file_open(selves->dir, other->name);
		same = opened != -1 && begins_as(selves, self, opened);
		if (opened != -1)
			(void)close(opened);
	}
	return same;
}

/* Numbers of one kind: the same separator, and dates are no counts. */
static bool
same_kind(const struct self *a, const struct self *b)
{
	return a->numbered && b->numbered && a->separator == b->separator &&
	       (a->digits >= DATE_DIGITS) == (b->digits >= DATE_DIGITS);
}

/*
 * Whether the newest has the greatest number. Dates are so; of counts, those
 * of logrotate are not: the times of the last and the first one tell.
 */
static bool
counts_up(const struct selves *selves, const struct self *self)
{
	const struct self *low = self, *high = self;

	if (self->digits >= DATE_DIGITS)
		return true;
	for (size_t i = 0; i < selves->n; i++) {
		const struct self *other = selves->self + i;

		if (!same_kind(other, self))
			continue;
		if (other->number < low->number)
			low = other;
		if (other->number > high->number)
			high = other;
	}
	return low->file.mtime_ns < high->file.mtime_ns;
}

/* The next number after self's. */
static const struct self *
next_number(const struct selves *selves, const struct self *self, bool up)
{
	const struct self *next = NULL;

	for (size_t i = 0; i < selves->n; i++) {
		const struct self *other = selves->self + i;

		if (!same_kind(other, self) || other->number == self->number ||
		    (other->number > self->number) != up)
			continue;
		if (next == NULL || (other->number < next->number) == up)
			next = other;
	}
	return next;
}

/* By numbers: as rotation_next, with the name of what comes next. */
static enum rotation_next
by_number(const struct selves *selves, const struct self *self,
    const struct self **next)
{
	bool up = counts_up(selves, self);

	for (;; self = *next) {
		*next = next_number(selves, self, up);
		if (*next == NULL)
			return up || self->number <= 1 ? ROTATION_CURRENT
						       : ROTATION_LOST;
		if ((*next)->compressed ||
		    (!up && (*next)->number + 1 != self->number))
			return ROTATION_LOST;
		if ((*next)->file.size > 0 &&
		    !is_copy_of_current(selves, *next))
			return ROTATION_BETWEEN;
	}
}

static bool
is_seen(const struct rotation_seen *seen, const struct self *self)
{
	for (size_t i = 0; i < seen->n; i++)
		if (seen->ids[i] == self->file.id)
			return true;
	return false;
}

/*
 * Whether self may be what came after file. One that was truncated, and not
 * written to since, has a copy of about the same time, which did not.
 */
static bool
is_next(const struct self *self, const struct file *file)
{
	if (self->file.size == 0 || self->file.id == file->id ||
	    self->file.birth_ns < file->birth_ns)
		return false;
	if (file->size == 0 && file->mtime_ns != file->birth_ns)
		return file->mtime_ns < self->file.mtime_ns;
	return is_older(file, &self->file);
}

/*
 * By times, where the name of the file, open as fd, does not count: as
 * by_number. A suffix without a digit tells nothing where that of the file has
 * one, or the file has no name any more.
 */
static enum rotation_next
by_time(struct selves *selves, int fd, const struct file *file,
    const struct rotation_seen *seen, const struct self **next, bool digits)
{
	struct self *first;

	for (;;) {
		first = NULL;
		for (size_t i = 0; i < selves->n; i++) {
			struct self *self = selves->self + i;

			if (!self->other && is_next(self, file) &&
			    !is_seen(seen, self) &&
			    (first == NULL ||
				is_older(&self->file, &first->file)))
				first = self;
		}
		*next = first;
		if (first == NULL)
			return ROTATION_CURRENT;
		if (first->compressed)
			return ROTATION_LOST;
		if (!is_copy(selves, first, fd))
			return digits && !has_digit(first) ? ROTATION_LOST
							   : ROTATION_BETWEEN;
		first->other = true;
	}
}

static enum rotation_next
choose(struct selves *selves, int fd, const struct rotation_seen *seen,
    int *opened)
{
	const struct self *self = NULL, *next = NULL;
	enum rotation_next result;
	struct file file;

	if (file_of(fd, &file) == -1)
		return ROTATION_FAILED;
	for (size_t i = 0; i < selves->n; i++)
		if (selves->self[i].file.id == file.id)
			self = selves->self + i;
	if (self != NULL && self->numbered)
		result = by_number(selves, self, &next);
	else
		result = by_time(selves, fd, &file, seen, &next,
		    self == NULL || has_digit(self));
	if (result != ROTATION_BETWEEN)
		return result;
	if (next->file.id == selves->now.id)
		return ROTATION_CURRENT;
	*opened = file_open(selves->dir, next->name);
	if (*opened == -1)
		return ROTATION_LOST;
	/* renamed since: ask again */
	if (file_of(*opened, &file) == 0 && file.id == next->file.id)
		return ROTATION_BETWEEN;
	(void)close(*opened);
	return ROTATION_LOST;
}

enum rotation_next
rotation_next(const char *path, int fd, int current,
    const struct rotation_seen *seen, int *next)
{
	struct selves selves = {.dir = -1, .current = current};
	enum rotation_next result = ROTATION_FAILED;
	char real[PATH_MAX], target[PATH_MAX];
	const char *base, *name;

	if (strlen(path) >= sizeof(real)) {
		errno = ENAMETOOLONG;
		return ROTATION_FAILED;
	}
	name = resolve(path, target);
	memcpy(real, name, strlen(name) + 1);
	selves.dir = open_dir(real, &base);
	if (selves.dir == -1)
		return ROTATION_FAILED;
	if (file_of(current, &selves.now) == 0 &&
	    list_stable(&selves, base) == 0)
		result = choose(&selves, fd, seen, next);
	free(selves.self);
	(void)close(selves.dir);
	return result;
}
