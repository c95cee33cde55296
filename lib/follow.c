/*
 * follow: what was read once is read no more: each file that had the name
 * comes in its turn, is read to its end, and left only when the next one has
 * something to read: its writer has moved on then. Which one comes next is
 * rotation's to say.
 */
#define _GNU_SOURCE /* preadv, SEEK_DATA, O_PATH */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "back.h"
#include "rotation.h"
#include "util.h"

/* Bytes of one read: with ids and framing mostly one write (frame.h). */
#define READ_MAX 28672

static void
close_fd(int *fd)
{
	if (*fd != -1)
		(void)close(*fd); /* nothing was written */
	*fd = -1;
}

/* Keeps the last bytes, MARK_TAIL of them, of tail and of what follows it. */
static void
keep_tail(char tail[MARK_TAIL], size_t *n, const char *bytes, size_t more)
{
	size_t stay = MARK_TAIL;

	if (more >= MARK_TAIL) {
		memcpy(tail, bytes + more - MARK_TAIL, MARK_TAIL);
		*n = MARK_TAIL;
		return;
	}
	stay -= more;
	if (stay > *n)
		stay = *n;
	memmove(tail, tail + *n - stay, stay);
	memcpy(tail + stay, bytes, more);
	*n = stay + more;
}

/* bytes come after those that are in head. */
static void
keep_head(struct follow *follow, const char *bytes, size_t n)
{
	if (n > MARK_HEAD - follow->heads)
		n = MARK_HEAD - follow->heads;
	if (n == 0)
		return;
	memcpy(follow->head + follow->heads, bytes, n);
	follow->heads += n;
	if (follow->heads == MARK_HEAD)
		follow->head_hash = mark_hash(0, follow->head, MARK_HEAD);
}

/* The offset in the file after the last line that was taken. */
static uint64_t
place(const struct follow *follow)
{
	return follow->start + follow->splitter.offset;
}

/* The bytes around position, which is offset, to recognise the file by. */
static int
load(struct follow *follow, uint64_t offset)
{
	char head[MARK_HEAD];
	size_t heads = sizeof(head);

	if (offset < heads)
		heads = (size_t)offset;
	follow->heads = 0;
	follow->tails = sizeof(follow->tail);
	if (offset < follow->tails)
		follow->tails = (size_t)offset;
	if (mark_read(follow->fd, head, heads, 0) == -1 ||
	    mark_read(follow->fd, follow->tail, follow->tails,
		offset - follow->tails) == -1)
		return -1;
	keep_head(follow, head, heads);
	follow->behinds = follow->tails;
	memcpy(follow->behind, follow->tail, follow->tails);
	return 0;
}

/* Reads fd, which becomes the follower's, from offset on. */
static int
adopt(struct follow *follow, int fd, uint64_t offset)
{
	bool same = fd == follow->fd;

	if (!same) {
		close_fd(&follow->fd);
		follow->hole = 0;
	}
	follow->fd = fd;
	follow->opened++;
	close_fd(&follow->home);
	follow->marked = false;
	follow->ended = false;
	follow->doubt_ns = 0;
	follow->start = follow->position = offset;
	record_free(&follow->splitter);
	if (file_of(fd, &follow->file) == -1 || load(follow, offset) == -1 ||
	    record_init(&follow->splitter, RECORD_LINE, follow->line_max) == -1)
		return -1;
	if (!same)
		follow->seen[follow->seen_n++ % FOLLOW_SEEN] = follow->file.id;
	follow->mark.file = follow->file.id;
	if (follow->tails > 0 && follow->tail[follow->tails - 1] == '\r')
		record_after_cr(&follow->splitter);
	return 0;
}

/*
 * Something is not as it should be, but a rename may be half done. True while
 * it is too early to say.
 */
static bool
in_doubt(struct follow *follow)
{
	int64_t now_ns = util_now_ns();

	if (follow->doubt_ns == 0)
		follow->doubt_ns = now_ns;
	follow->doubt =
	    now_ns - follow->doubt_ns < FOLLOW_DOUBT_MS * INT64_C(1000000);
	return follow->doubt;
}

