/*
 * file: opens a regular file without blocking, and identifies it. A name does
 * not identify a file: rotation gives it to another one.
 */
#ifndef FILE_H
#define FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file {
	/*
	 * Made from the inode number and, if the file system has it, the
	 * creation time: it stays the same when the file is renamed, and
	 * differs if the inode is used again. The device is not included: its
	 * number can change at boot.
	 */
	uint64_t id;
	dev_t dev;
	ino_t ino;
	int64_t size;     /* bytes */
	int64_t mtime_ns; /* its last write, since 1970 */
	int64_t birth_ns; /* likewise its creation; 0 if unknown */
	bool regular;
	bool deleted; /* it has no name left */
};

/*
 * Fills in file for name in dir, an open directory or AT_FDCWD; does not follow
 * a symbolic link. Returns 0, or -1 with errno.
 */
int file_at(int dir, const char *name, struct file *file);

/* Likewise for an open descriptor. */
int file_of(int fd, struct file *file);

/*
 * Writes path's directory to dir; returns the file's name, within path. path
 * must be shorter than PATH_MAX.
 */
const char *file_dir(char dir[PATH_MAX], const char *path);

/*
 * Opens that directory. Returns a descriptor, to be closed by the caller; or -1
 * with errno.
 */
int file_open_dir(const char *path, const char **name);

/* Whether name, or the target of that link, is file now. */
bool file_is_at(const char *name, const struct file *file);

/*
 * Opens name in dir for reading, following a link; no FIFO and no device.
 * Returns a descriptor, to be closed by the caller; or -1 with errno EISDIR,
 * ENOTSUP (neither file nor directory), or of open.
 */
int file_open(int dir, const char *name);

/* The directory and name of a file, with links resolved. */
struct file_home {
	int dir; /* open, to be closed by the caller; -1: not known */
	char base[NAME_MAX + 1];
};

/* Sets home, unless it is set, to where path leads; dir is -1 on failure. */
void file_set_home(struct file_home *home, const char *path);

/* Whether file still has that name in that directory, also if that was renamed.
 */
bool file_is_home(const struct file_home *home, const struct file *file);

/*
 * The offset of the first data from offset on: after the hole if offset is in
 * one; the end of the file if there is no data; offset if that is not known.
 */
uint64_t file_data(int fd, uint64_t offset);

#endif
