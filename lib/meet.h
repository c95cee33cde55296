/*
 * meet: the meeting place, a folder of mode 0700 where the channels of one
 * user have their sockets, KEY.sock, and where the lock is. No symbolic link
 * is followed into it, and who answers must be the same user. Names no more
 * than files and sockets; what is said there is hand's business.
 */
#ifndef MEET_H
#define MEET_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#define MEET_KEY_MAX 64
#define MEET_KEY_BYTES                         \
	"0123456789abcdefghijklmnopqrstuvwxyz" \
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_"

/* What errno says apart from the system's own. */
#define MEET_UNFIT ENOTDIR         /* no directory of mode 0700 of this user */
#define MEET_STRANGER EKEYREJECTED /* another user's process answers */

struct meet {
	char path[PATH_MAX]; /* for messages, also after a failure */
	int folder;
};

/* A channel's own socket. */
struct meet_socket {
	int fd; /* it listens */
	dev_t device;
	ino_t inode;
};

/*
 * Opens the folder: $SSE_CGI_DIR, else sse-cgi in $XDG_RUNTIME_DIR, else
 * /tmp/sse-cgi-UID; makes it if it is missing. As long as it is open, in this
 * process or one that was forked from it, systemd-tmpfiles leaves it alone.
 * Returns 0, or -1 with errno, MEET_UNFIT for one.
 */
int meet_open(struct meet *meet);

/* Whether key can be one: up to MEET_KEY_MAX of MEET_KEY_BYTES, no dot first.
 */
bool meet_key_ok(const char *key);

/*
 * Takes the lock, for ms milliseconds at the most. Returns a descriptor, to
 * be given to meet_unlock; or -1 with errno, EAGAIN where time is up.
 */
int meet_lock(const struct meet *meet, int ms);

/* Gives the lock back, also for processes that were forked meanwhile. */
void meet_unlock(int lock);

/*
 * Connects to the channel of key. Its answers and ours have ms milliseconds
 * each. Returns a descriptor, or -1 with errno: ENOENT if there is no
 * channel, MEET_STRANGER for one.
 */
int meet_connect(const struct meet *meet, const char *key, int ms);

/* Whether the peer of a connection is this user. */
bool meet_same_user(int fd);

/*
 * With the lock, and once meet_connect has found no channel: makes its
 * socket, in the place of a dead one. Removes all dead sockets. Its sticky bit
 * keeps it from systemd-tmpfiles, however old it is. Returns 0, or -1 with
 * errno.
 */
int meet_listen(
    const struct meet *meet, const char *key, struct meet_socket *socket);

/*
 * Removes the socket, if it is still this one: who comes now finds none,
 * who was before and waits is for the caller to turn away.
 */
void meet_leave(
    const struct meet *meet, const char *key, const struct meet_socket *socket);

/*
 * Calls each with the key of every socket, dead or not, in no order. Returns
 * 0, or -1 with errno.
 */
int meet_each(const struct meet *meet,
    void (*each)(const struct meet *meet, const char *key, void *to), void *to);

#endif
