/*
 * follow: the lines of a file that grows, is truncated, renamed, replaced or
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
#include "window.h"

#define FOLLOW_ALL UINT64_MAX /* lines */
#define FOLLOW_SEEN 16        /* files, of which none is read again */

/*
 * How often and how long it looks again at what may be a rename half done: by
 * a program that waits for its turn on a busy machine.
 */
#define FOLLOW_DOUBT_MS 2000
#define FOLLOW_AGAIN_MS 20

enum follow_result {
	FOLLOW_LINES,  /* follow_line may have some; then look again */
	FOLLOW_GAP,    /* lines may be missing here: follow->gap says why */
	FOLLOW_IDLE,   /* all was read, for now */
	FOLLOW_FAILED, /* errno says how */
};

struct follow {
	const char *gap; /* with FOLLOW_GAP: rotated, truncated or unknown */
	bool doubt;      /* with FOLLOW_IDLE: look again in FOLLOW_AGAIN_MS */
	int fd;          /* of the file that is read, or -1 */
	int next;        /* of the one that has its name now, or -1 */
	unsigned int opened; /* how many files so far: fd or next is new */

	/* the rest is the follower's own */
	const char *path;
	size_t line_max;
	bool marked; /* cursor is to be found yet; file 0: none was there */
	struct cursor cursor;  /* of the last line */
	struct file file;      /* that is open as fd */
	struct file_home home; /* of fd, when it had the name */
	uint64_t hole;         /* up to where the file began with NULs */
	int after;        /* of the file that comes when fd is at its end */
	const char *lost; /* a gap that comes before it */
	bool ended;       /* fd is at its end: after is next */
	int64_t doubt_ns; /* since when; 0 for none */
	uint64_t seen[FOLLOW_SEEN];
	size_t seen_n;
	struct splitter splitter;
	uint64_t start;    /* offset in the file where splitter's input began */
	uint64_t position; /* where to read on */
	struct window window; /* bytes around position */
};

/* One line, or a piece of one that is longer than line_max. */
struct follow_line {
	struct bytes bytes;   /* without its end; until the next follow_read */
	struct cursor cursor; /* of the place after it */
};

/*
 * Starts to follow path, which the caller keeps: lines back from its end, or
 * from its start if there is no such file yet. With a cursor, the place after
 * that is searched for instead, by follow_read. Returns 0, or -1 with errno
 * of file_open where there is something at path that cannot be followed, or
 * not now. NULs at the start of a file are a hole, and skipped.
 */
int follow_init(struct follow *follow, const char *path, size_t line_max,
    uint64_t lines, const struct cursor *cursor);

/* Closes and frees what the follower has. */
void follow_free(struct follow *follow);

/*
 * Takes one step: one read, or one look at the name. Blocks for the file
 * system only. To be called again at once until it returns FOLLOW_IDLE, and
 * then when the file or its directory may have changed.
 */
enum follow_result follow_read(struct follow *follow);

/*
 * The place where it is, for who has had no line yet. Where there is no file
 * it is after the last one that there was, or before all that come. False
 * where it is not known.
 */
bool follow_place(const struct follow *follow, struct cursor *cursor);

/* Takes the next line out of what was read; false where there is none. */
bool follow_line(struct follow *follow, struct follow_line *line);

#endif
