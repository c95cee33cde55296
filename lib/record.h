/*
 * record: splits a stream of bytes into records: lines, NUL-ended records,
 * paragraphs, or chunks as they come. The caller reads into the splitter's room
 * and takes the records out; the splitter does no I/O. An unfinished record
 * waits for its end; one that is longer than max comes in pieces, so memory
 * stays bounded.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/*
 * Room for one read, in whole pages; with the framing of lines of 50 bytes
 * and more it fits FRAME_BUFFER, so that one read makes one write.
 */
#define RECORD_READ 57344

enum record_end {
	RECORD_LINE,      /* LF, CR or CRLF, as in the event stream format */
	RECORD_NUL,       /* one NUL */
	RECORD_PARAGRAPH, /* an empty line; more of them end nothing more */
	/*
	 * What is there, but for a UTF-8 character at its end whose rest is not
	 * (see record_torn); each is whole, and max bytes long at the most.
	 */
	RECORD_CHUNK,
};

struct record {
	struct bytes bytes; /* in the splitter: until the next record_room */
	bool first;         /* the beginning of a record, not a later piece */
	bool last;          /* the end of a record, not an earlier piece */
};

/* All fields are the splitter's own. */
struct splitter {
	enum record_end mode;
	size_t max; /* of a record's or a piece's bytes */
	char *buffer;
	size_t size;     /* of buffer */
	size_t behind;   /* start as it was at the last record_room */
	size_t start;    /* of the current record in buffer */
	size_t scan;     /* searched so far */
	size_t end;      /* of what was read */
	size_t body;     /* RECORD_PARAGRAPH: end of its last full line */
	bool blank;      /* RECORD_PARAGRAPH: this line is empty so far */
	bool skip_lf;    /* a CR came last: an LF now belongs to it */
	bool middle;     /* pieces of the current record were given */
	bool ended;      /* no more input, or RECORD_CHUNK: for a while */
	uint64_t offset; /* bytes of input up to the end of the last record */
};

/* max is at least 1. Returns 0, or -1 with errno ENOMEM. */
int record_init(struct splitter *splitter, enum record_end mode, size_t max);

/*
 * What stands before the input, or its last four bytes and more: an LF after a
 * CR belongs to that, and what does not follow the end of a record is a later
 * piece of one. After NULs, a hole in the file, lines and paragraphs begin.
 */
void record_begin_after(struct splitter *splitter, struct bytes before);

/* Frees what record_init took. */
void record_free(struct splitter *splitter);

/*
 * Where to read to, RECORD_READ bytes, *n of them. Call it when
 * record_next has no more: it may move the bytes that are left.
 * Returns NULL with errno ENOMEM.
 */
char *record_room(struct splitter *splitter, size_t *n);

/* n bytes were read into the room. */
void record_filled(struct splitter *splitter, size_t n);

/* The input has ended: what is left counts as a record. */
void record_ended(struct splitter *splitter);

/* RECORD_CHUNK: whether a character waits for its rest. */
bool record_torn(const struct splitter *splitter);

/* RECORD_CHUNK: it has waited for long enough, and counts as it is. */
void record_hurry(struct splitter *splitter);

/*
 * The fast way of filters, before record_next: makes an event of that type of
 * each line that is whole, ends with LF and is valid UTF-8 of max bytes at the
 * most, up to the first that is not. Does nothing in other modes.
 */
void record_frame_lines(
    struct splitter *splitter, struct frame *frame, struct bytes type);

/*
 * The next record or piece of one. A piece is max bytes long, or up to three
 * less if it would cut a UTF-8 character or a CRLF in two. Returns false
 * if there is none before more input.
 */
bool record_next(struct splitter *splitter, struct record *record);

/*
 * How many bytes of input were given since the last record_room: they end at
 * splitter->offset, and *end is just after them, until the next one.
 */
size_t record_behind(const struct splitter *splitter, const char **end);

#endif
