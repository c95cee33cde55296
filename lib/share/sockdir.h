/*
 * sockdir: the socket directory, of mode 0700, with the sockets of one user's
 * channels, KEY.sock, and the lock. A symbolic link is refused, and so is a
 * peer of another user. The protocol of the sockets is in handover.
 */
#ifndef SOCKDIR_H
#define SOCKDIR_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#define SOCKDIR_KEY_MAX 64
#define SOCKDIR_KEY_BYTES                      \
	"0123456789abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_"

/* Values of errno with a meaning of their own. */
#define SOCKDIR_UNFIT ENOTDIR /* no directory of mode 0700 of this user */
#define SOCKDIR_STRANGER EKEYREJECTED /* another user's process answers */

struct sockdir {
	char path[PATH_MAX]; /* for messages, also after a failure */
	int fd;              /* the directory */
};

/* A channel's own socket. */
struct sockdir_socket {
	int fd; /* it listens */
	dev_t device;
	ino_t inode;
};

/*
 * Opens the directory: $SSE_CGI_DIR, else sse-cgi in $XDG_RUNTIME_DIR, else
 * /tmp/sse-cgi-UID; makes it if it is missing. As long as a process has it
 * open, systemd-tmpfiles leaves it alone. Returns 0, or -1 with errno, or
 * SOCKDIR_UNFIT.
 */
int sockdir_open(struct sockdir *sockdir);

/* Whether key has 1 to SOCKDIR_KEY_MAX of SOCKDIR_KEY_BYTES, no dot first. */
bool sockdir_key_ok(const char *key);

/*
 * Takes the lock; waits ms milliseconds at the most. Returns a descriptor for
 * sockdir_unlock, or -1 with errno, EAGAIN if time is up.
 */
int sockdir_lock(const struct sockdir *sockdir, int ms);

/* Releases the lock, even if a process forked meanwhile has a copy of it. */
void sockdir_unlock(int lock);

/*
 * Connects to the channel of key; both directions time out after ms
 * milliseconds. Returns a descriptor, or -1 with errno: ENOENT if there is no
 * channel, or SOCKDIR_STRANGER.
 */
int sockdir_connect(const struct sockdir *sockdir, const char *key, int ms);

/* Whether the peer of a connection is this user. */
bool sockdir_same_user(int fd);

/*
 * Makes a channel's socket. The caller has the lock, and sockdir_connect has
 * found no channel. First removes all sockets at which no process listens.
 * Returns 0, or -1 with errno.
 */
int sockdir_listen(const struct sockdir *sockdir, const char *key,
    struct sockdir_socket *socket);

/*
 * Removes the socket from the directory, if it is still this one: new clients
 * do not find it. Those that have connected already are left to the caller.
 */
void sockdir_leave(const struct sockdir *sockdir, const char *key,
    const struct sockdir_socket *socket);

/*
 * Calls each with the key of every socket, even if no process listens at it.
 * Returns 0, or -1 with errno.
 */
int sockdir_each(const struct sockdir *sockdir,
    void (*each)(const struct sockdir *sockdir, const char *key, void *to),
    void *to);

#endif