/*
 * Opens what has the name. Sets *fd, to -1 where there is none to be had yet:
 * it may get its owner and mode a little later.
 */
static enum follow_result
open_name(struct follow *follow, int *fd)
{
	*fd = file_open(AT_FDCWD, follow->path);
	if (*fd != -1 || errno == ENOENT || errno == EACCES || errno == EPERM)
		return FOLLOW_LINES;
	return in_doubt(follow) ? FOLLOW_IDLE : FOLLOW_FAILED;
}

static int
start_back(struct follow *follow, int fd, uint64_t lines)
{
	uint64_t offset = 0;

	if (lines != FOLLOW_ALL) {
		if (file_of(fd, &follow->file) == -1)
			return -1;
		if (back_lines(fd, (uint64_t)follow->file.size, lines,
			follow->line_max, &offset) == -1)
			offset = 0; /* truncated just now */
	}
	if (adopt(follow, fd, offset) == 0)
		return 0;
	if (errno != ENODATA)
		return -1;
	close_fd(&follow->fd); /* likewise: it begins when it is read */
	return 0;
}

/*
 * There is no file yet. What comes is what comes after the last of its rotated
 * files, or after none.
 */
static void
start_absent(struct follow *follow)
{
	int fd = rotation_last(follow->path);
	struct file file;

	follow->marked = fd == -1 && errno == ENOENT;
	if (fd != -1 && (file_of(fd, &file) == -1 ||
			    adopt(follow, fd, (uint64_t)file.size) == -1))
		close_fd(&follow->fd); /* its place is not known */
}

int
follow_init(struct follow *follow, const char *path, size_t line_max,
    uint64_t lines, const struct mark *mark)
{
	int fd = file_open(AT_FDCWD, path);

	*follow = (struct follow){.path = path,
	    .line_max = line_max,
	    .fd = -1,
	    .home = -1,
	    .next = -1,
	    .after = -1};
	if (fd == -1 && errno != ENOENT)
		return -1;
	if (mark != NULL) {
		follow->mark = *mark;
		follow->marked = true;
		close_fd(&fd);
	} else if (fd == -1) {
		start_absent(follow);
	}
	return fd == -1 ? 0 : start_back(follow, fd, lines);
}

void
follow_free(struct follow *follow)
{
	close_fd(&follow->fd);
	close_fd(&follow->next);
	close_fd(&follow->after);
	close_fd(&follow->home);
	record_free(&follow->splitter);
}

/* Gives up what was followed: the current file comes, from its start. */
static enum follow_result
give_up(struct follow *follow, const char *gap)
{
	close_fd(&follow->fd);
	close_fd(&follow->next);
	close_fd(&follow->after);
	record_free(&follow->splitter);
	follow->marked = false;
	follow->lost = NULL;
	follow->doubt_ns = 0;
	follow->gap = gap;
	return FOLLOW_GAP;
}

static enum follow_result
read_from(struct follow *follow, int fd, uint64_t offset)
{
	if (adopt(follow, fd, offset) == 0)
		return FOLLOW_LINES;
	/* just now */
	return errno == ENODATA ? give_up(follow, "truncated") : FOLLOW_FAILED;
}

/* There was no file at the mark: what has come since? fd as in resume. */
static enum follow_result
resume_first(struct follow *follow, int fd)
{
	struct rotation_seen seen = {.n = 0};
	enum rotation_next result;
	int first = -1;

	result = rotation_next(follow->path, -1, fd, false, &seen, &first);
	if (result == ROTATION_CURRENT)
		return fd == -1 ? FOLLOW_IDLE : read_from(follow, fd, 0);
	close_fd(&fd);
	if (result == ROTATION_BETWEEN)
		return read_from(follow, first, 0);
	if (in_doubt(follow))
		return FOLLOW_IDLE;
	return give_up(follow, result == ROTATION_LOST ? "rotated" : "unknown");
}

