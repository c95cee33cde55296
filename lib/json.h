/*
 * json: encodes values of JSON (RFC 8259) into a frame's buffer as raw bytes.
 * The output is valid UTF-8 on one line, for any input.
 */
#ifndef JSON_H
#define JSON_H

#include <stdint.h>

#include "frame.h"

/*
 * A string, with its quotes. Bytes that are not UTF-8 become U+FFFD, one for
 * each maximal part of a character (WHATWG Encoding, the UTF-8 decoder). All
 * control characters below U+0020 are escaped.
 */
void json_string(struct frame *frame, struct bytes text);

/* A whole number in decimal digits. */
void json_number(struct frame *frame, uint64_t number);

#endif
