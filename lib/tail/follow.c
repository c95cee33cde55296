/*
 * follow: reads the files that had the name, one after the other, each to its
 * end. It leaves a file only when the next one has content: only then has the
 * writer opened that one. rotation decides which file is next.
 */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>

#include "../proc.h"
#include "../util.h"
#include "lastlines.h"

/* Bytes of one read: its events, with ids, mostly fit one write (frame.h). */
#define READ_MAX 28672

/* The offset in the file after the last record that was returned. */
static uint64_t
place(const struct follow *follow)
{
	return follow->start + follow->splitter.offset;
}

/* Makes fd the file to read, from offset on, and owns it; 0, or -1 with errno.
 */
static int
adopt(struct follow *follow, int fd, uint64_t offset)
{
	bool same = fd == follow->fd;

	if (!same) {
		proc_close(&follow->fd);
		follow->hole = 0;
	}
	follow->fd = fd;
	follow->opened++;
	proc_close(&follow->home.dir);
	follow->marked = false;
	follow->ended = false;
	follow->doubt_ns = 0;
	follow->start = follow->position = follow->began = offset;
	record_free(&follow->splitter);
	if (file_of(fd, &follow->file) == -1 ||
	    window_load(&follow->window, fd, offset) == -1 ||
	    record_init(&follow->splitter, follow->mode, follow->max) == -1)
		return -1;
	if (!same)
		rotation_add(&follow->seen, follow->file.id);
	record_begin_after(&follow->splitter, window_before(&follow->window));
	return 0;
}

/*
 * A file is missing or out of order, maybe only because a program is renaming
 * files. Returns true for FOLLOW_DOUBT_MS: check again.
 */
static bool
in_doubt(struct follow *follow)
{
	if (follow->doubt_ns == 0)
		follow->doubt_ns = util_now_ns();
	follow->doubt = util_now_ns() - follow->doubt_ns <
			FOLLOW_DOUBT_MS * INT64_C(1000000);
	return follow->doubt;
}

/*
 * Opens the file that has the name. Sets *fd, to -1 if there is none or there
 * is no permission: a new file may get its owner and mode a little later.
 */
static enum follow_result
open_name(struct follow *follow, int *fd)
{
	*fd = file_open(AT_FDCWD, follow->path);
	if (*fd != -1 || errno == ENOENT)
		return FOLLOW_RECORDS;
	follow->lost = "unknown"; /* gap to report if follow_end comes now */
	if (in_doubt(follow))
		return FOLLOW_IDLE;
	return errno == EACCES || errno == EPERM ? FOLLOW_RECORDS
						 : FOLLOW_FAILED;
}

/* Starts n records before the end of fd. */
static int
start_back(struct follow *follow, int fd, uint64_t n)
{
	uint64_t offset = 0;

	if (n != FOLLOW_ALL) {
		if (file_of(fd, &follow->file) == -1)
			return -1;
		if (lastlines_find(fd, (uint64_t)follow->file.size,
			follow->mode, n, follow->max, &offset) == -1)
			offset = 0; /* truncated just now */
	}
	if (adopt(follow, fd, offset) == 0)
		return 0;
	if (errno != ENODATA)
		return -1;
	proc_close(&follow->fd); /* truncated, too: follow_read reopens it */
	return 0;
}

/*
 * There is no file yet: starts at the end of the newest rotated file, or if
 * there is none, at the start of the first file that appears.
 */
static void
start_absent(struct follow *follow)
{
	int fd = rotation_last(follow->path);
	struct file file;

	follow->marked = fd == -1 && errno == ENOENT;
	if (fd != -1 && (file_of(fd, &file) == -1 ||
			    adopt(follow, fd, (uint64_t)file.size) == -1))
		proc_close(&follow->fd); /* its end is not known */
}

int
follow_init(struct follow *follow, const char *path, enum record_end mode,
    size_t max, uint64_t n, const struct cursor *cursor)
{
	int fd = file_open(AT_FDCWD, path);

	*follow = (struct follow){.path = path,
	    .mode = mode,
	    .max = max,
	    .fd = -1,
	    .home = {.dir = -1},
	    .next = -1,
	    .after = -1};
	if (fd == -1 && errno != ENOENT)
		return -1;
	if (cursor != NULL) {
		follow->cursor = *cursor;
		follow->marked = true;
		proc_close(&fd);
	} else if (fd == -1) {
		start_absent(follow);
	}
	return fd == -1 ? 0 : start_back(follow, fd, n);
}

void
follow_free(struct follow *follow)
{
	proc_close(&follow->fd);
	proc_close(&follow->next);
	proc_close(&follow->after);
	proc_close(&follow->home.dir);
	record_free(&follow->splitter);
}

/* Reports a gap; goes on with the current file, from its start. */
static enum follow_result
give_up(struct follow *follow, const char *gap)
{
	follow_free(follow);
	follow->marked = false;
	follow->lost = NULL;
	follow->doubt_ns = 0;
	follow->gap = gap;
	return FOLLOW_GAP;
}

