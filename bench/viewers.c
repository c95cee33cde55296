/*
 * viewers: many viewers of event streams on 127.0.0.1, in one process, and
 * what each of them got: every event, in order, once, and how late. It
 * prints a line a figure; its exit status is 0 only if the counts are right.
 * answer reads what the server sends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../lib/util.h"
#include "answer.h"
#include "spread.h"

#define VIEWERS_MAX 15000
#define PATHS_MAX 16
#define PENDING_MAX 32 /* connections that wait for their header at a time */
#define READ_MAX 65536

#define STAYS_MAX 3      /* a passing viewer leaves after so many events */
#define AWHILE_MS 300    /* or, whatever came, after up to so long */
#define STAMPS_MAX 65536 /* of the last events */
#define REALTIME_MIN_NS INT64_C(1000000000000000000) /* 2001 */

struct viewer {
	struct answer answer;
	int fd; /* -1: none */
	bool deaf;
	bool passing; /* joins and leaves: */
	int stays;    /* after so many events, or 0: at leave_ns */
	const char *path;
	int64_t opened_ns;
	int64_t leave_ns;
	uint64_t last; /* number of the last event, with: */
	uint32_t head;
	uint64_t events; /* on this connection */
	bool resumes;    /* last is from an earlier connection */
	char tail[7];    /* -b: the last bytes that came */
	bool blocks;     /* something came, first at: */
	int64_t came_ns;
	uint64_t first; /* number of the first event; 0: none */
	struct viewer *next_free;
};

static struct {
	/* options */
	uint64_t viewers;
	uint64_t deaf;
	int64_t span_ns;
	int64_t patience_ns; /* before a viewer counts as hung */
	uint64_t joins;      /* a minute */
	uint64_t requests;
	uint64_t opens; /* a second */
	uint64_t least; /* events a viewer */
	const char *last_id;
	bool by_data;
	bool together;
	bool returns;
	bool ends_ok;
	bool websocket;
	bool drain;
	in_port_t port;
	const char *paths[PATHS_MAX];
	size_t n_paths;

	/* state */
	int epoll;
	struct viewer *all;
	size_t used;
	struct viewer *free;
	size_t open, pending;
	int64_t all_open_ns; /* older events' delays are the opening's; or 0 */
	uint64_t newest;     /* number that any viewer has seen */
	uint64_t random;
	int64_t stamps[STAMPS_MAX]; /* of the data with this number */

	/* results */
	uint64_t opened, events, blocks, bytes, missing, twice, disorder, late;
	uint64_t gaps, ended, refused, hung, nothing, left, resumed;
	struct spread first, delay;
} run;

static volatile sig_atomic_t told;

static void
tell(int signal)
{
	told = signal;
}

static _Noreturn void
die(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fputs("viewers: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(2);
}

/* xorshift: the same seed joins and leaves in the same way. */
static uint64_t
random_below(uint64_t n)
{
	run.random ^= run.random << 13;
	run.random ^= run.random >> 7;
	run.random ^= run.random << 17;
	return (run.random >> 11) % n;
}

static int64_t
realtime_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	return now.tv_sec * UTIL_SECOND_NS + now.tv_nsec;
}

static void
hang_up(struct viewer *viewer)
{
	struct linger abort = {1, 0};

	/* passing viewers leave in both ways, at once and with a FIN */
	if (viewer->passing && random_below(2) == 0)
		(void)setsockopt(viewer->fd, SOL_SOCKET, SO_LINGER, &abort,
		    sizeof(abort)); /* a FIN then; also well */
	if (viewer->answer.step <= ANSWER_FIELDS)
		run.pending--;
	run.open--;
	(void)close(viewer->fd); /* epoll forgets it, too */
	viewer->fd = -1;
}

static void
leave(struct viewer *viewer)
{
	hang_up(viewer);
	run.left++;
	viewer->next_free = run.free;
	run.free = viewer;
}

static void
request(struct viewer *viewer)
{
	char text[1024];
	int n;

	n = snprintf(text, sizeof(text),
	    "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s%s\r\n",
	    viewer->path, run.port,
	    run.websocket ? "Connection: Upgrade\r\nUpgrade: websocket\r\n"
			    "Sec-WebSocket-Version: 13\r\n"
			    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    : run.drain   ? "Connection: close\r\n"
			  : "Accept: text/event-stream\r\n",
	    viewer->answer.last_id[0] ? "Last-Event-ID: " : "",
	    viewer->answer.last_id, viewer->answer.last_id[0] ? "\r\n" : "");
	if (n < 0 || (size_t)n >= sizeof(text))
		die("%s: too long", viewer->path);
	/* a new connection has room for it; a lost one is seen when read */
	(void)send(viewer->fd, text, (size_t)n, MSG_NOSIGNAL);
}

