/*
 * follow: reads the records of a file by its name, while that file grows, is
 * truncated, renamed, replaced or does not exist yet. It handles files and
 * cursors; the caller encodes events and decides when to check again.
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
 * How long, and how often, it checks again while a program may be renaming
 * files: that can take long on a busy machine.
 */
#define FOLLOW_DOUBT_MS 2000
#define FOLLOW_AGAIN_MS 20

enum follow_result {
	FOLLOW_RECORDS, /* call follow_record until false, then follow_read */
	FOLLOW_GAP,     /* records may be missing here: follow->gap says why */
	FOLLOW_IDLE,    /* all was read, for now */
	FOLLOW_FAILED,  /* errno says why */
};

struct follow {
	const char *gap; /* with FOLLOW_GAP: rotated, truncated or unknown */
	bool doubt;      /* with FOLLOW_IDLE: check again in FOLLOW_AGAIN_MS */
	int fd;          /* the file that is read, or -1 */
	int next;        /* another file that has the name now, or -1 */
	unsigned int opened; /* counts files: changes if fd or next is new */

	/* the rest is the follower's own */
	const char *path;
	enum record_end mode;
	size_t max;            /* of a record's or a piece's bytes */
	bool marked;           /* the place of cursor is still to be found */
	struct cursor cursor;  /* file 0: there was no file */
	struct file file;      /* the file that is open as fd */
	struct file_home home; /* of fd, when it had the name */
	uint64_t hole;         /* length of the NULs at the file's start */
	int after;             /* the file to read after fd, or -1 */
	const char *lost;      /* a gap between fd and after, or NULL */
	bool ended;            /* fd was read to its end: after is next */
	int64_t doubt_ns;      /* since when in doubt; 0: not */
	struct rotation_seen seen;
	struct splitter splitter;
	uint64_t start;    /* offset in the file of the splitter's first byte */
	uint64_t began;    /* likewise of the current record */
	uint64_t skip;     /* pieces that end up to this offset are old */
	uint64_t position; /* where to read on */
	struct window window; /* bytes around position */
};

/* A record, or a piece of one that is longer than max. */
struct follow_record {
	struct record record; /* until the next follow_read */
	struct cursor cursor; /* of the place after it */
	bool old; /* a piece that the viewer has had; the record goes on */
};

/*
 * Starts to follow path, which must stay valid: n records before its end, or
 * at its start if there is no such file yet. With a cursor, follow_read goes on
 * after that place instead. Returns 0, or -1 with errno of file_open if path
 * exists but cannot be followed, or not now. NULs at the start of a file are
 * skipped as a hole; with RECORD_NUL only its whole blocks.
 */
int follow_init(struct follow *follow, const char *path, enum record_end mode,
    size_t max, uint64_t n, const struct cursor *cursor);

/* Closes its files and frees its memory. */
void follow_free(struct follow *follow);

/*
 * Takes one step: one read, or one check of the name. Blocks only for the file
 * system. To be called again at once until it returns FOLLOW_IDLE, and then
 * when the file or its directory may have changed.
 */
enum follow_result follow_read(struct follow *follow);

/*
 * Sets *cursor to the place of a viewer that has had no record yet. If there is
 * no file, that is after the newest rotated file, or before any file. Returns
 * false if the place is not known.
 */
bool follow_place(const struct follow *follow, struct cursor *cursor);

/* Takes the next record of what was read; false if there is none. */
bool follow_record(struct follow *follow, struct follow_record *record);

/*
 * To be called after FOLLOW_IDLE without doubt, when nothing more will be
 * written: follow_record then returns an incomplete record, too. If follow->gap
 * is not NULL, records may be missing after it, and gap says why.
 */
void follow_end(struct follow *follow);

#endif