/* Where a viewer that comes back goes on: fd has the name, or is -1. */
static enum follow_result
resume(struct follow *follow, int fd)
{
	struct file file;
	int found, error;

	if (follow->mark.file == 0)
		return resume_first(follow, fd);
	if (fd != -1 && file_of(fd, &file) == 0 &&
	    file.id == follow->mark.file) {
		if (mark_holds(&follow->mark, fd))
			return read_from(follow, fd, follow->mark.offset);
		close_fd(&fd);
		return give_up(follow, "truncated");
	}
	found = rotation_find(follow->path, &follow->mark);
	error = errno;
	if (found == -1 && (fd == -1 || in_doubt(follow))) {
		/* without a current file there is nothing to begin with */
		follow->doubt = fd != -1;
		close_fd(&fd);
		return FOLLOW_IDLE;
	}
	close_fd(&fd);
	if (found == -1)
		return give_up(follow, error == ENOENT    ? "rotated"
				       : error == EBADMSG ? "truncated"
							  : "unknown");
	return read_from(follow, found, follow->mark.offset);
}

/* There is no file that is read: begins with the one that has the name. */
static enum follow_result
begin(struct follow *follow)
{
	int fd;
	enum follow_result result = open_name(follow, &fd);

	if (result != FOLLOW_LINES)
		return result;
	if (follow->marked)
		return resume(follow, fd);
	return fd == -1 ? FOLLOW_IDLE : read_from(follow, fd, 0);
}

/*
 * Reads what follows position to to; and in the same call what is before it,
 * so that both are of the same file. Returns as read does; -1 with errno
 * ENODATA where what is before has changed.
 */
static ssize_t
read_after_tail(const struct follow *follow, char *to, size_t n)
{
	char tail[MARK_TAIL];
	struct iovec parts[] = {{tail, follow->tails}, {to, n}};
	ssize_t got = preadv(
	    follow->fd, parts, 2, (off_t)(follow->position - follow->tails));

	if (got == -1)
		return -1;
	if ((size_t)got >= follow->tails &&
	    memcmp(tail, follow->tail, follow->tails) == 0)
		return got - (ssize_t)follow->tails;
	errno = ENODATA;
	return -1;
}

/* Whether the file still begins as it did. */
static bool
begins_the_same(const struct follow *follow)
{
	char head[MARK_HEAD];

	return mark_read(follow->fd, head, follow->heads, 0) == 0 &&
	       memcmp(head, follow->head, follow->heads) == 0;
}

/*
 * n bytes were read at the start of the file. If it was truncated, but its
 * writer went on where it was, a hole is there: skips it. True if so.
 */
static bool
skip_hole(struct follow *follow, const char *bytes, size_t n)
{
	uint64_t at = follow->position;
	off_t data;
	size_t zeros = 0;

	if (follow->position != follow->hole)
		return false;
	while (zeros < n && bytes[zeros] == '\0')
		zeros++;
	if (zeros == 0)
		return false;
	at += zeros;
	data = lseek(follow->fd, (off_t)at, SEEK_DATA);
	if (data == -1 && errno == ENXIO)
		data = (off_t)follow->file.size; /* a hole to the end */
	if (zeros == n && data > (off_t)at)
		at = (uint64_t)data;
	follow->hole = at;
	return true;
}

