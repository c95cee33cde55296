/*
 * util: small functions that more than one module needs. The search for line
 * ends is the hot loop of every filter, so it compares sixteen or eight bytes
 * at a time; it does not depend on the C library for that.
 */
#include "util.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __SSE2__
#include <emmintrin.h>
#define STRETCH 256 /* bytes: see skip_utf8 */
#endif

int
util_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	uint64_t n = 0, digit;

	errno = EINVAL;
	if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
		return -1;
	errno = ERANGE;
	for (; *text != '\0'; text++) {
		digit = (uint64_t)(*text - '0');
		if (n > (UINT64_MAX - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	if (n < min || n > max)
		return -1;
	*number = n;
	return 0;
}

int
util_seconds(const char *text, int64_t min_ns, int64_t max_ns, int64_t *ns)
{
	int64_t n = 0, digit;
	size_t whole = strspn(text, "0123456789");
	size_t point = text[whole] == '.';
	size_t part = point ? strspn(text + whole + 1, "0123456789") : 0;

	errno = EINVAL;
	if (whole + part == 0 || text[whole + point + part] != '\0')
		return -1;
	errno = ERANGE;
	/* always nine digits after the point: missing ones are 0 */
	for (size_t i = 0; i < whole + 9; i++) {
		digit = i < whole          ? text[i] - '0'
			: i < whole + part ? text[i + 1] - '0'
					   : 0;
		if (n > (max_ns - digit) / 10)
			return -1;
		n = n * 10 + digit;
	}
	if (n < min_ns)
		return -1;
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

void
util_no_controls(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20); /* lower case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
util_percent(const char *text)
{
	int high, low;

	if (*text != '%' || (high = hex(text[1])) == -1 ||
	    (low = hex(text[2])) == -1)
		return -1;
	return high * 16 + low;
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

	/* cannot fail: Linux has this clock */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UTIL_SECOND_NS + now.tv_nsec;
}

int64_t
util_random(int64_t min, int64_t max)
{
	/* splitmix64 of the time and the pid */
	uint64_t x = (uint64_t)util_now_ns() + ((uint64_t)getpid() << 40);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return min + (int64_t)(x % (uint64_t)(max - min + 1));
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
util_copy_line(char *to, const char *at, size_t n, bool *ascii)
{
	const char *from = at, *end = at + n, *line_end;
#ifdef __SSE2__
	__m128i all = _mm_setzero_si128();

	/* one pass: the copied bytes are searched while in a register */
	for (; end - at >= (ptrdiff_t)sizeof(__m128i); at += sizeof(__m128i)) {
		__m128i sixteen = _mm_loadu_si128((const void *)at);
		int found = line_ends(sixteen);

		_mm_storeu_si128((void *)(to + (at - from)), sixteen);
		all = _mm_or_si128(all, sixteen);
		if (found != 0) {
			*ascii = _mm_movemask_epi8(all) == 0;
			return (size_t)(at - from) +
			       (size_t)__builtin_ctz((unsigned int)found);
		}
	}
#endif
	*ascii = false;
	line_end = util_line_end(at, end);
	memcpy(to + (at - from), at, (size_t)(line_end - at));
	return (size_t)(line_end - from);
}

/* How many bytes follow the first of a character; the range of the second. */
static int
follow(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	switch (first) {
	case 0xe0: *low = 0xa0; break;
	case 0xed: *high = 0x9f; break;
	case 0xf0: *low = 0x90; break;
	case 0xf4: *high = 0x8f; break;
	default: break;
	}
	if (first >= 0xc2 && first <= 0xdf)
		return 1;
	if (first >= 0xe0 && first <= 0xef)
		return 2;
	return first >= 0xf0 && first <= 0xf4 ? 3 : 0;
}

const char *
util_character_end(const char *at, const char *end, bool *whole)
{
	unsigned char low, high;
	int left = follow((unsigned char)*at++, &low, &high);

	*whole = left > 0;
	for (; left > 0; left--, at++) {
		if (at == end || (unsigned char)*at < low ||
		    (unsigned char)*at > high) {
			*whole = false;
			break;
		}
		low = 0x80;
		high = 0xbf;
	}
	return at;
}

#ifdef __SSE2__
/* A bit for each of the sixteen bytes that is >= byte, which is >= 0x80. */
static unsigned int
from_on(__m128i sixteen, int byte)
{
	return (unsigned int)_mm_movemask_epi8(
	    _mm_subs_epu8(sixteen, _mm_set1_epi8((char)(byte - 0x80))));
}

/* A bit for each of the sixteen bytes that is equal to byte. */
static unsigned int
equal(__m128i sixteen, int byte)
{
	return (unsigned int)_mm_movemask_epi8(
	    _mm_cmpeq_epi8(sixteen, _mm_set1_epi8((char)byte)));
}

static __m128i
load(const char *at)
{
	return _mm_loadu_si128((const void *)at);
}

/*
 * Whether the sixteen bytes at at are UTF-8; reads the byte after them, too.
 * *more has a bit for each that must be a continuation byte of a character that
 * began before at; it is set to those for the next sixteen.
 */
static bool
are_utf8(const char *at, unsigned int *more)
{
	__m128i v = load(at), next = load(at + 1);
	unsigned int first = from_on(v, 0xc0), three = from_on(v, 0xe0);
	unsigned int wrong = first & ~from_on(v, 0xc2);
	unsigned int inner = *more | first << 1 | three << 2;

	if (three != 0) {
		inner |= from_on(v, 0xf0) << 3;
		wrong |= from_on(v, 0xf5) |
			 (equal(v, 0xe0) & ~from_on(next, 0xa0)) |
			 (equal(v, 0xed) & from_on(next, 0xa0)) |
			 (equal(v, 0xf0) & ~from_on(next, 0x90)) |
			 (equal(v, 0xf4) & from_on(next, 0x90));
	}
	*more = inner >> 16;
	return (wrong | ((inner ^ from_on(v, 0x80) ^ first) & 0xffff)) == 0;
}

static bool
are_ascii(const char *at)
{
	return from_on(_mm_or_si128(_mm_or_si128(load(at), load(at + 16)),
			   _mm_or_si128(load(at + 32), load(at + 48))),
		   0x80) == 0;
}

/* If more is not 0, at is within a character: goes back to its first byte. */
static const char *
back(const char *at, unsigned int more)
{
	if (more != 0)
		while (((unsigned char)*--at & 0xc0) == 0x80)
			;
	return at;
}

/*
 * Returns the beginning of a character before which all is UTF-8. The first
 * invalid part, or end, is at most sixteen bytes and a character after it.
 * After a byte that is not ASCII, more are likely: the faster test for ASCII is
 * not tried for STRETCH bytes.
 */
static const char *
skip_utf8(const char *at, const char *end)
{
	unsigned int more = 0, before;
	const char *stop;

	while (end - at > 16) {
		if (more == 0 && end - at >= 64 && are_ascii(at)) {
			at += 64;
			continue;
		}
		stop = end - at > STRETCH ? at + STRETCH : end - 16;
		for (; at < stop; at += 16) {
			before = more;
			if (!are_utf8(at, &more))
				return back(at, before);
		}
	}
	return back(at, more);
}
#endif

/* Whether eight bytes are ASCII. */
static bool
are_eight_ascii(const char *at)
{
	uint64_t eight;

	memcpy(&eight, at, sizeof(eight));
	return (eight & UINT64_C(0x8080808080808080)) == 0;
}

const char *
util_utf8_end(const char *at, const char *end)
{
	const char *from = at, *next;
	bool whole = true;

#ifdef __SSE2__
	at = skip_utf8(at, end);
#endif
	while (at < end) {
		/* at the end, the last eight overlap bytes tested before */
		next = end - at >= 8 ? at : end - 8;
		if (end - from >= 8 && are_eight_ascii(next)) {
			at = next + 8;
			continue;
		}
		next = at + 1;
		if ((unsigned char)*at >= 0x80)
			next = util_character_end(at, end, &whole);
		if (!whole)
			break;
		at = next;
	}
	return at;
}
