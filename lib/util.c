/*
 * util: see util.h. The line scan is the hot loop of every filter here, so
 * it looks at sixteen or eight bytes at a time, with any C library.
 */
#include "util.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

int
util_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	uint64_t n = 0;

	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
		errno = EINVAL;
		return -1;
	}
	for (; *text != '\0'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (n > (UINT64_MAX - digit) / 10) {
			errno = ERANGE;
			return -1;
		}
		n = n * 10 + digit;
	}
	if (n < min || n > max) {
		errno = ERANGE;
		return -1;
	}
	*number = n;
	return 0;
}

int
util_seconds(const char *text, int64_t min_ns, int64_t max_ns, int64_t *ns)
{
	int64_t n = 0, unit = UTIL_SECOND_NS;
	size_t whole = strspn(text, "0123456789");
	size_t point = text[whole] == '.';
	size_t part = point ? strspn(text + whole + 1, "0123456789") : 0;

	if (whole + part == 0 || text[whole + point + part] != '\0') {
		errno = EINVAL;
		return -1;
	}
	for (size_t i = 0; i < whole; i++) {
		n = n * 10 + (text[i] - '0');
		if (n > max_ns / UTIL_SECOND_NS) {
			errno = ERANGE;
			return -1;
		}
	}
	n *= UTIL_SECOND_NS;
	for (size_t i = 0; i < part; i++) {
		unit /= 10;
		n += unit * (text[whole + 1 + i] - '0');
	}
	if (n < min_ns || n > max_ns) {
		errno = ERANGE;
		return -1;
	}
	*ns = n;
	return 0;
}

size_t
util_digits(char text[UTIL_DIGITS_MAX], uint64_t number)
{
	char digits[UTIL_DIGITS_MAX];
	size_t n = 0;

	do {
		digits[sizeof(digits) - ++n] = (char)('0' + number % 10);
		number /= 10;
	} while (number != 0);
	memcpy(text, digits + sizeof(digits) - n, n);
	return n;
}

bool
util_scarce(int error)
{
	return error == EAGAIN || error == EMFILE || error == ENFILE ||
	       error == ENOMEM || error == ENOBUFS;
}

int64_t
util_now_ns(void)
{
	struct timespec now;

	/* cannot fail: the clock is there and the pointer is good */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UTIL_SECOND_NS + now.tv_nsec;
}

/* Not 0 if one of the eight bytes is 0 (and 0 if none is). */
static uint64_t
has_zero(uint64_t eight)
{
	return (eight - UINT64_C(0x0101010101010101)) & ~eight &
	       UINT64_C(0x8080808080808080);
}

#ifdef __SSE2__
/* A bit for each of the sixteen bytes that is LF or CR. */
static int
line_ends(__m128i sixteen)
{
	const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');

	return _mm_movemask_epi8(_mm_or_si128(
	    _mm_cmpeq_epi8(sixteen, lf), _mm_cmpeq_epi8(sixteen, cr)));
}
#endif

const char *
util_line_end(const char *at, const char *end)
{
	uint64_t eight;

#ifdef __SSE2__
	for (; end - at >= (ptrdiff_t)sizeof(__m128i); at += sizeof(__m128i)) {
		__m128i sixteen = _mm_loadu_si128((const void *)at);
		int found = line_ends(sixteen);

		if (found != 0)
			return at + __builtin_ctz((unsigned int)found);
	}
#endif
	for (; end - at >= (ptrdiff_t)sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, at, sizeof(eight));
		if (has_zero(eight ^ UINT64_C(0x0a0a0a0a0a0a0a0a)) |
		    has_zero(eight ^ UINT64_C(0x0d0d0d0d0d0d0d0d)))
			break;
	}
	while (at < end && *at != '\n' && *at != '\r')
		at++;
	return at;
}

size_t
util_copy_line(char *to, const char *at, size_t n)
{
	const char *from = at, *end = at + n, *line_end;

#ifdef __SSE2__
	/* one pass: what was copied is searched while it is in a register */
	for (; end - at >= (ptrdiff_t)sizeof(__m128i); at += sizeof(__m128i)) {
		__m128i sixteen = _mm_loadu_si128((const void *)at);
		int found = line_ends(sixteen);

		_mm_storeu_si128((void *)(to + (at - from)), sixteen);
		if (found != 0)
			return (size_t)(at - from) +
			       (size_t)__builtin_ctz((unsigned int)found);
	}
#endif
	line_end = util_line_end(at, end);
	memcpy(to + (at - from), at, (size_t)(line_end - at));
	return (size_t)(line_end - from);
}
