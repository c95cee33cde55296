/*
 * place: reads and replaces the file that holds the last event id. When to save
 * it, after printing the events up to it, is left to the program.
 */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../frame.h"
#include "../proc.h"

void
place_init(struct place *place)
{
	*place = (struct place){.directory = -1};
}

static int
open_directory(struct place *place, const char *path)
{
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX] = ".";
	size_t n = slash == NULL ? 0 : (size_t)(slash - path) + 1;

	if (n >= sizeof(directory)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (n > 0) {
		memcpy(directory, path, n);
		directory[n] = '\0';
	}
	place->name = path + n;
	if (snprintf(place->temporary, sizeof(place->temporary), "%s.new",
		place->name) >= (int)sizeof(place->temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	place->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return place->directory == -1 ? -1 : 0;
}

/* Reads size bytes, or up to EOF. Returns their number, or -1. */
static ssize_t
read_whole(int fd, char *text, size_t size)
{
	size_t n = 0;
	ssize_t more;

	while (n < size) {
		more = read(fd, text + n, size - n);
		if (more == -1 && errno == EINTR)
			continue;
		if (more == -1)
			return -1;
		if (more == 0)
			break;
		n += (size_t)more;
	}
	return (ssize_t)n;
}

/* Reads the file, a regular one only: rename would replace a device or link. */
static int
load(struct place *place)
{
	char text[PLACE_ID_MAX + 2];
	struct stat status;
	struct bytes id;
	ssize_t n;
	int fd;

	if (fstatat(place->directory, place->name, &status,
		AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return -1;
	}
	fd = openat(
	    place->directory, place->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read_whole(fd, text, sizeof(text));
	proc_close(&fd);
	if (n == -1)
		return -1;
	id = (struct bytes){text, (size_t)n};
	if (id.n > 0 && text[id.n - 1] == '\n')
		id.n--;
	if (id.n <= PLACE_ID_MAX && frame_field_ok(id))
		return place_set(place, id);
	errno = EINVAL;
	return -1;
}

int
place_open(struct place *place, const char *path)
{
	if (open_directory(place, path) == -1 || load(place) == -1)
		return -1;
	return place_prepare(place) == -1 ? -1 : place_commit(place);
}

int
place_set(struct place *place, struct bytes id)
{
	if (bytes_equal(id, bytes_of(place->id)))
		return 0;
	if (id.n > PLACE_ID_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if (id.n > 0)
		memcpy(place->id, id.at, id.n);
	place->id[id.n] = '\0';
	place->changed = true;
	return 0;
}

bool
place_is_behind(const struct place *place)
{
	return place->name != NULL && place->changed;
}

/* Writes the id and an LF, and waits for the disk. */
static int
write_whole(int fd, const char *id)
{
	char line[PLACE_ID_MAX + 2];
	size_t n = strlen(id), done = 0;
	ssize_t more;

	memcpy(line, id, n);
	line[n++] = '\n';
	while (done < n) {
		more = write(fd, line + done, n - done);
		if (more == -1 && errno != EINTR)
			return -1;
		done += more > 0 ? (size_t)more : 0;
	}
	return fsync(fd);
}

int
place_prepare(struct place *place)
{
	int fd = openat(place->directory, place->temporary,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
	int written;

	if (fd == -1)
		return -1;
	written = write_whole(fd, place->id);
	proc_close(&fd);
	return written;
}

int
place_commit(struct place *place)
{
	if (renameat(place->directory, place->temporary, place->directory,
		place->name) == -1)
		return -1;
	place->changed = false;
	/* some file systems cannot sync a directory */
	return fsync(place->directory) == -1 && errno != EINVAL ? -1 : 0;
}

void
place_close(struct place *place)
{
	proc_close(&place->directory);
}
