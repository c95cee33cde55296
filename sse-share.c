/*
 * sse-share: one process for all viewers. Each request hands its stdout over
 * to the channel, a process that runs PROGRAM once, and is done; the first
 * one starts it. What the channel does stands in lib/channel.c, where they
 * meet in lib/meet.c.
 */
#define _GNU_SOURCE /* NSIG, _PATH_LOG */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/channel.h"
#include "lib/hand.h"
#include "lib/meet.h"
#include "lib/stream.h"
#include "lib/util.h"

#define RING_DEFAULT (1 << 20)
#define LINGER_DEFAULT_NS (10 * UTIL_SECOND_NS)
#define REPLAY_MAX UINT64_C(1000000000)
#define MEET_MS 10000  /* for the lock, and for a channel's answer */
#define LIST_MS 2000   /* likewise, with -L */
#define VISIT_MS 20000 /* for one channel after the other that ends */
#define PUMP_SIZE 16384

struct share {
	struct stream stream;
	struct meet meet;
	struct channel_setup setup;
	char key[MEET_KEY_MAX + 1];
	uint64_t replay;
	bool in_place; /* -f */
	bool list;     /* -L */
	int viewer;    /* the descriptor that is handed over */
	int pump;      /* the other end of it, where we stay; or -1 */
};

static const struct option options[] = {
    {"replay", required_argument, NULL, 'n'},
    {"bytes", required_argument, NULL, 'b'},
    {"linger", required_argument, NULL, 'l'},
    {"key", required_argument, NULL, 'K'},
    {"further", no_argument, NULL, 'f'},
    {"list", no_argument, NULL, 'L'},
    STREAM_LONG_OPTIONS,
    {NULL, 0, NULL, 0},
};

static const struct program program = {
    .usage = "[-n REPLAY] [-b BYTES] [-l SECONDS] [-K KEY] [-f] [-r MS] "
	     "[-k SECONDS] [-A NAME] [-m SECONDS] [-O ORIGIN] [-H FIELD] [--] "
	     "PROGRAM "
	     "[ARG ...] | "
	     "-L",
    .help =
	"Runs PROGRAM, a CGI program that streams, once for all viewers.\n"
	"  -n, --replay REPLAY      a new viewer gets the last REPLAY events "
	"(0)\n"
	"  -b, --bytes BYTES        of events are kept (1048576)\n"
	"  -l, --linger SECONDS     PROGRAM ends so long after the last "
	"viewer (10)\n"
	"  -K, --key KEY            the channel's name (a digest of PROGRAM)\n"
	"  -f, --further            PROGRAM alone resumes what is not kept\n"
	"  -L, --list               list channels: key, program, viewers,\n"
	"                           events, bytes, age in seconds\n",
    .letters = STREAM_LETTERS "n:b:l:K:fL",
    .options = options,
    .methods = CGI_GET | CGI_HEAD,
};

/* For channel_run's say, which has no parameter for it. */
static const struct stream *log_stream;

static void
say_to_stderr(const char *text)
{
	stream_warn(log_stream, "%s", text);
}

/*
 * A datagram of our own (RFC 3164), to which the log adds the time: syslog(3)
 * brings calendar and time zones, a fifth of the static program.
 */
static void
say_to_syslog(const char *text)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
	char line[1024];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)snprintf(line, sizeof(line), "<%d>sse-share[%ju]: %s",
	    LOG_DAEMON | LOG_WARNING, (uintmax_t)getpid(), text);
	for (char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	/* where there is no log, or it is full, there is nobody to tell */
	(void)sendto(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL,
	    (struct sockaddr *)&to, sizeof(to));
	if (fd != -1)
		(void)close(fd);
}

/* FNV-1a of text with its NUL, going on from digest. */
static uint64_t
digest_of(uint64_t digest, const char *text)
{
	do {
		digest ^= (unsigned char)*text;
		digest *= UINT64_C(0x100000001b3);
	} while (*text++ != '\0');
	return digest;
}

/*
 * PROGRAM's name, and a digest of it, its arguments and the folder that they
 * are meant in: a relative path is another program elsewhere.
 */
