/*
 * answer: reads what a web server answers: an event stream over HTTP/1.1, or
 * WebSocket messages, each as one event. It takes out what a measurement
 * needs, numbers and stamps, and keeps no other bytes. It does no I/O.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ANSWER_LINE_MAX 128 /* bytes of a line that are looked at */
#define ANSWER_ID_MAX 64

/* What stands between two empty lines: an event, or a comment or retry. */
struct answer_block {
	bool id;          /* it has an id that ends with digits: */
	uint64_t id_n;    /* these, */
	uint32_t id_head; /* and a digest of what is before them */
	bool data;        /* it has a data field, and its first line begins */
	bool data_digits; /* with digits: */
	uint64_t data_n;  /* these, and then perhaps a clock's nanoseconds: */
	int64_t stamp_ns; /* else 0 */
	bool gap;         /* its type is gap */
	bool end;         /* its type is end */
};

enum answer_step {
	ANSWER_STATUS, /* the order matters: before and after the header */
	ANSWER_FIELDS,
	ANSWER_BODY,
	ANSWER_SIZE,      /* of a chunk */
	ANSWER_CHUNK,     /* left bytes of it */
	ANSWER_CHUNK_END, /* its line end */
	ANSWER_MESSAGE,   /* a WebSocket message's header */
	ANSWER_PAYLOAD,   /* left bytes of it */
	ANSWER_OVER,      /* the last chunk has come */
};

struct answer {
	enum answer_step step;
	int status; /* of HTTP; 0 until it is known */
	char last_id[ANSWER_ID_MAX + 1];
	/* the rest is answer's own */
	bool chunked;
	uint64_t left;
	size_t carried; /* the beginning of a line whose end has not come */
	char carry[ANSWER_LINE_MAX];
	bool fields; /* block has some, also ones that are not looked at */
	struct answer_block block;
};

/* Called with each block that is complete. */
typedef void answer_each(void *to, const struct answer_block *block);

/* Keeps last_id. */
void answer_init(struct answer *answer);

/* n bytes have come. Returns 0, or -1 where they are no such answer. */
int answer_feed(struct answer *answer, const char *bytes, size_t n,
    answer_each *each, void *to);

/*
 * The digits at the end of an id, and a digest of what is before them.
 * Returns false where it has none.
 */
bool answer_id(const char *id, size_t n, uint64_t *number, uint32_t *head);

#endif
