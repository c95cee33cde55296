/*
 * hand: what is said between who brings a viewer, a CGI process or another
 * channel, and the channel that takes it: one message, with the viewer's
 * descriptor, and one answer. Sockets of SOCK_SEQPACKET keep messages whole.
 * Knows nothing of what either side does with it.
 */
#ifndef HAND_H
#define HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HAND_ID_MAX 1024  /* a longer id is none that a channel knows */
#define HAND_LINE_MAX 512 /* of a list, with its NUL */

enum hand_flags {
	HAND_LIST = 1,    /* no viewer: the answer is a line of the list */
	HAND_NPH = 2,     /* the header shall have a status line */
	HAND_FURTHER = 4, /* an unknown id is answered, not served */
	HAND_GREETED = 8, /* the viewer has had its header, nobody waits */
	HAND_ASK = 16,    /* no viewer: HAND_TAKEN says that the id is known */
	HAND_QUIT = 32,   /* no viewer: the channel ends; that is the answer */
};

/* In these bits, the number that origin_find gave to the viewer's origin. */
#define HAND_ORIGIN_SHIFT 24
#define HAND_ORIGIN (UINT32_C(0xff) << HAND_ORIGIN_SHIFT)

enum hand_answer {
	HAND_LOST,    /* there was none: the channel has ended */
	HAND_LATE,    /* none came in time */
	HAND_TAKEN,   /* the channel has the viewer and deals with it */
	HAND_UNKNOWN, /* the id is not in the ring: see HAND_FURTHER */
	HAND_FULL,    /* no descriptor is left for it */
};

struct hand_message {
	uint32_t version; /* hand_send's business */
	uint32_t flags;
	uint64_t replay; /* how many events a viewer without an id gets */
	uint32_t id_n;
	char id[HAND_ID_MAX];
};

/* The message's id: the first HAND_ID_MAX bytes of n. */
void hand_set_id(struct hand_message *message, const char *id, size_t n);

/*
 * Sends message and the descriptor viewer, or none if it is -1. Blocks for
 * the time-out of fd. Returns 0, or -1 with errno.
 */
int hand_send(int fd, struct hand_message *message, int viewer);

/*
 * Receives without blocking. *viewer is the caller's, or -1 where none came
 * (or none could be taken). Returns 0; or -1 with errno: EAGAIN where there is
 * nothing yet, EBADMSG where it is no such message, EPIPE where the peer left.
 */
int hand_receive(int fd, struct hand_message *message, int *viewer);

/* Answers without blocking. Returns 0, or -1 where the peer is gone. */
int hand_answer(int fd, enum hand_answer answer);

/* Waits for the answer, for the time-out of fd. */
enum hand_answer hand_wait(int fd);

/* With HAND_LIST: the line, and how to wait for it. Returns 0, or -1. */
int hand_answer_line(int fd, const char *line);
int hand_wait_line(int fd, char line[HAND_LINE_MAX]);

#endif