/* One read; FOLLOW_IDLE at the end of the file. */
static enum follow_result
read_on(struct follow *follow)
{
	const char *end;
	size_t behind = record_behind(&follow->splitter, &end), room;
	char *to;
	ssize_t n;

	keep_tail(follow->behind, &follow->behinds, end - behind, behind);
	to = record_room(&follow->splitter, &room);
	if (to == NULL)
		return FOLLOW_FAILED;
	if (room > READ_MAX)
		room = READ_MAX;
	n = read_after_tail(follow, to, room);
	if (n == -1 && errno == EINTR)
		return FOLLOW_LINES;
	/* ESTALE is how NFS says that a file is gone */
	if (n == -1 && errno != ENODATA)
		return errno == ESTALE ? FOLLOW_IDLE : FOLLOW_FAILED;
	/* who reads one full buffer after the other only looks at the tail */
	if (n == -1 || ((size_t)n < room && !begins_the_same(follow)))
		return give_up(follow, "truncated");
	if (n == 0)
		return FOLLOW_IDLE;
	if (skip_hole(follow, to, (size_t)n))
		return read_from(follow, follow->fd, follow->hole);
	keep_head(follow, to, (size_t)n);
	keep_tail(follow->tail, &follow->tails, to, (size_t)n);
	record_filled(&follow->splitter, (size_t)n);
	follow->position += (uint64_t)n;
	return FOLLOW_LINES;
}

/* after is the next file: what fd got until now comes before it. */
static enum follow_result
leave_for(struct follow *follow, int after)
{
	if (after == follow->next)
		follow->next = -1;
	follow->after = after;
	return FOLLOW_LINES;
}

/*
 * A file came between fd and next. It is first, unless next was deleted since
 * it was opened, and was there before. What of next has a name is found by
 * it, in its turn.
 */
static enum follow_result
choose_between(struct follow *follow, int between)
{
	struct file file, next;

	if (file_of(between, &file) == -1 ||
	    file_of(follow->next, &next) == -1) {
		close_fd(&between);
		return FOLLOW_FAILED;
	}
	if (next.deleted && next.size > 0 && next.birth_ns < file.birth_ns) {
		close_fd(&between);
		return leave_for(follow, follow->next);
	}
	if (next.deleted ? next.size == 0 : !file_is_at(follow->path, &next))
		close_fd(&follow->next);
	return leave_for(follow, between);
}

/*
 * Whether fd, which has lost its name to no rotated file, was replaced by a
 * longer copy of itself, as by an editor or rsync: all that was read stands
 * there.
 */
static bool
is_copied(const struct follow *follow, int copy)
{
	static char ours[READ_MAX], its[READ_MAX];
	uint64_t at = 0;
	size_t n;

	for (; at < follow->position; at += n) {
		n = sizeof(ours);
		if (follow->position - at < n)
			n = (size_t)(follow->position - at);
		if (mark_read(follow->fd, ours, n, at) == -1 ||
		    mark_read(copy, its, n, at) == -1 ||
		    memcmp(ours, its, n) != 0)
			return false;
	}
	return at > 0;
}

/* copy is fd's: goes on there after the last line. */
static enum follow_result
go_on(struct follow *follow, int copy)
{
	if (copy == follow->next)
		follow->next = -1;
	return read_from(follow, copy, place(follow));
}