/* Reads fd from offset on; pieces that end at skip or before are not new. */
static enum follow_result
read_from(struct follow *follow, int fd, uint64_t offset, uint64_t skip)
{
	if (adopt(follow, fd, offset) == -1)
		return errno == ENODATA /* truncated just now */
			   ? give_up(follow, "truncated")
			   : FOLLOW_FAILED;
	follow->skip = skip;
	return FOLLOW_RECORDS;
}

static const char *
lost_by(enum rotation_next result)
{
	return result == ROTATION_CURRENT  ? NULL
	       : result == ROTATION_FAILED ? "unknown"
					   : "rotated";
}

/*
 * The cursor is from a time when there was no file: finds the first file since
 * then. fd as in resume.
 */
static enum follow_result
resume_first(struct follow *follow, int fd)
{
	const struct rotation_seen none = {.n = 0};
	struct file file;
	int first = -1;
	enum rotation_next result =
	    rotation_next(follow->path, -1, fd, false, &none, &first);

	proc_close(&follow->next);
	if (result == ROTATION_CURRENT && file_of(fd, &file) == 0 && file.size)
		return read_from(follow, fd, 0, 0);
	/* not an empty file: the writer may still have another one open */
	follow->next = fd;
	follow->opened++;
	if (result == ROTATION_BETWEEN)
		return read_from(follow, first, 0, 0);
	if (result == ROTATION_CURRENT || in_doubt(follow))
		return FOLLOW_IDLE;
	return give_up(follow, lost_by(result));
}

/* Finds the file of the cursor. fd is the file that has the name, or -1. */
static enum follow_result
resume(struct follow *follow, int fd)
{
	uint64_t skip = follow->cursor.offset,
		 offset = skip - follow->cursor.back;
	const char *gap;
	bool lost;
	int found;

	if (follow->cursor.file == 0)
		return resume_first(follow, fd);
	found = rotation_find(follow->path, &follow->cursor);
	gap = errno == ENOENT    ? "rotated"
	      : errno == EBADMSG ? "truncated"
				 : "unknown";
	/* it goes on in the current file after a gap: waits for that file */
	lost =
	    found == -1 && fd != -1 && (errno == EBADMSG || !in_doubt(follow));
	proc_close(&fd);
	if (found != -1)
		return read_from(follow, found, offset, skip);
	return lost ? give_up(follow, gap) : FOLLOW_IDLE;
}

/* No file is open: opens the cursor's, or else the one that has the name. */
static enum follow_result
begin(struct follow *follow)
{
	int fd;
	enum follow_result result = open_name(follow, &fd);

	if (result != FOLLOW_RECORDS)
		return result;
	if (follow->marked)
		return resume(follow, fd);
	return fd == -1 ? FOLLOW_IDLE : read_from(follow, fd, 0, 0);
}

/*
 * n bytes were read. If a file was truncated and its writer kept its offset,
 * the file begins with a hole of NULs: skips that; but where each NUL may be a
 * record, only blocks without data. True if these bytes begin with the hole.
 */
static bool
skip_hole(struct follow *follow, const char *bytes, size_t n)
{
	size_t zeros = 0;

	if (follow->position != follow->hole)
		return false;
	while (follow->mode != RECORD_NUL && zeros < n && bytes[zeros] == '\0')
		zeros++;
	follow->hole += zeros;
	if (zeros == n || follow->mode == RECORD_NUL)
		follow->hole = file_data(follow->fd, follow->hole);
	return follow->hole > follow->position;
}

/* Reads once; FOLLOW_IDLE at the end of the file. */
static enum follow_result
read_on(struct follow *follow)
{
	const char *end;
	size_t behind = record_behind(&follow->splitter, &end), room;
	char *to;
	ssize_t n;

	window_gave(&follow->window, end - behind, behind);
	to = record_room(&follow->splitter, &room);
	if (to == NULL)
		return FOLLOW_FAILED;
	if (room > READ_MAX)
		room = READ_MAX;
	n = window_read(
	    &follow->window, follow->fd, follow->position, to, room);
	if (n == -1 && errno == EINTR)
		return FOLLOW_RECORDS;
	/* ESTALE: on NFS, the file was deleted */
	if (n == -1 && errno != ENODATA)
		return errno == ESTALE ? FOLLOW_IDLE : FOLLOW_FAILED;
	/* if a read was full, it is enough that window_read checked */
	if (n == -1 ||
	    ((size_t)n < room && !window_begins(&follow->window, follow->fd)))
		return give_up(follow, "truncated");
	if (n == 0)
		return FOLLOW_IDLE;
	if (skip_hole(follow, to, (size_t)n))
		return read_from(follow, follow->fd, follow->hole, 0);
	window_got(&follow->window, to, (size_t)n);
	record_filled(&follow->splitter, (size_t)n);
	follow->position += (uint64_t)n;
	return FOLLOW_RECORDS;
}

/* after is the next file; but first reads fd to its end once more. */
static enum follow_result
leave_for(struct follow *follow, int after)
{
	if (after == follow->next)
		follow->next = -1;
	follow->after = after;
	return FOLLOW_RECORDS;
}

/*
 * The file between came after fd and before next: reads it first. But if next
 * is older and was deleted since it was opened, reads next first, as it could
 * not be found again. If next still has a name, rotation finds it later.
 */
