/*
 * rotation: finds the file of a cursor, and the next file: it skips copies, and
 * detects files that are missing. follow waits while files are being renamed.
 */
#include "rotation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../proc.h"
#include "rotated.h"

#define SAME_START 65536 /* bytes that are compared to detect a copy */

/* Opens name if it is the file of cursor, unchanged. Returns as rotation_find.
 */
static int
open_marked(int dir, const char *name, const struct cursor *cursor)
{
	struct file file;
	int fd;

	if (file_at(dir, name, &file) == -1 || !file.regular ||
	    file.id != cursor->file) {
		errno = ENOENT;
		return -1;
	}
	fd = file_open(dir, name);
	if (fd == -1)
		return -1;
	if (file_of(fd, &file) == 0 && file.id == cursor->file &&
	    cursor_holds(cursor, fd))
		return fd;
	proc_close(&fd);
	errno = EBADMSG;
	return -1;
}

static int
find_in(const char *path, const struct cursor *cursor)
{
	const char *name;
	const struct dirent *entry;
	int dir, fd = -1, error = ENOENT;
	DIR *list;

	dir = file_open_dir(path, &name);
	if (dir == -1)
		return -1;
	list = fdopendir(dir);
	if (list == NULL) {
		proc_close(&dir);
		return -1;
	}
	while (fd == -1 && (entry = readdir(list)) != NULL) {
		fd = open_marked(dir, entry->d_name, cursor);
		if (fd == -1 && errno != ENOENT)
			error = errno;
	}
	(void)closedir(list);
	errno = error;
	return fd;
}

/* Whether the n bytes repeat one record: two such files need not be copies. */
static bool
is_monotonous(const char *bytes, size_t n)
{
	const char *end =
	    memchr(bytes, memchr(bytes, '\n', n) ? '\n' : '\0', n);
	size_t line = end == NULL ? n : (size_t)(end - bytes) + 1;

	return memcmp(bytes, bytes + line, n - line) == 0;
}

/*
 * Whether old is a copy of the beginning of fd. Bytes that repeat one record
 * only prove that for the current file, as is_copy compares times, too.
 */
static bool
begins_as(const struct rotated_list *list, const struct rotated *old, int fd)
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
	       cursor_read(opened, ours, n, 0) == 0 &&
	       cursor_read(fd, its, n, 0) == 0 && memcmp(ours, its, n) == 0 &&
	       (fd == list->current || !is_monotonous(ours, n));
	proc_close(&opened);
	return same;
}

/*
 * Whether another file has the same lines as list->old[at]: it is a copy of fd,
 * of an older file or of the current one (copytruncate copies before it
 * truncates), or it is compressed and the original is still there.
 */
static bool
is_copy(const struct rotated_list *list, size_t at, int fd)
{
	const struct rotated *old = list->old + at, *other;
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
			proc_close(&opened);
		}
	}
	return same;
}

void
rotation_add(struct rotation_seen *seen, uint64_t id)
{
	seen->ids[seen->n++ % ROTATION_SEEN] = id;
}

static bool
is_seen(const struct rotation_seen *seen, const struct rotated *old)
{
	for (size_t i = 0; i < seen->n && i < ROTATION_SEEN; i++)
		if (seen->ids[i] == old->file.id)
			return true;
	return false;
}

/*
 * Whether old was last written after file. listed: file is in the list, before
 * old. A compressed file has the time of its original, and an empty file that
 * was once written, hence truncated, may have the time of its copy: there,
 * equal times do not count as after.
 */
static bool
is_after(const struct rotated *old, const struct file *file, bool listed)
{
	if (old->compressed ||
	    (file->size == 0 && file->mtime_ns != file->birth_ns))
		return old->file.mtime_ns > file->mtime_ns;
	return listed || rotated_compare(&old->file, file) >= 0;
}

/*
 * Whether, by numbers that count down, a file is missing between self and next
 * (NULL: the current file).
 */
