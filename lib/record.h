/*
 * record: splits a stream of bytes into records: lines, NUL-ended records,
 * paragraphs, or chunks as they are read. The caller reads into the splitter's
 * buffer and takes the records out; the splitter does no I/O. An incomplete
 * record is kept until its end comes; one that is longer than max is returned
 * in pieces, so memory stays bounded.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/*
 * Bytes of one read, in whole pages: if lines have 50 bytes or more, their
 * events fit into FRAME_BUFFER, so that one read leads to one write.
 */
#define RECORD_READ 57344

enum record_end {
	RECORD_LINE,      /* LF, CR or CRLF, as in the event stream format */
	RECORD_NUL,       /* one NUL */
	RECORD_PARAGRAPH, /* one or more empty lines */
	/*
	 * The end of what was read, but not within a UTF-8 character (see
	 * record_torn). Each chunk is a whole record, no longer than a piece.
	 */
	RECORD_CHUNK,
};

struct record {
	struct bytes bytes; /* valid until the next record_room */
	bool first;         /* the beginning of a record, not a later piece */
	bool last;          /* the end of a record, not an earlier piece */
};

/* All fields are the splitter's own. */
struct splitter {
	enum record_end mode;
	size_t max; /* of a record's or a piece's bytes */
	char *buffer;
	size_t size;     /* of buffer */
	size_t behind;   /* start at the time of the last record_room */
	size_t start;    /* of the current record in buffer */
	size_t scan;     /* searched so far */
	size_t end;      /* of what was read */
	size_t body;     /* RECORD_PARAGRAPH: end of its last full line */
	bool blank;      /* RECORD_PARAGRAPH: this line is empty so far */
	bool skip_lf;    /* a CR came last: an LF now belongs to it */
	bool middle;     /* pieces of the current record were returned */
	bool ended;      /* no more input; RECORD_CHUNK: none for a while */
	uint64_t offset; /* bytes of input up to the end of the last record */
};

/* max is at least 1. Returns 0, or -1 with errno ENOMEM. */
int record_init(struct splitter *splitter, enum record_end mode, size_t max);

/*
 * before is the bytes before the input, or at least the last four of them: an
 * LF after a CR is skipped, and if no record ends there, the first bytes are a
 * later piece of a record. Lines and paragraphs also begin after NULs, a hole
 * in the file.
 */
void record_begin_after(struct splitter *splitter, struct bytes before);

/* Frees the buffer. */
void record_free(struct splitter *splitter);

/*
 * Returns where to read to, and sets *n to RECORD_READ, the bytes of room. To
 * be called after record_next returned false: it may move the bytes that are
 * left. Returns NULL with errno ENOMEM.
 */
char *record_room(struct splitter *splitter, size_t *n);

/* To be called after n bytes were read into that room. */
void record_filled(struct splitter *splitter, size_t n);

/* The input has ended: the bytes that are left are a record. */
void record_ended(struct splitter *splitter);

/* RECORD_CHUNK: whether an incomplete character waits for its other bytes. */
bool record_torn(const struct splitter *splitter);

/* RECORD_CHUNK: record_next returns the incomplete character as it is. */
void record_hurry(struct splitter *splitter);

/*
 * The fast path of filters, before record_next: encodes an event of that type
 * for each complete line that ends with LF and is UTF-8 of at most max bytes,
 * up to the first that is not. Does nothing in other modes.
 */
void record_frame_lines(
    struct splitter *splitter, struct frame *frame, struct bytes type);

/*
 * Takes the next record, or piece of one. A piece is max bytes long, or up to
 * three fewer so as not to split a UTF-8 character or a CRLF; or one character,
 * if that is longer. Returns false if more input is needed.
 */
bool record_next(struct splitter *splitter, struct record *record);

/*
 * How many bytes of input record_next has taken since the last record_room:
 * they end at splitter->offset. *end points just after them, until the next
 * record_room.
 */
size_t record_behind(const struct splitter *splitter, const char **end);

#endif
