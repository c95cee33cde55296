#include "answer.h"

#include <string.h>
#include <strings.h>

struct feed {
	struct answer *answer;
	const char *at;
	const char *end;
	answer_each *each;
	void *to;
};

void
answer_init(struct answer *answer)
{
	char last_id[sizeof(answer->last_id)];

	memcpy(last_id, answer->last_id, sizeof(last_id));
	*answer = (struct answer){.step = ANSWER_STATUS};
	memcpy(answer->last_id, last_id, sizeof(last_id));
}

/* The digits at text, as far as end; *text is moved behind them. */
static bool
digits(const char **text, const char *end, uint64_t *number)
{
	const char *at = *text;

	for (*number = 0; at < end && *at >= '0' && *at <= '9'; at++)
		*number = *number * 10 + (uint64_t)(*at - '0');
	if (at == *text)
		return false;
	*text = at;
	return true;
}

bool
answer_id(const char *id, size_t n, uint64_t *number, uint32_t *head)
{
	const char *end = id + n, *tail = end;

	while (tail > id && tail[-1] >= '0' && tail[-1] <= '9')
		tail--;
	*head = 2166136261; /* FNV-1a */
	for (const char *at = id; at < tail; at++)
		*head = (*head ^ (unsigned char)*at) * 16777619;
	return digits(&tail, end, number);
}

static void
take_id(struct answer *answer, const char *value, size_t n)
{
	struct answer_block *block = &answer->block;
	if (n > ANSWER_ID_MAX)
		return;
	memcpy(answer->last_id, value, n);
	answer->last_id[n] = '\0';
	block->id = answer_id(value, n, &block->id_n, &block->id_head);
}

static void
take_data(struct answer *answer, const char *value, size_t n)
{
	struct answer_block *block = &answer->block;
	const char *at = value, *end = value + n;
	uint64_t stamp;

	if (block->data)
		return; /* not its first line */
	block->data = true;
	block->data_digits = digits(&at, end, &block->data_n);
	if (block->data_digits && at < end && *at++ == ' ' &&
	    digits(&at, end, &stamp))
		block->stamp_ns = (int64_t)stamp;
}

static void
dispatch(struct feed *feed)
{
	struct answer *answer = feed->answer;

	if (answer->fields)
		feed->each(feed->to, &answer->block);
	answer->fields = false;
	answer->block = (struct answer_block){0};
}

/* A line of the event stream, without its end. */
static void
take_line(struct feed *feed, const char *line, size_t n)
{
	struct answer *answer = feed->answer;

	if (n == 0) {
		dispatch(feed);
		return;
	}
	answer->fields = true;
	if (n >= 6 && memcmp(line, "data: ", 6) == 0)
		take_data(answer, line + 6, n - 6);
	else if (n >= 5 && memcmp(line, "data:", 5) == 0)
		take_data(answer, line + 5, n - 5);
	else if (n >= 4 && memcmp(line, "id: ", 4) == 0)
		take_id(answer, line + 4, n - 4);
	else if (n >= 3 && memcmp(line, "id:", 3) == 0)
		take_id(answer, line + 3, n - 3);
	else if (n == 10 && memcmp(line, "event: gap", 10) == 0)
		answer->block.gap = true;
	else if (n == 10 && memcmp(line, "event: end", 10) == 0)
		answer->block.end = true;
}

/* A line of the header. Returns -1 where it is none. */
static int
take_header(struct answer *answer, const char *line, size_t n)
{
	static const char chunked[] = "Transfer-Encoding: chunked";

	if (answer->step == ANSWER_STATUS) {
		if (n < 12 || memcmp(line, "HTTP/1.", 7) != 0)
			return -1;
		for (size_t i = 9; i < 12; i++)
			answer->status = answer->status * 10 + line[i] - '0';
		answer->step = ANSWER_FIELDS;
	} else if (n == 0) {
		answer->step = answer->status == 101 ? ANSWER_MESSAGE
			       : answer->chunked     ? ANSWER_SIZE
						     : ANSWER_BODY;
	} else if (n == sizeof(chunked) - 1 &&
		   strncasecmp(line, chunked, n) == 0) {
		answer->chunked = true;
	}
	return 0;
}

static void
keep(struct answer *answer, const char *bytes, size_t n)
{
	if (n > ANSWER_LINE_MAX - answer->carried)
		n = ANSWER_LINE_MAX - answer->carried;
	memcpy(answer->carry + answer->carried, bytes, n);
	answer->carried += n;
}

/*
 * The next line as far as end, its beginning perhaps from earlier. Returns
 * its first byte, or NULL where its end has not come.
 */