static enum follow_result
choose_between(struct follow *follow, int between)
{
	struct file file, next;

	if (file_of(between, &file) == -1 ||
	    file_of(follow->next, &next) == -1) {
		proc_close(&between);
		return FOLLOW_FAILED;
	}
	if (next.deleted && next.size > 0 && next.birth_ns < file.birth_ns) {
		proc_close(&between);
		return leave_for(follow, follow->next);
	}
	if (next.deleted ? next.size == 0 : !file_is_at(follow->path, &next))
		proc_close(&follow->next);
	return leave_for(follow, between);
}

/*
 * fd was not rotated but replaced by a longer copy, as editors and rsync do:
 * goes on in the copy, after the last record.
 */
static enum follow_result
go_on(struct follow *follow, int copy)
{
	uint64_t skip = place(follow);

	if (copy == follow->next)
		follow->next = -1;
	if (skip < follow->skip)
		skip = follow->skip;
	return read_from(follow, copy, follow->began, skip);
}

/*
 * Another file has the name, and is open as next: decides which file comes
 * after fd. Does not leave fd for an empty file: the writer may still have fd
 * open.
 */
static enum follow_result
choose_next(struct follow *follow)
{
	enum rotation_next result;
	struct file file;
	int after = -1;

	result = rotation_next(follow->path, follow->fd, follow->next,
	    file_is_home(&follow->home, &follow->file), &follow->seen, &after);
	if (after == -1)
		after = follow->next;
	if (file_of(follow->fd, &file) == 0 &&
	    (file.deleted || result == ROTATION_STRANGE) &&
	    follow->position > 0 &&
	    cursor_same(follow->fd, after, follow->position))
		return go_on(follow, after);
	if (result == ROTATION_BETWEEN)
		return choose_between(follow, after);
	if (result == ROTATION_CURRENT)
		follow->doubt_ns = 0;
	else if (in_doubt(follow))
		return FOLLOW_IDLE;
	follow->lost = lost_by(result);
	if (file_of(follow->next, &file) == -1)
		return FOLLOW_FAILED;
	if (file.size == 0) {
		/* next was renamed, too: rotation finds it once it has content
		 */
		if (!file_is_at(follow->path, &file))
			proc_close(&follow->next);
		return follow->next == -1 ? FOLLOW_RECORDS : FOLLOW_IDLE;
	}
	return leave_for(follow, follow->next);
}

/* At the end of fd: checks whether fd still has the name. */
static enum follow_result
look(struct follow *follow)
{
	enum follow_result result;

	if (follow->after != -1) {
		record_ended(&follow->splitter);
		follow->ended = true;
		return FOLLOW_RECORDS;
	}
	follow->lost = NULL;
	if (file_is_at(follow->path, &follow->file)) {
		proc_close(&follow->next);
		follow->doubt_ns = 0;
		file_set_home(&follow->home, follow->path);
		return FOLLOW_IDLE;
	}
	if (follow->next == -1) {
		result = open_name(follow, &follow->next);
		if (result != FOLLOW_RECORDS)
			return result;
		if (follow->next != -1)
			follow->doubt_ns = 0;
		follow->opened++;
	}
	return follow->next == -1 ? FOLLOW_IDLE : choose_next(follow);
}

/* All records of fd were returned: goes on with after. */
static enum follow_result
pass_on(struct follow *follow)
{
	int fd = follow->after;

	if (follow->lost != NULL)
		return give_up(follow, follow->lost);
	follow->after = -1;
	return read_from(follow, fd, 0, 0);
}

enum follow_result
follow_read(struct follow *follow)
{
	enum follow_result result;

	follow->doubt = false;
	if (follow->fd == -1)
		return begin(follow);
	if (follow->ended)
		return pass_on(follow);
	result = read_on(follow);
	return result == FOLLOW_IDLE ? look(follow) : result;
}

/* Makes a cursor of the place after the last record that was returned. */
static void
mark(const struct follow *follow, struct cursor *cursor)
{
	const char *end;
	size_t n = record_behind(&follow->splitter, &end);

	cursor->file = follow->file.id;
	cursor->offset = place(follow);
	cursor->check = window_check(&follow->window, cursor->offset, end, n);
	cursor->back = cursor->offset - follow->began;
}

bool
follow_place(const struct follow *follow, struct cursor *cursor)
{
	*cursor = (struct cursor){.check = CURSOR_NONE};
	if (follow->fd == -1)
		return follow->marked && follow->cursor.file == 0;
	mark(follow, cursor);
	return true;
}

bool
follow_record(struct follow *follow, struct follow_record *record)
{
	if (follow->fd == -1 ||
	    !record_next(&follow->splitter, &record->record))
		return false;
	if (record->record.last)
		follow->began = place(follow);
	mark(follow, &record->cursor);
	record->old = record->cursor.offset <= follow->skip;
	return true;
}

void
follow_end(struct follow *follow)
{
	record_ended(&follow->splitter);
	follow->gap = follow->lost;
	if (follow->marked && follow->cursor.file != 0)
		follow->gap = "rotated";
}