static bool
is_hole(const struct rotated_list *list, const struct rotated *self,
    const struct rotated *next)
{
	int64_t low = 0, between = 0, first = 1;

	if (!list->down || self == NULL || self->number == -1 ||
	    (next != NULL && next->number == -1))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (list->old[i].number == 0)
			first = 0; /* as newsyslog: .0 is the newest */
	low = next != NULL ? next->number : first - 1;
	for (size_t i = 0; i < list->n; i++)
		between += list->old[i].number > low &&
			   list->old[i].number < self->number;
	return self->number <= low ? next != NULL
				   : between < self->number - low - 1;
}

/* Which file of the list comes after self, or after file if self is NULL. */
static enum rotation_next
choose(const struct rotated_list *list, const struct rotated *self,
    const struct file *file, int fd, const struct rotation_seen *seen,
    const struct rotated **next)
{
	size_t at = self == NULL ? 0 : (size_t)(self - list->old) + 1;
	const struct rotated *old;

	*next = NULL;
	for (; at < list->n && *next == NULL; at++) {
		old = list->old + at;
		if (old->file.size > 0 && !is_seen(seen, old) &&
		    (fd == -1 || is_after(old, file, self != NULL)) &&
		    !is_copy(list, at, fd))
			*next = old;
	}
	if (is_hole(list, self, *next) ||
	    (list->unclear && self != NULL && self->number != -1))
		return ROTATION_LOST;
	if (*next == NULL || (*next)->file.id == list->now.id)
		return ROTATION_CURRENT;
	return (*next)->compressed ? ROTATION_LOST : ROTATION_BETWEEN;
}

static enum rotation_next
open_next(const struct rotated_list *list, int fd, bool known,
    const struct rotation_seen *seen, int *opened)
{
	const struct rotated *self = NULL, *next;
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
	*opened = rotated_open(list, next);
	return *opened == -1 ? ROTATION_LOST : ROTATION_BETWEEN;
}

enum rotation_next
rotation_next(const char *path, int fd, int current, bool known,
    const struct rotation_seen *seen, int *next)
{
	struct rotated_list list = {.dir = -1, .current = current};
	enum rotation_next result = ROTATION_FAILED;

	if ((current == -1 || file_of(current, &list.now) == 0) &&
	    rotated_list(&list, path) == 0)
		result = open_next(&list, fd, known, seen, next);
	rotated_free(&list);
	return result;
}

int
rotation_last(const char *path)
{
	struct rotated_list list = {.dir = -1, .current = -1};
	int fd = -1;

	if (rotated_list(&list, path) == 0) {
		errno = ENOENT;
		if (list.n > 0 && list.old[list.n - 1].compressed)
			errno = EBADMSG;
		else if (list.n > 0)
			fd = rotated_open(&list, list.old + list.n - 1);
	}
	rotated_free(&list);
	return fd;
}

/*
 * Opens the log if it is a longer copy of cursor's file, which is gone. Returns
 * as rotation_find. It is no copy if a rotated file has the same bytes up to
 * the cursor: then all logs begin alike, or cursor's file was copied and
 * truncated.
 */
static int
find_copy(const char *path, const struct cursor *cursor)
{
	struct rotated_list list;
	int fd = cursor->offset > 0 ? file_open(AT_FDCWD, path) : -1, other;
	bool same;

	if (fd == -1) {
		errno = ENOENT;
		return -1;
	}
	list = (struct rotated_list){.dir = -1, .current = -1};
	same = cursor_holds(cursor, fd) && rotated_list(&list, path) == 0;
	for (size_t i = 0; same && i < list.n; i++) {
		other = rotated_open(&list, list.old + i);
		same = other == -1 || !cursor_holds(cursor, other);
		proc_close(&other);
	}
	rotated_free(&list);
	if (!same)
		proc_close(&fd);
	errno = ENOENT;
	return fd;
}

int
rotation_find(const char *path, const struct cursor *cursor)
{
	char target[PATH_MAX];
	int fd;

	if (strlen(path) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = open_marked(AT_FDCWD, path, cursor);
	if (fd == -1 && errno == ENOENT)
		fd = find_in(path, cursor);
	if (fd == -1 && errno == ENOENT && realpath(path, target) != NULL)
		fd = find_in(target, cursor);
	if (fd == -1 && errno == ENOENT)
		fd = find_copy(path, cursor);
	return fd;
}