static void
make_key(struct share *share)
{
	char *const *command = share->setup.command;
	const char *slash = strrchr(command[0], '/');
	const char *name = slash != NULL ? slash + 1 : command[0];
	char folder[PATH_MAX];
	uint64_t digest = UINT64_C(0xcbf29ce484222325);
	size_t n;

	digest = digest_of(
	    digest, getcwd(folder, sizeof(folder)) == NULL ? "" : folder);
	for (char *const *word = command; *word != NULL; word++)
		digest = digest_of(digest, *word);
	name += strspn(name, ".");
	n = strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz"
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-_");
	if (n > MEET_KEY_MAX - 17)
		n = MEET_KEY_MAX - 17;
	(void)snprintf(share->key, sizeof(share->key), "%.*s-%016jx", (int)n,
	    name, (uintmax_t)digest);
}

static void
parse_options(struct share *share, int argc, char *argv[])
{
	struct stream *stream = &share->stream;
	struct channel_setup *setup = &share->setup;
	int option;

	while ((option = stream_option(stream, argc, argv)) != -1) {
		switch (option) {
		case 'n':
			share->replay =
			    stream_number(stream, 'n', 0, REPLAY_MAX);
			break;
		case 'b':
			setup->ring_size = stream_number(
			    stream, 'b', CHANNEL_RING_MIN, CHANNEL_RING_MAX);
			break;
		case 'l':
			setup->linger_ns = stream_seconds(stream, 'l', true);
			break;
		case 'K':
			if (!meet_key_ok(optarg))
				stream_refuse(stream, 500, STREAM_USAGE,
				    "-K '%.100s': not up to %d of 0-9 A-Z a-z "
				    ". - _ without a dot first",
				    optarg, MEET_KEY_MAX);
			setup->key = optarg;
			break;
		case 'f': share->in_place = true; break;
		case 'L': share->list = true; break;
		}
	}
	if (stream->event != NULL)
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-e: event types are PROGRAM's own");
	setup->command = argv + optind;
	if (share->list && (optind < argc || stream->request.served))
		stream_refuse(stream, 500, STREAM_USAGE,
		    "-L: it stands alone, and in a shell");
	if (!share->list && optind == argc)
		stream_refuse(
		    stream, 500, STREAM_USAGE, "a PROGRAM is missing");
}

static void
complete_setup(struct share *share)
{
	struct stream *stream = &share->stream;
	struct channel_setup *setup = &share->setup;
	struct stat is;

	if (setup->key == NULL) {
		make_key(share);
		setup->key = share->key;
	}
	setup->meet = &share->meet;
	setup->beat_ns = stream->beat_ns;
	setup->beat = stream->beat;
	setup->limit_ns = stream->limit_ns;
	setup->retry_ms = stream->retry_ms;
	setup->extra = stream->header;
	setup->extras = stream->headers;
	setup->origins = &stream->origins;
	/* a web server reads other kinds to their end, and that of CGI */
	setup->keep_stderr =
	    isatty(STDERR_FILENO) ||
	    (fstat(STDERR_FILENO, &is) == 0 && S_ISREG(is.st_mode));
	setup->say = setup->keep_stderr ? say_to_stderr : say_to_syslog;
	log_stream = stream;
}

static _Noreturn void
refuse_meeting(struct share *share)
{
	if (util_scarce(errno) && !share->list)
		stream_send_back(&share->stream, STREAM_FAILURE,
		    "socket directory: %s", strerror(errno));
	if (errno == EPERM)
		stream_refuse(&share->stream, 500, STREAM_FAILURE,
		    "meeting place %s: not a folder of mode 0700 that belongs "
		    "to user %ju alone",
		    share->meet.path, (uintmax_t)geteuid());
	stream_refuse(&share->stream, 500, STREAM_FAILURE,
	    "meeting place %s: %s", share->meet.path, strerror(errno));
}

