/*
 * sockdir: the socket directory, of mode 0700, where the channels of one user
 * have their sockets, KEY.sock, and where the lock is. No symbolic link is
 * followed into it, and who answers must be the same user. Names no more than
 * files and sockets; what is said there is in handover.
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

/* What errno says apart from the system's own. */
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
 * /tmp/sse-cgi-UID; makes it if it is missing. As long as it is open, in this
 * process or one that was forked from it, systemd-tmpfiles leaves it alone.
 * Returns 0, or -1 with errno, SOCKDIR_UNFIT for one.
 */
int sockdir_open(struct sockdir *sockdir);

/* Whether key can be one: up to SOCKDIR_KEY_MAX of SOCKDIR_KEY_BYTES, no dot
 * first.
 */
bool sockdir_key_ok(const char *key);

/*
 * Takes the lock, for ms milliseconds at the most. Returns a descriptor, to
 * be given to sockdir_unlock; or -1 with errno, EAGAIN if time is up.
 */
int sockdir_lock(const struct sockdir *sockdir, int ms);

/* Gives the lock back, also for processes that were forked meanwhile. */
void sockdir_unlock(int lock);

/*
 * Connects to the channel of key. Its answers and ours have ms milliseconds
 * each. Returns a descriptor, or -1 with errno: ENOENT if there is no
 * channel, SOCKDIR_STRANGER for one.
 */
int sockdir_connect(const struct sockdir *sockdir, const char *key, int ms);

/* Whether the peer of a connection is this user. */
bool sockdir_same_user(int fd);

/*
 * With the lock, and once sockdir_connect has found no channel: makes its
 * socket, in the place of a dead one. Removes all dead sockets. Its sticky bit
 * keeps it from systemd-tmpfiles, however old it is. Returns 0, or -1 with
 * errno.
 */
int sockdir_listen(const struct sockdir *sockdir, const char *key,
    struct sockdir_socket *socket);

/*
 * Removes the socket, if it is still this one: who comes now finds none,
 * who was before and waits is for the caller to turn away.
 */
void sockdir_leave(const struct sockdir *sockdir, const char *key,
    const struct sockdir_socket *socket);

/*
 * Calls each with the key of every socket, dead or not, in no order. Returns
 * 0, or -1 with errno.
 */
int sockdir_each(const struct sockdir *sockdir,
    void (*each)(const struct sockdir *sockdir, const char *key, void *to),
    void *to);

#endif
