/*
 * mark: see mark.h.
 */
#include "mark.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define DIGITS_MAX 13 /* of 64 bits, five a digit */

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

/* Writes number without leading zeros; returns the length. */
static size_t
put_number(char *to, uint64_t number)
{
	size_t n = 1;

	while (n < DIGITS_MAX && number >> 5 * n != 0)
		n++;
	for (size_t i = n; i-- > 0; number >>= 5)
		to[i] = digits[number & 31];
	return n;
}

/*
 * Reads a number as put_number writes it, up to the byte end. Returns where
 * the text goes on after it, or NULL.
 */
static const char *
get_number(const char *text, char end, uint64_t *number)
{
	size_t n = strspn(text, digits);

	if (n == 0 || n > DIGITS_MAX || text[n] != end ||
	    (n > 1 && text[0] == '0') || (n == DIGITS_MAX && text[0] > 'f'))
		return NULL;
	*number = 0;
	for (size_t i = 0; i < n; i++)
		*number =
		    *number << 5 | (uint64_t)(strchr(digits, text[i]) - digits);
	return text + n + 1;
}

size_t
mark_text(char text[MARK_TEXT_MAX], const struct mark *mark)
{
	size_t n = put_number(text, mark->file);

	text[n++] = '.';
	n += put_number(text + n, mark->offset);
	text[n++] = '.';
	return n + put_number(text + n, mark->check);
}

int
mark_parse(struct mark *mark, const char *text)
{
	text = get_number(text, '.', &mark->file);
	if (text != NULL)
		text = get_number(text, '.', &mark->offset);
	if (text != NULL)
		text = get_number(text, '\0', &mark->check);
	if (text != NULL && mark->offset > 0 && mark->offset <= INT64_MAX)
		return 0;
	errno = EINVAL;
	return -1;
}

static uint64_t
mix(uint64_t hash, uint64_t eight)
{
	hash = (hash ^ eight) * UINT64_C(0x9fb21c651e98df25);
	return hash ^ hash >> 32;
}

uint64_t
mark_hash(uint64_t seed, const char *bytes, size_t n)
{
	uint64_t hash = mix(seed, n), eight;

	for (; n >= sizeof(eight); n -= sizeof(eight), bytes += sizeof(eight)) {
		memcpy(&eight, bytes, sizeof(eight));
		hash = mix(hash, eight);
	}
	if (n > 0) {
		eight = 0;
		memcpy(&eight, bytes, n);
		hash = mix(hash, eight);
	}
	return hash;
}

int
mark_read(int fd, char *to, size_t n, uint64_t offset)
{
	while (n > 0) {
		ssize_t got = pread(fd, to, n, (off_t)offset);

		if (got == -1 && errno == EINTR)
			continue;
		if (got == 0)
			errno = ENODATA;
		if (got <= 0)
			return -1;
		to += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

bool
mark_holds(const struct mark *mark, int fd)
{
	char head[MARK_HEAD], tail[MARK_TAIL];
	size_t heads = sizeof(head), tails = sizeof(tail);

	if (mark->offset < heads)
		heads = (size_t)mark->offset;
	if (mark->offset < tails)
		tails = (size_t)mark->offset;
	return mark_read(fd, head, heads, 0) == 0 &&
	       mark_read(fd, tail, tails, mark->offset - tails) == 0 &&
	       mark_hash(mark_hash(0, head, heads), tail, tails) == mark->check;
}