static void
connect_viewer(struct viewer *viewer)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(run.port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event want = {.events = EPOLLIN, .data.ptr = viewer};
	int small = 4096;

	viewer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (viewer->fd == -1)
		die("socket: %s", strerror(errno));
	if (viewer->deaf)
		(void)setsockopt(viewer->fd, SOL_SOCKET, SO_RCVBUF, &small,
		    sizeof(small)); /* else it is deaf a little later */
	viewer->opened_ns = util_now_ns();
	/* Blocks, on loopback only while the server's backlog is full. */
	if (connect(viewer->fd, (struct sockaddr *)&to, sizeof(to)) == -1)
		die("connect: %s", strerror(errno));
	answer_init(&viewer->answer);
	viewer->events = 0;
	viewer->blocks = false;
	request(viewer);
	run.open++;
	run.pending++;
	if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, viewer->fd, &want) == -1)
		die("epoll_ctl: %s", strerror(errno));
}

static struct viewer *
open_viewer(bool deaf, bool passing)
{
	struct viewer *viewer = run.free;

	if (viewer != NULL)
		run.free = viewer->next_free;
	else if (run.used < VIEWERS_MAX)
		viewer = &run.all[run.used++];
	else
		die("more than %d viewers", VIEWERS_MAX);
	*viewer = (struct viewer){.deaf = deaf, .passing = passing};
	if (run.last_id != NULL) {
		(void)snprintf(viewer->answer.last_id,
		    sizeof(viewer->answer.last_id), "%s", run.last_id);
		viewer->resumes = answer_id(run.last_id, strlen(run.last_id),
		    &viewer->last, &viewer->head);
	}
	viewer->path = run.paths[random_below(run.n_paths)];
	if (passing && run.requests == 0) {
		viewer->stays = (int)random_below(STAYS_MAX + 1);
		viewer->leave_ns =
		    util_now_ns() +
		    (int64_t)random_below(AWHILE_MS) * (UTIL_SECOND_NS / 1000);
	}
	connect_viewer(viewer);
	run.opened++;
	return viewer;
}

/* Whether number follows what the viewer had; the first may be any. */
static void
check(struct viewer *viewer, uint64_t number, uint32_t head)
{
	bool follows = viewer->events > 0 || viewer->resumes;

	if (!follows || head != viewer->head) {
		if (follows)
			run.disorder++;
	} else if (number == viewer->last) {
		run.twice++;
	} else if (number < viewer->last) {
		run.disorder++;
	} else {
		run.missing += number - viewer->last - 1;
	}
	viewer->head = head;
	viewer->last = number;
	if (number > run.newest)
		run.newest = number;
}

static void
take_block(void *to, const struct answer_block *block)
{
	struct viewer *viewer = to;
	int64_t now_ns = util_now_ns();

	if (!viewer->blocks) {
		spread_add(&run.first, now_ns - viewer->opened_ns);
		viewer->came_ns = now_ns;
	}
	viewer->blocks = true;
	run.blocks++;
	run.gaps += block->gap;
	if (block->end || (run.by_data ? !block->data_digits : !block->id))
		return;
	if (run.by_data)
		check(viewer, block->data_n, 0);
	else
		check(viewer, block->id_n, block->id_head);
	if (viewer->events++ == 0 && !viewer->resumes)
		viewer->first = block->data_n;
	run.events++;
	run.stamps[block->data_n % STAMPS_MAX] = block->stamp_ns;
	if (run.all_open_ns == 0 || block->stamp_ns < run.all_open_ns)
		return;
	if (block->stamp_ns > REALTIME_MIN_NS)
		spread_add(&run.delay, realtime_ns() - block->stamp_ns);
	else
		spread_add(&run.delay, now_ns - block->stamp_ns);
}

static bool
refused(const struct viewer *viewer)
{
	return viewer->answer.status != 200 && viewer->answer.status != 101;
}

/* The server has ended the stream, or answered something else. */
static void
stream_ended(struct viewer *viewer)
{
	if (refused(viewer))
		run.refused++;
	else
		run.ended++;
	if (run.returns && !refused(viewer)) {
		hang_up(viewer);
		viewer->resumes = viewer->resumes || viewer->events > 0;
		connect_viewer(viewer);
		run.resumed++;
		return;
	}
	if (viewer->events < run.least && !refused(viewer))
		run.nothing++;
	leave(viewer);
}

