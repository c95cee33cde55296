/*
 * json: values of JSON (RFC 8259), encoded into a frame's buffer as raw
 * bytes. Whatever comes in, what goes out is valid UTF-8 on one line.
 */
#ifndef JSON_H
#define JSON_H

#include <stdint.h>

#include "frame.h"

/*
 * A string, with its quotes. Bytes that are no UTF-8 become U+FFFD, one for
 * each maximal part of a character (WHATWG Encoding, the UTF-8 decoder). No
 * control character below U+0020 remains as it is.
 */
void json_string(struct frame *frame, struct bytes text);

/* A number of digits. */
void json_number(struct frame *frame, uint64_t number);

#endif
