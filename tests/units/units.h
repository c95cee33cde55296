/*
 * units: what the cases share. A case makes output, and checks it; that
 * begins a new one. Nothing here fails: what must not happen aborts.
 */
#ifndef UNITS_H
#define UNITS_H

#include <stdbool.h>
#include <stddef.h>

#include "../../lib/frame.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define S(literal)                           \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* More output. The sink is a frame's, whose "to" may be NULL. */
int units_sink(void *to, const char *bytes, size_t n);
void units_bytes(const char *bytes, size_t n);
void units_text(const char *text);

/* The first n bytes are no output. */
void units_drop(size_t n);

/*
 * The output must be what is expected. Checks of the same module and name that
 * follow each other are one line of TAP; what differs is printed.
 */
void units_check(const char *module, const char *name, struct bytes expected);

/* The same for something that must be true; output is dropped. */
void units_true(const char *module, const char *name, bool is_true);

/*
 * A copy of the bytes, or of the text with its NUL, at the end of a page: after
 * it lies one that nobody may read or write. Valid until the next one in this
 * slot, 0 to 3.
 */
char *units_place(int slot, const char *bytes, size_t n);
char *units_place_text(int slot, const char *text);

/* format.c, request.c and channel.c */
void test_util(void);
void test_frame(void);
void test_decode(void);
void test_json(void);
void test_record(void);
void test_columns(void);
void test_url(void);
void test_cursor(void);
void test_composite(void);
void test_query(void);
void test_field(void);
void test_request(void);
void test_handover(void);
void test_ring(void);

#endif