/*
 * -b: whether the last chunk has come, an empty one. A server that keeps the
 * connection after it would seem slower than it is.
 */
static bool
is_drained(struct viewer *viewer, const char *bytes, size_t n)
{
	const size_t most = sizeof(viewer->tail);
	size_t new = n < most ? n : most;

	memmove(viewer->tail, viewer->tail + new, most - new);
	memcpy(viewer->tail + most - new, bytes + n - new, new);
	return viewer->answer.chunked &&
	       memcmp(viewer->tail, "\r\n0\r\n\r\n", most) == 0;
}

static void
read_viewer(struct viewer *viewer)
{
	static char bytes[READ_MAX];
	bool header = viewer->answer.step <= ANSWER_FIELDS;
	ssize_t n;

	n = recv(viewer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		stream_ended(viewer);
		return;
	}
	run.bytes += (uint64_t)n;
	if (run.drain && !header) {
		if (is_drained(viewer, bytes, (size_t)n))
			stream_ended(viewer);
		return;
	}
	if (answer_feed(
		&viewer->answer, bytes, (size_t)n, take_block, viewer) == -1)
		die("status %d: no event stream", viewer->answer.status);
	if (header && viewer->answer.step > ANSWER_FIELDS)
		run.pending--;
	if (viewer->deaf && viewer->answer.step > ANSWER_FIELDS)
		(void)epoll_ctl(run.epoll, EPOLL_CTL_DEL, viewer->fd, NULL);
	else if (viewer->answer.step == ANSWER_OVER ||
		 (viewer->answer.step > ANSWER_FIELDS && refused(viewer)))
		stream_ended(viewer);
	else if (viewer->passing &&
		 (run.requests > 0
			 ? viewer->blocks
			 : viewer->stays > 0 &&
			       viewer->events >= (uint64_t)viewer->stays))
		leave(viewer);
}

/* Reads what has come until until_ns, once at least. */
static void
wait_until(int64_t until_ns)
{
	struct epoll_event ready[256];
	int64_t wait_ns = until_ns - util_now_ns();
	int n;

	wait_ns = wait_ns < 0 ? 0 : wait_ns;
	n = epoll_wait(run.epoll, ready, 256,
	    (int)((wait_ns + 999999) / (UTIL_SECOND_NS / 1000)));
	if (n == -1 && errno != EINTR)
		die("epoll_wait: %s", strerror(errno));
	for (int i = 0; i < n; i++)
		read_viewer(ready[i].data.ptr);
}

/* Hangs up on the passing viewers whose time has come, and on the hung. */
static void
sweep(int64_t now_ns)
{
	static int64_t next_ns;

	if (now_ns < next_ns)
		return;
	next_ns = now_ns + UTIL_SECOND_NS / 100;
	for (size_t i = 0; i < run.used; i++) {
		struct viewer *viewer = &run.all[i];

		if (viewer->fd == -1)
			continue;
		if (viewer->passing && viewer->stays == 0 &&
		    run.requests == 0) {
			if (now_ns >= viewer->leave_ns)
				leave(viewer);
		} else if ((viewer->passing || !viewer->blocks) &&
			   now_ns - viewer->opened_ns > run.patience_ns) {
			run.hung++;
			leave(viewer);
		}
	}
}

/* Opens the viewers that stay, a few at a time; tells when all are there. */
static void
open_all(void)
{
	int64_t next_ns = util_now_ns(), step_ns;

	step_ns = run.opens > 0 ? UTIL_SECOND_NS / (int64_t)run.opens : 0;
	for (uint64_t i = 0; i < run.viewers + run.deaf && !told; i++) {
		(void)open_viewer(i < run.deaf, false);
		next_ns += step_ns;
		do {
			wait_until(run.opens > 0 ? next_ns : 0);
			sweep(util_now_ns());
		} while (run.pending >= PENDING_MAX ||
			 (run.opens > 0 && util_now_ns() < next_ns));
	}
	while (run.pending > 0 && !told) {
		wait_until(util_now_ns() + UTIL_SECOND_NS / 10);
		sweep(util_now_ns());
	}
	run.all_open_ns = util_now_ns();
	printf("open %zu\n", run.open);
	(void)fflush(stdout); /* who reads it sees at the end what failed */
}

