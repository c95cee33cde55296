/*
 * window: keeps the bytes by which a file is recognised, and compares them.
 */
#define _GNU_SOURCE /* preadv */
#include "window.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

/* Keeps in tail the last CURSOR_TAIL bytes of tail with more bytes appended. */
static void
keep_tail(char tail[CURSOR_TAIL], size_t *n, const char *bytes, size_t more)
{
	size_t stay = CURSOR_TAIL;

	if (more >= CURSOR_TAIL) {
		memcpy(tail, bytes + more - CURSOR_TAIL, CURSOR_TAIL);
		*n = CURSOR_TAIL;
		return;
	}
	stay -= more;
	if (stay > *n)
		stay = *n;
	memmove(tail, tail + *n - stay, stay);
	memcpy(tail + stay, bytes, more);
	*n = stay + more;
}

/* Appends bytes to head, until that is full. */
static void
keep_head(struct window *window, const char *bytes, size_t n)
{
	if (n > CURSOR_HEAD - window->heads)
		n = CURSOR_HEAD - window->heads;
	if (n == 0)
		return;
	memcpy(window->head + window->heads, bytes, n);
	window->heads += n;
	if (window->heads == CURSOR_HEAD)
		window->head_hash = cursor_hash(0, window->head, CURSOR_HEAD);
}

int
window_load(struct window *window, int fd, uint64_t offset)
{
	char head[CURSOR_HEAD];
	size_t heads = sizeof(head);

	if (offset < heads)
		heads = (size_t)offset;
	window->heads = 0;
	window->tails = sizeof(window->tail);
	if (offset < window->tails)
		window->tails = (size_t)offset;
	if (cursor_read(fd, head, heads, 0) == -1 ||
	    cursor_read(
		fd, window->tail, window->tails, offset - window->tails) == -1)
		return -1;
	keep_head(window, head, heads);
	window->behinds = window->tails;
	memcpy(window->behind, window->tail, window->tails);
	return 0;
}

struct bytes
window_before(const struct window *window)
{
	return (struct bytes){window->tail, window->tails};
}

ssize_t
window_read(
    const struct window *window, int fd, uint64_t offset, char *to, size_t n)
{
	char tail[CURSOR_TAIL];
	struct iovec parts[] = {{tail, window->tails}, {to, n}};
	ssize_t got = preadv(fd, parts, 2, (off_t)(offset - window->tails));

	if (got == -1)
		return -1;
	if ((size_t)got >= window->tails &&
	    memcmp(tail, window->tail, window->tails) == 0)
		return got - (ssize_t)window->tails;
	errno = ENODATA;
	return -1;
}

bool
window_begins(const struct window *window, int fd)
{
	char head[CURSOR_HEAD];

	return cursor_read(fd, head, window->heads, 0) == 0 &&
	       memcmp(head, window->head, window->heads) == 0;
}

void
window_got(struct window *window, const char *bytes, size_t n)
{
	keep_head(window, bytes, n);
	keep_tail(window->tail, &window->tails, bytes, n);
}

void
window_gave(struct window *window, const char *bytes, size_t n)
{
	keep_tail(window->behind, &window->behinds, bytes, n);
}

uint64_t
window_check(
    const struct window *window, uint64_t offset, const char *end, size_t n)
{
	char tail[CURSOR_TAIL];
	size_t tails = window->behinds;
	uint64_t hash = window->head_hash;

	if (offset < CURSOR_HEAD)
		hash = cursor_hash(0, window->head, (size_t)offset);
	if (n >= CURSOR_TAIL)
		return cursor_check(hash, end - CURSOR_TAIL, CURSOR_TAIL);
	memcpy(tail, window->behind, tails);
	keep_tail(tail, &tails, end - n, n);
	return cursor_check(hash, tail, tails);
}
