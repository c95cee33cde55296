/*
 * file: a regular file, opened so that nothing blocks, and what tells it from
 * every other. Its name says little: rotation gives that to another file.
 */
#ifndef FILE_H
#define FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct file {
	/*
	 * Of the inode and, if the file system knows it, of its birth: it
	 * survives a rename, and an inode that is used again has another. The
	 * device is no part: its number changes from boot to boot.
	 */
	uint64_t id;
	dev_t dev;
	ino_t ino;
	int64_t size;     /* bytes */
	int64_t mtime_ns; /* its last write, since 1970 */
	int64_t birth_ns; /* likewise its creation; 0 if unknown */
	bool regular;
	bool deleted; /* it has no name at all any more */
};

/*
 * Fills file for name in the directory dir, or AT_FDCWD; a symbolic link is
 * not followed. Returns 0, or -1 with errno.
 */
int file_at(int dir, const char *name, struct file *file);

/* Likewise for an open descriptor. */
int file_of(int fd, struct file *file);

/*
 * Writes the directory of path; returns where its name in that begins. path is
 * shorter than PATH_MAX.
 */
const char *file_dir(char dir[PATH_MAX], const char *path);

/* Opens that directory. Returns a descriptor, the caller's; or -1 with errno.
 */
int file_open_dir(const char *path, const char **name);

/* Whether a name (a link is followed) leads to file now. */
bool file_is_at(const char *name, const struct file *file);

/*
 * Opens name in dir for reading; a link is followed. Neither a FIFO nor a
 * device is opened or waited for. Returns a descriptor, the caller's; or -1
 * with errno EISDIR, ENOTSUP (neither file nor directory), or of open.
 */
int file_open(int dir, const char *name);

/* The directory and name of a file, whatever links lead there later. */
struct file_home {
	int dir; /* open, or -1: not known. The user's to close */
	char base[NAME_MAX + 1];
};

/* path has the file: sets home, unless it is set. It stays -1 on failure. */
void file_set_home(struct file_home *home, const char *path);

/* Whether file is there still: it was not renamed, but its directory may be. */
bool file_is_home(const struct file_home *home, const struct file *file);

/*
 * The offset of the first data from offset on, which may be in a hole: the end
 * of the file if there is none, offset if it is not known.
 */
uint64_t file_data(int fd, uint64_t offset);

#endif
