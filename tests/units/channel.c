/*
 * channel: cases for what brings a viewer to a channel.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/share/handover.h"
#include "units.h"

void
test_handover(void)
{
	struct handover_message sent = {.flags = HANDOVER_NPH, .replay = 60};
	struct handover_message got, wrong;
	int fds[2], ends[2], viewer = -1;
	size_t n = offsetof(struct handover_message, id) + 3;
	bool refused = true;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == -1 ||
	    pipe(ends) == -1)
		abort();
	handover_set_id(&sent, units_place(0, "abc", 3), 3);
	units_true("handover", "a message comes as it was sent",
	    handover_send(fds[0], &sent, ends[1]) == 0 &&
		handover_receive(fds[1], &got, &viewer) == 0 &&
		memcmp(&sent, &got, n) == 0);
	units_true("handover", "the viewer's descriptor comes with it",
	    viewer != -1 && write(viewer, "x", 1) == 1);
	units_true("handover", "without a viewer there is no descriptor",
	    handover_send(fds[0], &sent, -1) == 0 &&
		handover_receive(fds[1], &got, &viewer) == 0 && viewer == -1);
	for (size_t part = 1; part <= n + 1; part++) {
		wrong = sent;
		wrong.version += part == n; /* else it is too short or long */
		refused = refused &&
			  send(fds[0], &wrong, part, 0) == (ssize_t)part &&
			  handover_receive(fds[1], &got, &viewer) == -1;
	}
	units_true("handover", "any other message is refused", refused);
	units_true("handover", "an answer comes as it was sent",
	    handover_answer(fds[1], HANDOVER_TAKEN) == 0 &&
		handover_wait(fds[0]) == HANDOVER_TAKEN);
	(void)close(fds[1]); /* nothing was written */
	units_true("handover", "a channel that has ended has lost the viewer",
	    handover_wait(fds[0]) == HANDOVER_LOST);
	(void)close(fds[0]);
}