/* fd has the name now: where is it, if path holds symbolic links? */
static void
remember_home(struct follow *follow)
{
	char real[PATH_MAX];
	char *slash;

	if (realpath(follow->path, real) == NULL)
		return;
	slash = strrchr(real, '/');
	(void)strcpy(follow->base, slash + 1);
	slash[1] = '\0';
	follow->home = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Whether fd had the name, and was not renamed since: its directory was, or a
 * symbolic link leads elsewhere.
 */
static bool
is_at_home(const struct follow *follow)
{
	struct file file;

	return follow->home != -1 &&
	       file_at(follow->home, follow->base, &file) == 0 &&
	       file.id == follow->file.id;
}

/*
 * Another file has the name, open as next: which comes after fd? An empty one
 * has time: the writer may still have the old one open.
 */
static enum follow_result
choose_next(struct follow *follow)
{
	struct rotation_seen seen = {follow->seen, follow->seen_n};
	enum rotation_next result;
	struct file file;
	int after = -1;

	if (seen.n > FOLLOW_SEEN)
		seen.n = FOLLOW_SEEN;
	result = rotation_next(follow->path, follow->fd, follow->next,
	    is_at_home(follow), &seen, &after);
	if (after == -1)
		after = follow->next;
	if (file_of(follow->fd, &file) == 0 &&
	    (file.deleted || result == ROTATION_STRANGE) &&
	    is_copied(follow, after))
		return go_on(follow, after);
	if (result == ROTATION_BETWEEN)
		return choose_between(follow, after);
	if (result == ROTATION_CURRENT)
		follow->doubt_ns = 0;
	else if (in_doubt(follow))
		return FOLLOW_IDLE;
	else
		follow->lost =
		    result == ROTATION_FAILED ? "unknown" : "rotated";
	if (file_of(follow->next, &file) == -1)
		return FOLLOW_FAILED;
	if (file.size == 0) {
		/* renamed in its turn: it comes between, once it has lines */
		if (!file_is_at(follow->path, &file))
			close_fd(&follow->next);
		follow->lost = NULL;
		return follow->next == -1 ? FOLLOW_LINES : FOLLOW_IDLE;
	}
	return leave_for(follow, follow->next);
}

/* At the end of fd: does it still have the name? */
static enum follow_result
look(struct follow *follow)
{
	enum follow_result result;

	if (follow->after != -1) {
		record_ended(&follow->splitter);
		follow->ended = true;
		return FOLLOW_LINES;
	}
	if (file_is_at(follow->path, &follow->file)) {
		close_fd(&follow->next);
		follow->doubt_ns = 0;
		if (follow->home == -1)
			remember_home(follow);
		return FOLLOW_IDLE;
	}
	if (follow->next == -1) {
		result = open_name(follow, &follow->next);
		if (result != FOLLOW_LINES)
			return result;
		follow->opened++;
	}
	return follow->next == -1 ? FOLLOW_IDLE : choose_next(follow);
}

/* fd was read to its end and has no more lines: goes on with after. */
static enum follow_result
pass_on(struct follow *follow)
{
	int fd = follow->after;

	if (follow->lost != NULL)
		return give_up(follow, follow->lost);
	follow->after = -1;
	return read_from(follow, fd, 0);
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

/* The check of the place after the last line. */
static uint64_t
check(const struct follow *follow, uint64_t offset)
{
	char tail[MARK_TAIL];
	const char *end;
	size_t n = record_behind(&follow->splitter, &end), tails;
	uint64_t hash = follow->head_hash;

	if (offset < MARK_HEAD)
		hash = mark_hash(0, follow->head, (size_t)offset);
	if (n >= MARK_TAIL)
		return mark_check(hash, end - MARK_TAIL, MARK_TAIL);
	tails = follow->behinds;
	memcpy(tail, follow->behind, tails);
	keep_tail(tail, &tails, end - n, n);
	return mark_check(hash, tail, tails);
}

bool
follow_place(const struct follow *follow, struct mark *mark)
{
	*mark = (struct mark){.check = MARK_NONE};
	if (follow->fd == -1)
		return follow->marked && follow->mark.file == 0;
	mark->file = follow->file.id;
	mark->offset = place(follow);
	mark->check = check(follow, mark->offset);
	return true;
}

/* A line that ends with LF, the fast way; false where it is not so plain. */
static bool
plain_line(struct follow *follow, struct bytes *line)
{
	struct bytes rest = record_rest(&follow->splitter);
	const char *end = rest.at + rest.n, *line_end;

	if (rest.n == 0)
		return false;
	line_end = util_line_end(rest.at, end);
	if (line_end == end || *line_end != '\n' ||
	    (size_t)(line_end - rest.at) > follow->line_max)
		return false;
	*line = (struct bytes){rest.at, (size_t)(line_end - rest.at)};
	record_took(&follow->splitter, line->n + 1);
	return true;
}

bool
follow_line(struct follow *follow, struct follow_line *line)
{
	struct record record;

	if (follow->fd == -1)
		return false;
	if (!plain_line(follow, &line->bytes)) {
		if (!record_next(&follow->splitter, &record))
			return false;
		line->bytes = record.bytes;
	}
	follow->mark.offset = place(follow);
	follow->mark.check = check(follow, follow->mark.offset);
	line->mark = follow->mark;
	return true;
}
