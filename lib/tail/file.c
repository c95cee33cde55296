/*
 * file: gets the attributes of files from the system.
 */
/* syscall, for statx (musl 1.2.3 has no wrapper); O_PATH, SEEK_DATA */
#define _GNU_SOURCE
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../proc.h"
#include "../util.h"
#include "cursor.h"

/* The kernel's struct statx (statx(2)), with the fields that are used here. */
struct birth {
	uint32_t mask;
	uint32_t before[19];
	int64_t seconds; /* stx_btime */
	uint32_t nanoseconds;
	uint32_t after[41];
};

_Static_assert(sizeof(struct birth) == 256, "statx fills 256 bytes");

#define BIRTH_MASK 0x800U /* STATX_BTIME */

static int64_t
birth_ns(int dir, const char *name, int flags)
{
	struct birth birth = {0};

	if (syscall(SYS_statx, dir, name, flags, BIRTH_MASK, &birth) == 0 &&
	    birth.mask & BIRTH_MASK)
		return birth.seconds * UTIL_SECOND_NS + birth.nanoseconds;
	return 0;
}

static void
fill(struct file *file, const struct stat *status, int64_t born_ns)
{
	uint64_t ino = status->st_ino;

	file->dev = status->st_dev;
	file->ino = status->st_ino;
	file->size = status->st_size;
	file->mtime_ns =
	    status->st_mtim.tv_sec * UTIL_SECOND_NS + status->st_mtim.tv_nsec;
	file->birth_ns = born_ns;
	file->regular = S_ISREG(status->st_mode);
	file->deleted = status->st_nlink == 0;
	file->id =
	    cursor_hash((uint64_t)born_ns, (const char *)&ino, sizeof(ino));
}

int
file_at(int dir, const char *name, struct file *file)
{
	struct stat status;

	if (fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	fill(file, &status, birth_ns(dir, name, AT_SYMLINK_NOFOLLOW));
	return 0;
}

int
file_of(int fd, struct file *file)
{
	struct stat status;

	if (fstat(fd, &status) == -1)
		return -1;
	fill(file, &status, birth_ns(fd, "", AT_EMPTY_PATH));
	return 0;
}

const char *
file_dir(char dir[PATH_MAX], const char *path)
{
	const char *slash = strrchr(path, '/');
	int n = slash == NULL ? 0 : (int)(slash - path);

	(void)snprintf(dir, PATH_MAX, "%.*s", n, path);
	if (n == 0)
		memcpy(dir, slash == NULL ? "." : "/", 2);
	return slash == NULL ? path : slash + 1;
}

int
file_open_dir(const char *path, const char **name)
{
	char dir[PATH_MAX];

	*name = file_dir(dir, path);
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool
file_is_at(const char *name, const struct file *file)
{
	struct stat status;

	return stat(name, &status) == 0 && status.st_dev == file->dev &&
	       status.st_ino == file->ino;
}

/* Refuses all but regular files. Returns 0, or -1 with errno. */
static int
refuse_others(const struct stat *status)
{
	if (S_ISREG(status->st_mode))
		return 0;
	errno = S_ISDIR(status->st_mode) ? EISDIR : ENOTSUP;
	return -1;
}

int
file_open(int dir, const char *name)
{
	struct stat status;
	int fd;

	/* checked before open: opening a device may have side effects */
	if (fstatat(dir, name, &status, 0) == -1 ||
	    refuse_others(&status) == -1)
		return -1;
	fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &status) == 0 && refuse_others(&status) == 0)
		return fd;
	proc_close(&fd);
	return -1;
}

void
file_set_home(struct file_home *home, const char *path)
{
	char real[PATH_MAX];
	char *base;

	if (home->dir != -1 || realpath(path, real) == NULL)
		return;
	base = strrchr(real, '/') + 1;
	memcpy(home->base, base, strlen(base) + 1);
	*base = '\0';
	home->dir = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

bool
file_is_home(const struct file_home *home, const struct file *file)
{
	struct file now;

	return home->dir != -1 && file_at(home->dir, home->base, &now) == 0 &&
	       now.id == file->id;
}

uint64_t
file_data(int fd, uint64_t offset)
{
	struct stat status;
	off_t data;

	if (fstat(fd, &status) == -1)
		return offset;
	data = lseek(fd, (off_t)offset, SEEK_DATA);
	if (data == -1 && errno == ENXIO)
		data = status.st_size; /* not data written after the fstat */
	return data > (off_t)offset ? (uint64_t)data : offset;
}
