/*
 * handover: one message and one answer over a socket of SOCK_SEQPACKET. What
 * they lead to is left to the callers.
 */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC */
#include "handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define VERSION_OF_THIS UINT32_C(0x53534501) /* "SSE" and a number */

/* Room for one descriptor, aligned. */
union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static size_t
message_size(const struct handover_message *message)
{
	return offsetof(struct handover_message, id) + message->id_n;
}

void
handover_set_id(struct handover_message *message, const char *id, size_t n)
{
	/* an id that was cut is unknown, but the viewer has one */
	message->id_n = (uint32_t)(n < HANDOVER_ID_MAX ? n : HANDOVER_ID_MAX);
	memcpy(message->id, id, message->id_n);
}

int
handover_send(int fd, struct handover_message *message, int viewer)
{
	struct iovec part = {message, message_size(message)};
	struct msghdr all = {.msg_iov = &part, .msg_iovlen = 1};
	union control control = {.room = {0}};
	ssize_t n;

	message->version = VERSION_OF_THIS;
	if (viewer != -1) {
		all.msg_control = control.room;
		all.msg_controllen = sizeof(control.room);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &viewer, sizeof(int));
	}
	do {
		n = sendmsg(fd, &all, MSG_NOSIGNAL);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

int
handover_receive(int fd, struct handover_message *message, int *viewer)
{
	struct iovec part = {.iov_len = sizeof(*message)};
	union control control;
	struct msghdr all = {.msg_iov = &part, .msg_iovlen = 1};
	struct cmsghdr *header;
	ssize_t n;

	*viewer = -1;
	part.iov_base = message;
	all.msg_control = control.room;
	all.msg_controllen = CMSG_LEN(sizeof(int)); /* no room for a second */
	n = recvmsg(fd, &all, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n == -1)
		return -1;
	header = CMSG_FIRSTHDR(&all);
	if (header != NULL && header->cmsg_level == SOL_SOCKET &&
	    header->cmsg_type == SCM_RIGHTS &&
	    header->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(viewer, CMSG_DATA(header), sizeof(int));
	if (n == 0) {
		errno = EPIPE;
	} else if ((size_t)n < offsetof(struct handover_message, id) ||
		   message->version != VERSION_OF_THIS ||
		   message->id_n > HANDOVER_ID_MAX ||
		   (size_t)n != message_size(message)) {
		errno = EBADMSG;
	} else {
		return 0;
	}
	if (*viewer != -1)
		(void)close(*viewer); /* nothing was written there */
	*viewer = -1;
	return -1;
}

int
handover_answer(int fd, enum handover_answer answer)
{
	unsigned char byte = (unsigned char)answer;

	return send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* As recv(2), but not interrupted by signals. */
static ssize_t
receive(int fd, void *bytes, size_t n)
{
	ssize_t got;

	do {
		got = recv(fd, bytes, n, 0);
	} while (got == -1 && errno == EINTR);
	return got;
}

enum handover_answer
handover_wait(int fd)
{
	unsigned char byte;
	ssize_t n = receive(fd, &byte, 1);

	if (n == -1 && errno == EAGAIN)
		return HANDOVER_LATE;
	if (n != 1 || byte <= HANDOVER_LATE || byte > HANDOVER_FULL)
		return HANDOVER_LOST;
	return (enum handover_answer)byte;
}

int
handover_answer_line(int fd, const char *line)
{
	size_t n = strnlen(line, HANDOVER_LINE_MAX - 1);

	return send(fd, line, n, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ? -1 : 0;
}

int
handover_wait_line(int fd, char line[HANDOVER_LINE_MAX])
{
	ssize_t n = receive(fd, line, HANDOVER_LINE_MAX - 1);

	if (n <= 0)
		return -1;
	line[n] = '\0';
	return 0;
}
