/*
 * window: keeps the bytes by which a file is recognised, and compares them.
 * What a change means is up to others.
 */
#define _GNU_SOURCE /* preadv */
#include "window.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

/* Keeps the last bytes, MARK_TAIL of them, of tail and of what follows it. */
static void
keep_tail(char tail[MARK_TAIL], size_t *n, const char *bytes, size_t more)
{
	size_t stay = MARK_TAIL;

	if (more >= MARK_TAIL) {
		memcpy(tail, bytes + more - MARK_TAIL, MARK_TAIL);
		*n = MARK_TAIL;
		return;
	}
	stay -= more;
	if (stay > *n)
		stay = *n;
	memmove(tail, tail + *n - stay, stay);
	memcpy(tail + stay, bytes, more);
	*n = stay + more;
}

/* bytes come after those that are in head. */
static void
keep_head(struct window *window, const char *bytes, size_t n)
{
	if (n > MARK_HEAD - window->heads)
		n = MARK_HEAD - window->heads;
	if (n == 0)
		return;
	memcpy(window->head + window->heads, bytes, n);
	window->heads += n;
	if (window->heads == MARK_HEAD)
		window->head_hash = mark_hash(0, window->head, MARK_HEAD);
}

int
window_load(struct window *window, int fd, uint64_t offset)
{
	char head[MARK_HEAD];
	size_t heads = sizeof(head);

	if (offset < heads)
		heads = (size_t)offset;
	window->heads = 0;
	window->tails = sizeof(window->tail);
	if (offset < window->tails)
		window->tails = (size_t)offset;
	if (mark_read(fd, head, heads, 0) == -1 ||
	    mark_read(
		fd, window->tail, window->tails, offset - window->tails) == -1)
		return -1;
	keep_head(window, head, heads);
	window->behinds = window->tails;
	memcpy(window->behind, window->tail, window->tails);
	return 0;
}

bool
window_ends_with(const struct window *window, char byte)
{
	return window->tails > 0 && window->tail[window->tails - 1] == byte;
}

ssize_t
window_read(
    const struct window *window, int fd, uint64_t offset, char *to, size_t n)
{
	char tail[MARK_TAIL];
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
	char head[MARK_HEAD];

	return mark_read(fd, head, window->heads, 0) == 0 &&
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
	char tail[MARK_TAIL];
	size_t tails = window->behinds;
	uint64_t hash = window->head_hash;

	if (offset < MARK_HEAD)
		hash = mark_hash(0, window->head, (size_t)offset);
	if (n >= MARK_TAIL)
		return mark_check(hash, end - MARK_TAIL, MARK_TAIL);
	memcpy(tail, window->behind, tails);
	keep_tail(tail, &tails, end - n, n);
	return mark_check(hash, tail, tails);
}
