/*
 * follow: see follow.h. What was read once is read no more: each file that
 * had the name comes in its turn, is read to its end, and left only when the
 * next one has something to read: its writer has moved on then.
 */
#define _GNU_SOURCE /* preadv */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
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
	close_fd(&follow->fd);
	follow->fd = fd;
	follow->opened++;
	follow->marked = false;
	follow->ended = false;
	follow->doubt_ns = 0;
	follow->start = follow->position = offset;
	record_free(&follow->splitter);
	if (file_of(fd, &follow->file) == -1 || load(follow, offset) == -1 ||
	    record_init(&follow->splitter, RECORD_LINE, follow->line_max) == -1)
		return -1;
	follow->seen[follow->seen_n++ % FOLLOW_SEEN] = follow->file.id;
	follow->mark.file = follow->file.id;
	if (follow->tails > 0 && follow->tail[follow->tails - 1] == '\r')
		record_after_cr(&follow->splitter);
	return 0;
}

static enum follow_result
read_from(struct follow *follow, int fd, uint64_t offset)
{
	return adopt(follow, fd, offset) == -1 ? FOLLOW_FAILED : FOLLOW_LINES;
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

/* Opens what has the name. Sets *fd, to -1 where there is none to wait for. */
static enum follow_result
open_name(struct follow *follow, int *fd)
{
	*fd = file_open(AT_FDCWD, follow->path);
	if (*fd != -1 || errno == ENOENT)
		return FOLLOW_LINES;
	/* a new file may get its owner and mode a little later */
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

int
follow_init(struct follow *follow, const char *path, size_t line_max,
    uint64_t lines, const struct mark *mark)
{
	int fd = file_open(AT_FDCWD, path);

	*follow = (struct follow){.path = path,
	    .line_max = line_max,
	    .fd = -1,
	    .next = -1,
	    .after = -1};
	if (fd == -1 && errno != ENOENT)
		return -1;
	if (mark != NULL) {
		follow->mark = *mark;
		follow->marked = true;
		close_fd(&fd);
	}
	if (fd == -1)
		return 0;
	return start_back(follow, fd, lines);
}

void
follow_free(struct follow *follow)
{
	close_fd(&follow->fd);
	close_fd(&follow->next);
	close_fd(&follow->after);
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

/* Where a viewer that comes back goes on: fd has the name, or is -1. */
static enum follow_result
resume(struct follow *follow, int fd)
{
	struct file file;
	int found, error;

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
 * Another file has the name, open as next: which comes after fd? An empty one
 * has time: the writer may still have the old one open.
 */
static enum follow_result
choose_next(struct follow *follow)
{
	struct rotation_seen seen = {follow->seen, follow->seen_n};
	struct file file;
	int between = -1;

	if (seen.n > FOLLOW_SEEN)
		seen.n = FOLLOW_SEEN;
	switch (rotation_next(
	    follow->path, follow->fd, follow->next, &seen, &between)) {
	case ROTATION_BETWEEN: return choose_between(follow, between);
	case ROTATION_CURRENT: follow->doubt_ns = 0; break;
	case ROTATION_LOST:
		if (in_doubt(follow))
			return FOLLOW_IDLE;
		follow->lost = "rotated";
		break;
	case ROTATION_FAILED:
		if (in_doubt(follow))
			return FOLLOW_IDLE;
		follow->lost = "unknown";
		break;
	}
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
		return FOLLOW_IDLE;
	}
	follow->moved = true;
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
	follow->moved = false;
	if (follow->fd == -1)
		return begin(follow);
	if (follow->ended)
		return pass_on(follow);
	result = read_on(follow);
	return result == FOLLOW_IDLE ? look(follow) : result;
}

/* The check of the place after the last line. */
static uint64_t
check(const struct follow *follow)
{
	char tail[MARK_TAIL];
	const char *end;
	size_t n = record_behind(&follow->splitter, &end), heads, tails;
	uint64_t hash = follow->head_hash;

	if (follow->mark.offset < MARK_HEAD) {
		heads = (size_t)follow->mark.offset;
		hash = mark_hash(0, follow->head, heads);
	}
	if (n >= MARK_TAIL)
		return mark_check(hash, end - MARK_TAIL, MARK_TAIL);
	tails = follow->behinds;
	memcpy(tail, follow->behind, tails);
	keep_tail(tail, &tails, end - n, n);
	return mark_check(hash, tail, tails);
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
	follow->mark.offset = follow->start + follow->splitter.offset;
	follow->mark.check = check(follow);
	line->mark = follow->mark;
	return true;
}