static const char *
next_line(struct feed *feed, const char *end, size_t *n)
{
	struct answer *answer = feed->answer;
	const char *line = feed->at;
	const char *lf = memchr(line, '\n', (size_t)(end - line));

	if (lf == NULL) {
		keep(answer, line, (size_t)(end - line));
		feed->at = end;
		return NULL;
	}
	feed->at = lf + 1;
	*n = (size_t)(lf - line);
	if (answer->carried > 0) {
		keep(answer, line, *n);
		line = answer->carry;
		*n = answer->carried;
		answer->carried = 0;
	}
	if (*n > 0 && line[*n - 1] == '\r')
		--*n;
	return line;
}

/* The stream's bytes as far as end. */
static void
feed_body(struct feed *feed, const char *end)
{
	const char *line;
	size_t n;

	while (feed->at < end && (line = next_line(feed, end, &n)) != NULL)
		take_line(feed, line, n);
}

static const char *
up_to_left(const struct feed *feed)
{
	if ((uint64_t)(feed->end - feed->at) > feed->answer->left)
		return feed->at + feed->answer->left;
	return feed->end;
}

static void
feed_chunk(struct feed *feed)
{
	const char *end = up_to_left(feed);

	feed->answer->left -= (uint64_t)(end - feed->at);
	feed_body(feed, end);
	if (feed->answer->left == 0)
		feed->answer->step = ANSWER_CHUNK_END;
}

/* A byte of a line with a chunk's size in hexadecimal. */
static int
feed_size(struct feed *feed)
{
	static const char hex[] = "0123456789abcdef0123456789ABCDEF";
	struct answer *answer = feed->answer;
	const char *found;

	if (*feed->at == '\n') {
		feed->at++;
		answer->step = answer->left > 0 ? ANSWER_CHUNK : ANSWER_OVER;
		return 0;
	}
	if (*feed->at == '\r') {
		feed->at++;
		return 0;
	}
	found = memchr(hex, *feed->at++, sizeof(hex) - 1);
	if (found == NULL)
		return -1;
	answer->left = answer->left * 16 + (uint64_t)(found - hex) % 16;
	return 0;
}

static void
feed_chunk_end(struct feed *feed)
{
	if (*feed->at++ == '\n')
		feed->answer->step = ANSWER_SIZE;
}

/* A message's header of 2, 4 or 10 bytes (RFC 6455 section 5.2), unmasked. */
static int
feed_message(struct feed *feed)
{
	struct answer *answer = feed->answer;
	unsigned char *head = (unsigned char *)answer->carry;
	size_t need = 2;

	keep(answer, feed->at++, 1);
	if (answer->carried >= 2 && head[1] >= 126)
		need = head[1] == 126 ? 4 : 10;
	if (answer->carried < need)
		return 0;
	if (head[1] > 127 || (head[0] != 0x81 && head[0] != 0x82))
		return -1; /* masked, or neither text nor binary */
	answer->left = need == 2 ? head[1] : 0;
	for (size_t i = 2; i < need; i++)
		answer->left = answer->left << 8 | head[i];
	answer->carried = 0;
	answer->step = ANSWER_PAYLOAD;
	return 0;
}

static void
feed_payload(struct feed *feed)
{
	struct answer *answer = feed->answer;
	const char *end = up_to_left(feed);

	answer->left -= (uint64_t)(end - feed->at);
	keep(answer, feed->at, (size_t)(end - feed->at));
	feed->at = end;
	if (answer->left > 0)
		return;
	take_data(answer, answer->carry, answer->carried);
	answer->fields = true;
	answer->carried = 0;
	answer->step = ANSWER_MESSAGE;
	dispatch(feed);
}

static int
feed_header(struct feed *feed)
{
	const char *line;
	size_t n;

	line = next_line(feed, feed->end, &n);
	return line == NULL ? 0 : take_header(feed->answer, line, n);
}

int
answer_feed(struct answer *answer, const char *bytes, size_t n,
    answer_each *each, void *to)
{
	struct feed feed = {answer, bytes, bytes + n, each, to};
	int error = 0;

	while (feed.at < feed.end && error == 0) {
		switch (answer->step) {
		case ANSWER_STATUS:
		case ANSWER_FIELDS: error = feed_header(&feed); break;
		case ANSWER_BODY: feed_body(&feed, feed.end); break;
		case ANSWER_SIZE: error = feed_size(&feed); break;
		case ANSWER_CHUNK: feed_chunk(&feed); break;
		case ANSWER_CHUNK_END: feed_chunk_end(&feed); break;
		case ANSWER_MESSAGE: error = feed_message(&feed); break;
		case ANSWER_PAYLOAD: feed_payload(&feed); break;
		case ANSWER_OVER: return 0;
		}
	}
	return error;
}