/* Viewers join for some events or a while until end_ns. */
static void
join_and_leave(int64_t end_ns)
{
	int64_t step_ns = 60 * UTIL_SECOND_NS / (int64_t)run.joins;
	int64_t next_ns = util_now_ns(), now_ns;

	while ((now_ns = util_now_ns()) < end_ns && !told) {
		if (now_ns >= next_ns) {
			(void)open_viewer(false, true);
			next_ns += step_ns / 2 +
				   (int64_t)random_below((uint64_t)step_ns);
		}
		now_ns += UTIL_SECOND_NS / 100;
		wait_until(next_ns < now_ns ? next_ns : now_ns);
		sweep(util_now_ns());
	}
}

/* One viewer after the other, each as far as its first block. */
static void
one_by_one(void)
{
	struct viewer *viewer;

	for (uint64_t i = 0; i < run.requests && !told; i++) {
		viewer = open_viewer(false, true);
		while (viewer->fd != -1) {
			wait_until(util_now_ns() + UTIL_SECOND_NS);
			sweep(util_now_ns());
		}
	}
}

/* Whether a viewer still has to get something. */
static bool
any_waits(uint64_t target)
{
	for (size_t i = 0; i < run.used; i++) {
		const struct viewer *viewer = &run.all[i];

		if (viewer->fd == -1 || viewer->deaf)
			continue;
		if (viewer->passing || viewer->events < run.least ||
		    (run.together && viewer->last < target))
			return true;
	}
	return false;
}

/*
 * Whether a viewer missed an event that was made when it had got something
 * already; the data's stamps tell, where there are some.
 */
static bool
came_late(const struct viewer *viewer)
{
	return run.together && viewer->first > 1 &&
	       run.stamps[(viewer->first - 1) % STAMPS_MAX] > viewer->came_ns;
}

/*
 * All that passed have left, and all that stay have what was sent until
 * now; or they have not, and that counts.
 */
static void
finish(void)
{
	uint64_t target = run.newest;
	int64_t end_ns = util_now_ns() + run.patience_ns;

	while (any_waits(target) && util_now_ns() < end_ns && !run.drain) {
		wait_until(util_now_ns() + UTIL_SECOND_NS / 100);
		sweep(util_now_ns());
	}
	for (size_t i = 0; i < run.used; i++) {
		const struct viewer *viewer = &run.all[i];

		if (viewer->fd == -1 || viewer->deaf)
			continue;
		run.late += came_late(viewer);
		if (viewer->passing)
			run.hung++;
		else if (viewer->events < run.least && !run.drain)
			run.nothing++;
		else if (run.together && viewer->last < target)
			run.missing += target - viewer->last;
	}
}

static double
cpu_seconds(void)
{
	struct rusage spent;

	(void)getrusage(RUSAGE_SELF, &spent); /* cannot fail */
	return (double)(spent.ru_utime.tv_sec + spent.ru_stime.tv_sec) +
	       (double)(spent.ru_utime.tv_usec + spent.ru_stime.tv_usec) / 1e6;
}

static int
report(int64_t wall_ns)
{
	const struct {
		const char *name;
		uint64_t n;
		bool wrong;
	} lines[] = {
	    {"viewers", run.opened, false},
	    {"events", run.events, false},
	    {"blocks", run.blocks, false},
	    {"bytes", run.bytes, false},
	    {"left", run.left, false},
	    {"resumed", run.resumed, false},
	    {"gaps", run.gaps, false},
	    {"ended", run.ended, !run.ends_ok && !run.returns},
	    {"missing", run.missing, true},
	    {"twice", run.twice, true},
	    {"disorder", run.disorder, true},
	    {"late", run.late, true},
	    {"refused", run.refused, true},
	    {"hung", run.hung, true},
	    {"nothing", run.nothing, true},
	};
	int wrong = 0;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		printf("%s %ju\n", lines[i].name, (uintmax_t)lines[i].n);
		if (lines[i].wrong && lines[i].n > 0)
			wrong = 1;
	}
	spread_print(&run.first, "first");
	spread_print(&run.delay, "delay");
	printf(
	    "wall_s %.6f\ncpu_s %.3f\n", (double)wall_ns / 1e9, cpu_seconds());
	if (run.opened == 0)
		wrong = 1;
	return fflush(stdout) == 0 ? wrong : 2;
}