/* -L: a line of each channel that answers. */
static void
list_channel(const struct meet *meet, const char *key, void *to)
{
	struct share *share = to;
	struct hand_message message = {.flags = HAND_LIST};
	char line[HAND_LINE_MAX];
	int fd = meet_connect(meet, key, LIST_MS);

	if (fd == -1)
		return;
	if (hand_send(fd, &message, -1) == 0 && hand_wait_line(fd, line) == 0)
		frame_raw(&share->stream.frame, line, strlen(line));
	(void)close(fd);
}

static int
list_channels(struct share *share)
{
	if (meet_each(&share->meet, list_channel, share) == -1)
		refuse_meeting(share);
	return stream_close(&share->stream);
}

/*
 * Where a web server waits for the end of a pipe or a socket, that is handed
 * over. In a shell, or where the process is the connection, this one stays:
 * it hands over a pipe and passes on what comes out.
 */
static int
open_viewer(struct share *share)
{
	const struct cgi_request *request = &share->stream.request;
	struct stat is;
	int ends[2];

	share->viewer = STDOUT_FILENO;
	share->pump = -1;
	if (fstat(STDOUT_FILENO, &is) == -1)
		return -1;
	if (request->served && !request->nph &&
	    (S_ISFIFO(is.st_mode) || S_ISSOCK(is.st_mode)))
		return 0;
	if (pipe(ends) == -1 || fcntl(ends[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(ends[1], F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	share->pump = ends[0];
	share->viewer = ends[1];
	return 0;
}

/* The lock is ours and there is no channel: makes one. Returns 0, or -1. */
static int
start_channel(struct share *share)
{
	pid_t pid;

	if (meet_listen(&share->meet, share->setup.key, &share->setup.socket) ==
	    -1)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (channel_run(&share->setup) == 0)
			_exit(EXIT_SUCCESS);
		share->setup.say(strerror(errno));
		_exit(STREAM_FAILURE);
	}
	(void)close(share->setup.socket.fd);
	return pid == -1 ? -1 : 0;
}

/*
 * A connection to the channel, which is started where there is none, unless
 * only_old. Returns -1 with errno.
 */
static int
find_channel(struct share *share, bool only_old)
{
	const struct meet *meet = &share->meet;
	const char *key = share->setup.key;
	int fd = meet_connect(meet, key, MEET_MS), lock, error;

	if (fd != -1 || errno != ENOENT || only_old)
		return fd;
	lock = meet_lock(meet, MEET_MS);
	if (lock == -1)
		return -1;
	fd = meet_connect(meet, key, MEET_MS);
	if (fd == -1 && errno == ENOENT && start_channel(share) == 0)
		fd = meet_connect(meet, key, MEET_MS);
	error = errno;
	meet_unlock(lock);
	errno = error;
	return fd;
}

/* Brings the viewer to the channel. The answer, or HAND_LOST. */
static enum hand_answer
hand_over(struct share *share, int fd)
{
	const char *id = share->stream.request.last_event_id;
	struct hand_message message = {.replay = share->replay};
	size_t n = strlen(id);

	message.flags = (uint32_t)origin_find(&share->stream.origins,
			    share->stream.request.origin)
			<< HAND_ORIGIN_SHIFT;
	if (share->stream.request.nph)
		message.flags |= HAND_NPH;
	if (share->in_place)
		message.flags |= HAND_IN_PLACE;
	/* too long for an id that is known, but an id all the same */
	message.id_n = (uint32_t)(n < HAND_ID_MAX ? n : HAND_ID_MAX);
	memcpy(message.id, id, message.id_n);
	if (hand_send(fd, &message, share->viewer) == -1)
		return errno == EAGAIN ? HAND_LATE : HAND_LOST;
	return hand_wait(fd);
}

/* -f: PROGRAM has this viewer for itself. Returns only on failure. */
static int
run_in_place(struct share *share)
{
	struct stream *stream = &share->stream;
	char *const *command = share->setup.command;
	const char *id = stream->request.last_event_id;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL); /* fails for SIGKILL and SIGSTOP */
	/* a request can set this variable, and programs trust it */
	if (unsetenv("HTTP_PROXY") == -1 ||
	    setenv("HTTP_LAST_EVENT_ID", id, 1) == -1)
		stream_refuse(
		    stream, 500, STREAM_FAILURE, "%s", strerror(errno));
	(void)execvp(command[0], command);
	stream_refuse(stream, 500, errno == ENOENT ? 127 : 126, "%s: %s",
	    command[0], strerror(errno));
}

/* Passes on what the channel sends, as long as somebody wants it. */
static int
pump(struct share *share)
{
	struct stream *stream = &share->stream;
	char bytes[PUMP_SIZE];
	ssize_t n = 1;

	(void)close(share->viewer);
	if (loop_catch(SIGTERM) == -1 || loop_catch(SIGINT) == -1 ||
	    loop_catch(SIGHUP) == -1 ||
	    loop_watch(&stream->loop, share->pump, POLLIN) == -1)
		return STREAM_FAILURE;
	while (n != 0 && stream_wait(stream) == LOOP_INPUT) {
		n = read(share->pump, bytes, sizeof(bytes));
		if (n > 0)
			frame_raw(&stream->frame, bytes, (size_t)n);
		else if (n == -1 && errno != EINTR)
			break;
	}
	return stream_close(stream);
}

/*
 * Finds a channel that takes the viewer: one that ends in this moment turns
 * it away, and the next one is tried. Returns the exit status.
 */
static int
visit(struct share *share)
{
	struct stream *stream = &share->stream;
	int64_t until_ns = util_now_ns() + VISIT_MS * INT64_C(1000000);
	bool ended = strcmp(stream->request.last_event_id, "end") == 0;
	bool further =
	    share->in_place && *stream->request.last_event_id != '\0';
	enum hand_answer answer = HAND_LOST;
	int wait_ms = 1, fd;

	/* until then there is nothing that a signal could spoil */
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	while (answer == HAND_LOST && util_now_ns() < until_ns) {
		fd = find_channel(share, ended || further);
		if (fd == -1 && errno == ENOENT && ended)
			return stream_no_content(stream);
		if (fd == -1 && errno == ENOENT && further)
			return run_in_place(share);
		if (fd == -1 && errno == EAGAIN)
			break;
		if (fd == -1)
			refuse_meeting(share);
		answer = hand_over(share, fd);
		(void)close(fd);
		if (answer != HAND_LOST)
			break;
		(void)poll(NULL, 0, wait_ms);
		if (wait_ms < 64)
			wait_ms *= 2;
	}
	switch (answer) {
	case HAND_TAKEN: return share->pump == -1 ? EXIT_SUCCESS : pump(share);
	case HAND_UNKNOWN: return run_in_place(share);
	default:
		stream_send_back(stream, STREAM_FAILURE,
		    "channel %s: no answer within %d s", share->setup.key,
		    VISIT_MS / 1000);
	}
}

int
main(int argc, char *argv[])
{
	static struct share share; /* zero: its buffer is not in the file */
	struct stream *stream = &share.stream;

	/* Options. */
	share.setup.ring_size = RING_DEFAULT;
	share.setup.linger_ns = LINGER_DEFAULT_NS;
	argc = stream_init(stream, &program, argc, argv);
	parse_options(&share, argc, argv);

	/* Request: HEAD needs no channel. */
	stream_request(stream);
	if (!share.list && stream->request.method == CGI_HEAD) {
		(void)stream_open(stream);
		return stream_close(stream);
	}

	/* Meeting place. */
	if (meet_open(&share.meet) == -1)
		refuse_meeting(&share);
	if (share.list)
		return list_channels(&share);
	complete_setup(&share);
	if (stream_set_path() == -1)
		stream_send_back(stream, STREAM_FAILURE, "%s", strerror(errno));

	/* Viewer: handed over, or passed on to. */
	if (open_viewer(&share) == -1) {
		if (util_scarce(errno))
			stream_send_back(
			    stream, STREAM_FAILURE, "%s", strerror(errno));
		stream_refuse(
		    stream, 500, STREAM_FAILURE, "%s", strerror(errno));
	}
	return visit(&share);
}
