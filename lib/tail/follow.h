/*
 * follow: the records of a file that grows, is truncated, renamed, replaced or
 * not there yet, by its name. Knows files and cursors; nothing of events, of
 * times between two looks, nor of what tells that there is something to see.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "../record.h"
#include "cursor.h"
#include "file.h"
#include "rotation.h"
#include "window.h"

#define FOLLOW_ALL UINT64_MAX /* records */

/*
 * How often and how long it looks again at what may be a rename half done: by
 * a program that waits for its turn on a busy machine.
 */
#define FOLLOW_DOUBT_MS 2000
#define FOLLOW_AGAIN_MS 20

enum follow_result {
	FOLLOW_RECORDS, /* follow_record may have some; then look again */
	FOLLOW_GAP,     /* records may be missing here: follow->gap says why */
	FOLLOW_IDLE,    /* all was read, for now */
	FOLLOW_FAILED,  /* errno says how */
};

struct follow {
	const char *gap; /* with FOLLOW_GAP: rotated, truncated or unknown */
	bool doubt;      /* with FOLLOW_IDLE: look again in FOLLOW_AGAIN_MS */
	int fd;          /* of the file that is read, or -1 */
	int next;        /* of the one that has its name now, or -1 */
	unsigned int opened; /* how many files so far: fd or next is new */

	/* the rest is the follower's own */
	const char *path;
	enum record_end mode;
	size_t max;            /* of a record's or a piece's bytes */
	bool marked;           /* cursor is to be found yet */
	struct cursor cursor;  /* file 0: none was there */
	struct file file;      /* that is open as fd */
	struct file_home home; /* of fd, when it had the name */
	uint64_t hole;         /* up to where the file began with NULs */
	int after;        /* of the file that comes when fd is at its end */
	const char *lost; /* a gap that comes before it */
	bool ended;       /* fd is at its end: after is next */
	int64_t doubt_ns; /* since when; 0 for none */
	struct rotation_seen seen;
	struct splitter splitter;
	uint64_t start;    /* offset in the file of the splitter's first byte */
	uint64_t began;    /* likewise of the current record's */
	uint64_t skip;     /* pieces of it up to there were given before */
	uint64_t position; /* where to read on */
	struct window window; /* bytes around position */
};

/* A record, or a piece of one that is longer than max. */
struct follow_record {
	struct record record; /* until the next follow_read */
	struct cursor cursor; /* of the place after it */
	bool old; /* the viewer has it, but it is of a record that goes on */
};

/*
 * Starts to follow path, which the caller keeps: n records back from its end,
 * or from its start if there is no such file yet. With a cursor, the place
 * after that is searched for instead, by follow_read. Returns 0, or -1 with
 * errno of file_open if there is something at path that cannot be followed, or
 * not now. NULs at the start of a file are a hole, and skipped.
 */
int follow_init(struct follow *follow, const char *path, enum record_end mode,
    size_t max, uint64_t n, const struct cursor *cursor);

/* Closes and frees what the follower has. */
void follow_free(struct follow *follow);

/*
 * Takes one step: one read, or one look at the name. Blocks for the file
 * system only. To be called again at once until it returns FOLLOW_IDLE, and
 * then when the file or its directory may have changed.
 */
enum follow_result follow_read(struct follow *follow);

/*
 * The place of a viewer that has had no record yet. If there is no file it
 * is after the last one that there was, or before all that come. False if it
 * is not known.
 */
bool follow_place(const struct follow *follow, struct cursor *cursor);

/* Takes the next record out of what was read; false if there is none. */
bool follow_record(struct follow *follow, struct follow_record *record);

/*
 * Nothing more will be written; to be called after FOLLOW_IDLE without doubt.
 * An incomplete record counts now: follow_record has it. Then records may be
 * missing if follow->gap is not NULL: it says why.
 */
void follow_end(struct follow *follow);

#endif
