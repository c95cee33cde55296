/*
 * sockdir: finds, checks and makes the socket directory, and connects to its
 * sockets. A socket's path has 108 bytes at most, so bind and connect use a
 * relative path, with the directory as the working directory during the call.
 */
#define _GNU_SOURCE /* struct ucred, O_PATH */
#include "sockdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../proc.h"
#include "../util.h"

#define SUFFIX ".sock"
#define LOCK "lock"
#define BACKLOG 4096

/*
 * With the sticky bit, sockets and the lock are spared by programs that clean
 * /tmp (tmpfiles.d(5)), which cannot see that a process listens at a relative
 * name.
 */
#define FILE_MODE (0600 | S_ISVTX)

static int
find_path(char path[PATH_MAX])
{
	const char *own = getenv("SSE_CGI_DIR");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int n;

	if (own != NULL && *own != '\0')
		n = snprintf(path, PATH_MAX, "%s", own);
	else if (runtime != NULL && *runtime == '/')
		n = snprintf(path, PATH_MAX, "%s/sse-cgi", runtime);
	else
		n = snprintf(
		    path, PATH_MAX, "/tmp/sse-cgi-%ju", (uintmax_t)geteuid());
	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* with a trailing slash, open would follow a symbolic link */
	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	return 0;
}

int
sockdir_open(struct sockdir *sockdir)
{
	mode_t mask = umask(0); /* the server's may be too strict */
	int made;
	struct stat st;

	sockdir->fd = -1;
	made = find_path(sockdir->path);
	if (made == 0 && mkdir(sockdir->path, 0700) == -1 && errno != EEXIST)
		made = -1;
	(void)umask(mask); /* cannot fail */
	if (made == -1)
		return -1;
	sockdir->fd = open(
	    sockdir->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (sockdir->fd == -1 && errno != ELOOP && errno != EACCES)
		return -1;
	if (sockdir->fd != -1 && fstat(sockdir->fd, &st) == 0 &&
	    st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
	    ((st.st_mode & 0700) == 0700 || fchmod(sockdir->fd, 0700) == 0)) {
		/* if it fails, tmpfiles is running: it spares sticky files */
		(void)flock(sockdir->fd, LOCK_SH | LOCK_NB);
		return 0;
	}
	proc_close(&sockdir->fd);
	errno = SOCKDIR_UNFIT;
	return -1;
}

bool
sockdir_key_ok(const char *key)
{
	size_t n = strspn(key, SOCKDIR_KEY_BYTES);

	return n > 0 && n <= SOCKDIR_KEY_MAX && key[n] == '\0' && key[0] != '.';
}

int
sockdir_lock(const struct sockdir *sockdir, int ms)
{
	int64_t until_ns = util_now_ns() + ms * INT64_C(1000000);
	int wait_ms = 1;
	mode_t mask = umask(0);
	int lock = openat(sockdir->fd, LOCK,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, FILE_MODE);

	(void)umask(mask); /* cannot fail */
	while (lock != -1 && flock(lock, LOCK_EX | LOCK_NB) == -1) {
		if ((errno != EWOULDBLOCK && errno != EINTR) ||
		    util_now_ns() >= until_ns)
			proc_close(&lock);
		else
			(void)poll(NULL, 0, wait_ms); /* a signal may end it */
		if (wait_ms < 16)
			wait_ms *= 2;
	}
	return lock;
}

void
sockdir_unlock(int lock)
{
	(void)flock(lock, LOCK_UN); /* the lock is ours: it cannot fail */
	(void)close(lock);
}

static struct sockaddr_un
address_of(const char *key)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.*s%s",
	    SOCKDIR_KEY_MAX, key, SUFFIX);
	return address;
}

/* Calls bind or connect with the directory as the working directory. */
static int
in_directory(const struct sockdir *sockdir,
    int (*call)(int, const struct sockaddr *, socklen_t), int fd,
    const char *key)
{
	struct sockaddr_un address = address_of(key);
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int result = -1;

	if (here == -1)
		return -1;
	if (fchdir(sockdir->fd) == 0)
		result = call(fd, (struct sockaddr *)&address, sizeof(address));
	if (fchdir(here) == -1)
		result = -1;
	proc_close(&here);
	return result;
}

bool
sockdir_same_user(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       peer.uid == geteuid();
}

int
sockdir_connect(const struct sockdir *sockdir, const char *key, int ms)
{
	struct timeval limit = {ms / 1000, ms % 1000 * 1000L};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
		0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) ==
		0 &&
	    in_directory(sockdir, connect, fd, key) == 0) {
		if (sockdir_same_user(fd))
			return fd;
		errno = SOCKDIR_STRANGER;
	} else if (errno == ECONNREFUSED) {
		errno = ENOENT;
	}
	proc_close(&fd);
	return -1;
}

/* Removes a socket on which no process listens; the caller has the lock. */
static void
sweep(const struct sockdir *sockdir, const char *key, void *to)
{
	int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)to;
	if (fd == -1)
		return;
	if (in_directory(sockdir, connect, fd, key) == -1 &&
	    errno == ECONNREFUSED)
		(void)unlinkat(
		    sockdir->fd, address_of(key).sun_path, 0); /* or later */
	(void)close(fd);
}

int
sockdir_listen(const struct sockdir *sockdir, const char *key,
    struct sockdir_socket *socket_)
{
	struct stat st = {0};
	mode_t mask = umask(0177); /* a connection needs the write bit */
	int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1 || sockdir_each(sockdir, sweep, NULL) == -1 ||
	    in_directory(sockdir, bind, fd, key) == -1 ||
	    fchmodat(sockdir->fd, address_of(key).sun_path, FILE_MODE, 0) ==
		-1 ||
	    listen(fd, BACKLOG) == -1 ||
	    fstatat(sockdir->fd, address_of(key).sun_path, &st,
		AT_SYMLINK_NOFOLLOW) == -1)
		proc_close(&fd);
	(void)umask(mask); /* cannot fail */
	*socket_ = (struct sockdir_socket){fd, st.st_dev, st.st_ino};
	return fd == -1 ? -1 : 0;
}

void
sockdir_leave(const struct sockdir *sockdir, const char *key,
    const struct sockdir_socket *socket_)
{
	struct sockaddr_un address = address_of(key);
	struct stat st;

	/*
	 * While a process listens at a socket, no other one replaces it: the
	 * file cannot change between fstatat and unlinkat.
	 */
	if (fstatat(sockdir->fd, address.sun_path, &st, AT_SYMLINK_NOFOLLOW) ==
		0 &&
	    st.st_dev == socket_->device && st.st_ino == socket_->inode)
		(void)unlinkat(sockdir->fd, address.sun_path, 0);
}

int
sockdir_each(const struct sockdir *sockdir,
    void (*each)(const struct sockdir *sockdir, const char *key, void *to),
    void *to)
{
	int again =
	    openat(sockdir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = again == -1 ? NULL : fdopendir(again);
	struct dirent *entry;
	size_t n;

	if (directory == NULL) {
		proc_close(&again);
		return -1;
	}
	while ((entry = readdir(directory)) != NULL) {
		n = strlen(entry->d_name);
		if (n <= strlen(SUFFIX) ||
		    strcmp(entry->d_name + n - strlen(SUFFIX), SUFFIX) != 0)
			continue;
		entry->d_name[n - strlen(SUFFIX)] = '\0';
		if (sockdir_key_ok(entry->d_name))
			each(sockdir, entry->d_name, to);
	}
	(void)closedir(directory);
	return 0;
}
