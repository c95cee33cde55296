/*
 * handover: the protocol by which a CGI process, or another channel, hands a
 * viewer over to a channel: one message, with the viewer's descriptor, and one
 * answer. Sockets of SOCK_SEQPACKET keep messages whole. What the message and
 * the answer lead to is left to the two sides.
 */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDOVER_ID_MAX 1024  /* longer ids are cut */
#define HANDOVER_LINE_MAX 512 /* of a line of a list, with its NUL */

enum handover_flags {
	HANDOVER_LIST = 1,    /* no viewer; the answer is a line of the list */
	HANDOVER_NPH = 2,     /* the header shall have a status line */
	HANDOVER_FURTHER = 4, /* an unknown id is answered HANDOVER_UNKNOWN */
	HANDOVER_GREETED = 8, /* the header was sent; no answer is read */
	HANDOVER_ASK = 16,    /* no viewer; HANDOVER_TAKEN: the id is known */
	HANDOVER_QUIT = 32, /* no viewer; the channel ends: EOF is the answer */
	HANDOVER_HALF = 64, /* a half-closed viewer has left */
};

/* These bits are the number that origin_find gave to the viewer's origin. */
#define HANDOVER_ORIGIN_SHIFT 24
#define HANDOVER_ORIGIN (UINT32_C(0xff) << HANDOVER_ORIGIN_SHIFT)

/* The flags that describe a viewer. */
#define HANDOVER_VIEWER                                                       \
	(HANDOVER_NPH | HANDOVER_FURTHER | HANDOVER_GREETED | HANDOVER_HALF | \
	    HANDOVER_ORIGIN)

enum handover_answer {
	HANDOVER_LOST,    /* no answer: the channel has ended */
	HANDOVER_LATE,    /* no answer in time */
	HANDOVER_TAKEN,   /* the channel has the viewer and deals with it */
	HANDOVER_UNKNOWN, /* the id is not in the ring: see HANDOVER_FURTHER */
	HANDOVER_FULL,    /* the channel has no room for the viewer */
};

struct handover_message {
	uint32_t version; /* set by handover_send */
	uint32_t flags;
	uint64_t replay; /* how many events a viewer without an id gets */
	uint32_t id_n;
	char id[HANDOVER_ID_MAX];
};

/* Sets the message's id to the n bytes at id, cut to HANDOVER_ID_MAX. */
void handover_set_id(
    struct handover_message *message, const char *id, size_t n);

/*
 * Sends message and the descriptor viewer, or none if it is -1. Blocks for the
 * time-out of fd at most. Returns 0, or -1 with errno.
 */
int handover_send(int fd, struct handover_message *message, int viewer);

/*
 * Receives without blocking. The caller closes *viewer; it is -1 if no
 * descriptor came (or none was free here). Returns 0; or -1 with errno: EAGAIN
 * if there is nothing yet, EBADMSG for an invalid message, EPIPE if the peer
 * has left.
 */
int handover_receive(int fd, struct handover_message *message, int *viewer);

/* Answers without blocking. Returns 0, or -1 if the peer is gone. */
int handover_answer(int fd, enum handover_answer answer);

/* Waits for the answer, at most for the time-out of fd. */
enum handover_answer handover_wait(int fd);

/* The answer to HANDOVER_LIST, and how to wait for it. They return 0, or -1. */
int handover_answer_line(int fd, const char *line);
int handover_wait_line(int fd, char line[HANDOVER_LINE_MAX]);

#endif
