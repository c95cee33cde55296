/*
 * handover: what a CGI process, or another channel, says to the channel that is
 * to take a viewer: one message, with the viewer's descriptor, and one answer.
 * Sockets of SOCK_SEQPACKET keep messages whole. Knows nothing of what either
 * side does with it.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDOVER_ID_MAX 1024  /* a longer id is none that a channel knows */
#define HANDOVER_LINE_MAX 512 /* of a list, with its NUL */

enum handover_flags {
	HANDOVER_LIST = 1,    /* no viewer: the answer is a line of the list */
	HANDOVER_NPH = 2,     /* the header shall have a status line */
	HANDOVER_FURTHER = 4, /* an unknown id is answered, not served */
	HANDOVER_GREETED = 8, /* the viewer has had its header, nobody waits */
	HANDOVER_ASK = 16,    /* no viewer: HANDOVER_TAKEN: the id is known */
	HANDOVER_QUIT = 32,   /* no viewer: the channel ends: the answer */
};

/* In these bits, the number that origin_find gave to the viewer's origin. */
#define HANDOVER_ORIGIN_SHIFT 24
#define HANDOVER_ORIGIN (UINT32_C(0xff) << HANDOVER_ORIGIN_SHIFT)

/* What a message says of its viewer. */
#define HANDOVER_VIEWER \
	(HANDOVER_NPH | HANDOVER_FURTHER | HANDOVER_GREETED | HANDOVER_ORIGIN)

enum handover_answer {
	HANDOVER_LOST,    /* there was none: the channel has ended */
	HANDOVER_LATE,    /* none came in time */
	HANDOVER_TAKEN,   /* the channel has the viewer and deals with it */
	HANDOVER_UNKNOWN, /* the id is not in the ring: see HANDOVER_FURTHER */
	HANDOVER_FULL,    /* no descriptor is left for it */
};

struct handover_message {
	uint32_t version; /* handover_send's business */
	uint32_t flags;
	uint64_t replay; /* how many events a viewer without an id gets */
	uint32_t id_n;
	char id[HANDOVER_ID_MAX];
};

/* The message's id: the first HANDOVER_ID_MAX bytes of n. */
void handover_set_id(
    struct handover_message *message, const char *id, size_t n);

/*
 * Sends message and the descriptor viewer, or none if it is -1. Blocks for
 * the time-out of fd. Returns 0, or -1 with errno.
 */
int handover_send(int fd, struct handover_message *message, int viewer);

/*
 * Receives without blocking. *viewer is the caller's, or -1 if none came (or
 * none could be taken). Returns 0; or -1 with errno: EAGAIN if there is nothing
 * yet, EBADMSG if it is no such message, EPIPE if the peer has left.
 */
int handover_receive(int fd, struct handover_message *message, int *viewer);

/* Answers without blocking. Returns 0, or -1 if the peer is gone. */
int handover_answer(int fd, enum handover_answer answer);

/* Waits for the answer, for the time-out of fd. */
enum handover_answer handover_wait(int fd);

/* With HANDOVER_LIST: the line, and how to wait for it. Returns 0, or -1. */
int handover_answer_line(int fd, const char *line);
int handover_wait_line(int fd, char line[HANDOVER_LINE_MAX]);

#endif