static const char help[] =
    "usage: viewers [OPTION ...] PORT PATH ...\n"
    "  -n VIEWERS   that stay (1; 0 with -j or -o)\n"
    "  -s SECONDS   after all are open (5)\n"
    "  -p SECONDS   before a viewer counts as hung (30)\n"
    "  -d DEAF      so many more that stop reading after the header\n"
    "  -j JOINS     a minute: viewers that leave after 1 to 3 events, or a\n"
    "               moment after they came; by seed -x\n"
    "  -o COUNT     requests one after the other, left at their first frame\n"
    "  -r RATE      opens a second (as fast as the server answers)\n"
    "  -e EVENTS    that a viewer has got at the end at least (1)\n"
    "  -l ID        Last-Event-ID of the first request; events go on there\n"
    "  -D           events are numbered by their data, not by their ids\n"
    "  -t           all see the same events: none misses the last, nor, by "
    "the\n"
    "               stamps in the data, the first\n"
    "  -R           comes back with Last-Event-ID when a stream ends\n"
    "  -E           a stream may end\n"
    "  -b           count the bytes only, and go when all streams ended\n"
    "  -w           WebSocket messages\n"
    "  -x SEED\n"
    "Data that begins with a number and a clock's nanoseconds (realtime or\n"
    "monotonic) gives delays. SIGTERM ends it as -s does.\n";

static uint64_t
number(uint64_t min, uint64_t max)
{
	uint64_t n;

	if (util_number(optarg, min, max, &n) == -1)
		die("'%s': not a number of %ju to %ju", optarg, (uintmax_t)min,
		    (uintmax_t)max);
	return n;
}

static int64_t
seconds(void)
{
	int64_t ns;

	if (util_seconds(optarg, 0, INT64_MAX / 2, &ns) == -1)
		die("'%s': no seconds", optarg);
	return ns;
}

static void
parse_options(int argc, char *argv[])
{
	bool stay = false;
	int option;

	while (
	    (option = getopt(argc, argv, "n:s:p:d:j:o:r:e:l:DtREbwx:")) != -1) {
		switch (option) {
		case 'n':
			run.viewers = number(0, VIEWERS_MAX);
			stay = true;
			break;
		case 's': run.span_ns = seconds(); break;
		case 'p': run.patience_ns = seconds(); break;
		case 'd': run.deaf = number(0, VIEWERS_MAX / 2); break;
		case 'j': run.joins = number(1, 1000000); break;
		case 'o': run.requests = number(1, 1000000); break;
		case 'r': run.opens = number(1, 1000000); break;
		case 'e': run.least = number(0, UINT32_MAX); break;
		case 'l': run.last_id = optarg; break;
		case 'D': run.by_data = true; break;
		case 't': run.together = true; break;
		case 'R': run.returns = true; break;
		case 'E': run.ends_ok = true; break;
		case 'b':
			run.drain = run.ends_ok = true;
			run.least = 0;
			break;
		case 'w': run.websocket = run.by_data = true; break;
		case 'x': run.random += number(0, UINT32_MAX); break;
		default: fputs(help, stderr); exit(2);
		}
	}
	if (!stay && (run.joins > 0 || run.requests > 0))
		run.viewers = 0;
	if (argc - optind < 2 || argc - optind > PATHS_MAX + 1) {
		fputs(help, stderr);
		exit(2);
	}
	optarg = argv[optind++];
	run.port = (in_port_t)number(1, 65535);
	while (optind < argc)
		run.paths[run.n_paths++] = argv[optind++];
}

static void
prepare(void)
{
	struct sigaction action = {.sa_handler = tell};

	(void)sigaction(SIGTERM, &action, NULL); /* a signal that exists */
	(void)sigaction(SIGINT, &action, NULL);
	run.all = calloc(VIEWERS_MAX, sizeof(*run.all));
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run.all == NULL || run.epoll == -1)
		die("%s", strerror(errno));
}

int
main(int argc, char *argv[])
{
	int64_t start_ns, end_ns;

	run.viewers = 1;
	run.span_ns = 5 * UTIL_SECOND_NS;
	run.patience_ns = 30 * UTIL_SECOND_NS;
	run.least = 1;
	run.random = 88172645463325252;
	parse_options(argc, argv);
	prepare();

	start_ns = util_now_ns();
	open_all();
	end_ns = util_now_ns() + run.span_ns;
	if (run.requests > 0)
		one_by_one();
	else if (run.joins > 0)
		join_and_leave(end_ns);
	else
		while (util_now_ns() < end_ns && !told &&
		       (run.open > 0 || !run.ends_ok))
			wait_until(run.drain
				       ? end_ns
				       : util_now_ns() + UTIL_SECOND_NS / 100);
	finish();
	return report(util_now_ns() - start_ns);
}
