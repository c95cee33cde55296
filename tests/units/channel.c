/*
 * channel: cases for what brings a viewer to a channel, and for the ring from
 * which it gets the stream, beside a list of the same frames.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../lib/share/handover.h"
#include "../../lib/share/ring.h"
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

#define FRAMES 400
#define SIZE 16 /* bytes of the ring */

/* All frames that were put: number i is the bytes from start[i] on. */
struct list {
	size_t n;
	size_t start[FRAMES + 1];
	char bytes[FRAMES * SIZE];
};

/* The id of a frame, two bytes. Each third has none. */
static struct bytes
id_of(size_t number, char id[2])
{
	id[0] = (char)('a' + number % 26);
	id[1] = (char)('a' + number / 26 % 26);
	return (struct bytes){id, number % 3 == 0 ? 0 : 2};
}

/* Each second frame is an event. Frames have 1 to 9 bytes, or all there are. */
static void
put_frame(struct ring *ring, struct list *list)
{
	size_t start = list->start[list->n], n = 1 + list->n * 7 % 9;
	struct bytes frame;
	char id[2];

	if (list->n % 50 == 49)
		n = SIZE;
	for (size_t i = 0; i < n; i++)
		list->bytes[start + i] = (char)(start + i);
	frame.at = units_place(0, list->bytes + start, n);
	frame.n = n;
	if (ring_put(ring, frame, ring_digest(id_of(list->n, id)),
		list->n % 2 == 0) == -1)
		abort();
	list->start[++list->n] = start + n;
}

/* The oldest frame with which the ring is not too full. */
static size_t
oldest(const struct list *list)
{
	size_t i = list->n;

	while (i > 0 && list->start[list->n] - list->start[i - 1] <= SIZE)
		i--;
	return i;
}

/* Whether the ring has the id of frame i, and only if it has the frame. */
static bool
finds_id(const struct ring *ring, const struct list *list, size_t i)
{
	char id[2];
	struct bytes bytes = id_of(i, id);
	uint64_t place = 0;
	bool found = ring_after(ring, ring_digest(bytes), &place);

	if (bytes.n == 0 || i < oldest(list))
		return !found;
	return found && place == list->start[i + 1];
}

/* Whether n events back is where the list says. */
static bool
goes_back(const struct ring *ring, const struct list *list, uint64_t n)
{
	size_t i = list->n, first = oldest(list), found = i;
	uint64_t left = n;

	while (left > 0 && i > first)
		if (--i % 2 == 0) {
			found = i;
			left--;
		}
	return ring_back(ring, n) == list->start[left > 0 ? first : found];
}

/*
 * Whether a chunk from place is the right bytes: up to a frame's end, as many
 * frames as max allows, or the rest of one.
 */
static bool
is_chunk(const struct ring *ring, const struct list *list, uint64_t place,
    size_t max)
{
	struct ring_chunk chunk;
	size_t i = 0, n = 0;
	char bytes[SIZE];

	ring_chunk(ring, place, max, &chunk);
	while (list->start[i] <= place)
		i++;
	while (i < list->n && list->start[i + 1] - place <= max)
		i++;
	for (int part = 0; part < chunk.parts; part++) {
		if (chunk.part[part].iov_len > SIZE - n)
			return false;
		memcpy(bytes + n, chunk.part[part].iov_base,
		    chunk.part[part].iov_len);
		n += chunk.part[part].iov_len;
	}
	return chunk.end == list->start[i] && n == chunk.end - place &&
	       memcmp(bytes, list->bytes + place, n) == 0;
}

static void
check_places(const struct ring *ring, const struct list *list)
{
	for (uint64_t place = ring->tail; place < ring->head; place++)
		for (size_t max = 1; max <= SIZE; max++)
			units_true("ring", "has the list's bytes everywhere",
			    is_chunk(ring, list, place, max));
}

void
test_ring(void)
{
	static struct list list;
	static const char large[SIZE + 1];
	struct bytes frame = {large, sizeof(large)};
	static struct ring ring;

	if (ring_init(&ring, SIZE) == -1)
		abort();
	while (list.n < FRAMES) {
		put_frame(&ring, &list);
		units_true("ring", "has the list's bytes everywhere",
		    ring.head == list.start[list.n] &&
			ring.tail == list.start[oldest(&list)]);
		check_places(&ring, &list);
	}
	for (size_t i = 0; i < list.n; i++)
		units_true("ring", "knows the ids that it has",
		    finds_id(&ring, &list, i));
	for (uint64_t n = 0; n < SIZE; n++)
		units_true(
		    "ring", "goes back by events", goes_back(&ring, &list, n));
	units_true("ring", "refuses a frame that is larger than it",
	    ring_put(&ring, frame, 0, true) == -1 && errno == EMSGSIZE);
}
