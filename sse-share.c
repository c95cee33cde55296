/*
 * sse-share: runs PROGRAM once for all viewers. Each request hands its stdout
 * over to the channel, a process that runs PROGRAM, and exits; the first
 * request starts the channel. The channel is in lib/share/channel, the
 * directory of its socket in lib/share/sockdir. lib/share/door serves requests
 * without a CGI process.
 */
#define _GNU_SOURCE /* pipe2, _PATH_LOG */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/proc.h"
#include "lib/program.h"
#include "lib/share/broker.h"
#include "lib/share/channel.h"
#include "lib/share/door.h"
#include "lib/share/environment.h"
#include "lib/share/handover.h"
#include "lib/share/script.h"
#include "lib/share/sockdir.h"
#include "lib/util.h"

#define RING_DEFAULT (1 << 20)
#define LINGER_DEFAULT_NS (10 * UTIL_SECOND_NS)
#define REPLAY_MAX UINT64_C(1000000000)
#define LIST_MS 2000 /* for an answer, with -L */
#define PUMP_SIZE 16384

struct share {
	struct stream stream;
	struct channel_setup setup;
	struct broker broker;
	struct door door;
	int script; /* result of script_arguments */
	int pump;   /* the pipe's read end, if this process copies; or -1 */
	struct sockdir sockdir;
	bool list; /* -L */
	bool quit; /* -Q */
	char key[SOCKDIR_KEY_MAX + 1];
};

static const struct program program = {
    .about = "Runs PROGRAM, a CGI program that streams, once for all viewers.",
    .operands = "[--] PROGRAM [ARG ...] | -L | -Q [KEY ...]",
    .options =
	{
	    {'n', "replay", "REPLAY",
		"a new viewer gets the last REPLAY events (0)"},
	    {'b', "bytes", "BYTES", "size of the ring of events (1048576)"},
	    {'l', "linger", "SECONDS",
		"PROGRAM runs on without viewers (10; 0: not)"},
	    {'K', "key", "KEY",
		"the channel's name (a digest of all that\n"
		"PROGRAM gets)"},
	    {'f', "further", NULL,
		"PROGRAM resumes if an id is not in the ring"},
	    {'g', "gather", "SECONDS",
		"join the events of this time (0: at once)"},
	    {'L', "list", NULL,
		"list channels: key, program, viewers,\n"
		"events, bytes, age in seconds"},
	    {'Q', "quit", NULL, "end channels: all, or those with a KEY"},
	},
    .notes =
	"If standard input is a listening socket: serves SCGI and HTTP there.",
    .without = "e", /* event types are PROGRAM's own */
    .methods = CGI_GET | CGI_HEAD,
};

/* The channel's log, if stderr is kept. */
static void
log_to_stderr(void *stream, const char *text)
{
	program_warn(stream, "%s", text);
}

/*
 * Sends a datagram (RFC 3164), to which the log adds the time: syslog(3) would
 * add calendar and time zones, a fifth of the static program.
 */
static void
log_to_syslog(void *stream, const char *text)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
	char line[1024];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)stream;
	(void)snprintf(line, sizeof(line), "<%d>sse-share[%ju]: %s",
	    LOG_DAEMON | LOG_WARNING, (uintmax_t)getpid(), text);
	util_no_controls(line);
	/* if there is no log, or it is full, the line is lost */
	(void)sendto(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL,
	    (struct sockaddr *)&to, sizeof(to));
	proc_close(&fd);
}

/*
 * Makes PROGRAM's environment, and the key: PROGRAM's name, and a digest of all
 * that it gets, so that different programs have different channels.
 */
static int
make_key(struct share *share)
{
	struct channel_setup *setup = &share->setup;
	const char *program_name = setup->command[share->script ? 1 : 0];
	const char *slash = strrchr(program_name, '/');
	const char *name = slash != NULL ? slash + 1 : program_name;
	char digest[ENVIRONMENT_DIGEST_N + 1];
	size_t n;

	setup->environment = environment_make();
	if (setup->environment == NULL)
		return -1;
	if (setup->key != NULL)
		return 0; /* -K */
	if (environment_digest(setup->command, setup->environment, digest) ==
	    -1)
		return -1;
	name += strspn(name, ".");
	n = strspn(name, SOCKDIR_KEY_BYTES);
	if (n > SOCKDIR_KEY_MAX - ENVIRONMENT_DIGEST_N - 1)
		n = SOCKDIR_KEY_MAX - ENVIRONMENT_DIGEST_N - 1;
	(void)snprintf(share->key, sizeof(share->key), "%.*s-%s", (int)n, name,
	    digest); /* it fits */
	setup->key = share->key;
	return 0;
}

static void
parse_options(struct share *share, int argc, char *argv[])
{
	struct stream *stream = &share->stream;
	struct channel_setup *setup = &share->setup;
	int option;

	while ((option = program_option(stream, argc, argv)) != -1) {
		switch (option) {
		case 'n':
			share->broker.message.replay =
			    program_number(stream, 'n', 0, REPLAY_MAX);
			break;
		case 'b':
			setup->ring_size = program_number(
			    stream, 'b', CHANNEL_RING_MIN, CHANNEL_RING_MAX);
			break;
		case 'l':
			setup->linger_ns = program_seconds(stream, 'l', true);
			break;
		case 'g':
			setup->gather_ns = program_seconds(stream, 'g', true);
			break;
		case 'K':
			if (!sockdir_key_ok(optarg))
				program_refuse(stream, PROGRAM_USAGE,
				    "-K '%.100s': not up to %d of 0-9 A-Z a-z "
				    ". - _ without a dot first",
				    optarg, SOCKDIR_KEY_MAX);
			setup->key = optarg;
			break;
		case 'f':
			share->broker.message.flags |= HANDOVER_FURTHER;
			break;
		case 'L': share->list = true; break;
		case 'Q': share->quit = true; break;
		}
	}
	setup->command = argv + optind;
	if ((share->list || share->quit) && stream->request.served)
		program_refuse(
		    stream, PROGRAM_USAGE, "-L and -Q: they are for a shell");
	if (share->list && (share->quit || optind < argc))
		program_refuse(stream, PROGRAM_USAGE, "-L: it stands alone");
	if (!share->list && !share->quit && optind == argc)
		program_refuse(stream, PROGRAM_USAGE, "a PROGRAM is missing");
}

static void
complete_setup(struct share *share)
{
	struct stream *stream = &share->stream;
	struct channel_setup *setup = &share->setup;
	struct stat st;

	if (proc_set_path() == -1 || make_key(share) == -1)
		program_send_back(stream, PROGRAM_FAILURE, "start:");
	setup->sockdir = &share->sockdir;
	setup->keepalive_ns = stream->keepalive_ns;
	setup->keepalive = stream->keepalive;
	setup->limit_ns = stream->limit_ns;
	setup->retry_ms = stream->retry_ms;
	setup->extra = stream->header;
	setup->extras = stream->headers;
	setup->origins = &stream->origins;
	/* a web server would wait for EOF on any other kind */
	setup->keep_stderr =
	    isatty(STDERR_FILENO) ||
	    (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode));
	setup->log.write = setup->keep_stderr ? log_to_stderr : log_to_syslog;
	setup->log.to = stream;
}

/*
 * Viewers are told to come back: the fault of the socket directory may be
 * fixed, and may be another user's (everybody can write to /tmp).
 */
static _Noreturn void
refuse_sockdir(struct share *share)
{
	static const char *const format = "socket directory %s: %s";
	struct stream *stream = &share->stream;
	const char *path = share->sockdir.path, *why = strerror(errno);

	if (errno == SOCKDIR_UNFIT)
		why = "it must be a directory of mode 0700 that belongs to "
		      "this user; SSE_CGI_DIR names another one";
	else if (errno == SOCKDIR_STRANGER)
		why = "a process of another user answers at a socket in it";
	if (share->list || share->quit)
		program_refuse(stream, PROGRAM_FAILURE, format, path, why);
	program_send_back(stream, PROGRAM_FAILURE, format, path, why);
}

/* -L: prints the line of a channel, if it answers. */
static void
list_channel(const struct sockdir *sockdir, const char *key, void *to)
{
	struct share *share = to;
	struct handover_message message = {.flags = HANDOVER_LIST};
	char line[HANDOVER_LINE_MAX];
	int fd = sockdir_connect(sockdir, key, LIST_MS);

	if (fd != -1 && handover_send(fd, &message, -1) == 0 &&
	    handover_wait_line(fd, line) == 0)
		frame_text(&share->stream.frame, line);
	proc_close(&fd);
}

/* -Q: ends a channel; waits until it has ended. */
static void
quit_channel(const struct sockdir *sockdir, const char *key, void *to)
{
	struct share *share = to;
	struct handover_message message = {.flags = HANDOVER_QUIT};
	int fd = sockdir_connect(sockdir, key, BROKER_MS);
	bool ended = false;

	/* one in the directory may have ended; one that was named must run */
	if (fd == -1 && errno == ENOENT && *share->setup.command == NULL)
		return;
	if (fd == -1 || handover_send(fd, &message, -1) == -1)
		program_warn(&share->stream, "channel %s:", key);
	else if (handover_wait(fd) != HANDOVER_LOST)
		program_warn(&share->stream, "channel %s: no answer", key);
	else
		ended = true;
	share->stream.failed |= !ended;
	proc_close(&fd);
}

/* -L and -Q: all channels, or with -Q those that are named. */
static int
ask_channels(struct share *share)
{
	char *const *key = share->setup.command;

	if (*key == NULL &&
	    sockdir_each(&share->sockdir,
		share->list ? list_channel : quit_channel, share) == -1)
		refuse_sockdir(share);
	for (; *key != NULL; key++)
		if (sockdir_key_ok(*key))
			quit_channel(&share->sockdir, *key, share);
		else
			program_refuse(&share->stream, PROGRAM_USAGE,
			    "-Q '%.100s': that is no key", *key);
	return program_end(&share->stream);
}

/*
 * A web server's pipe or socket is handed over, as the server reads it to EOF,
 * and so is a client's own connection. In a shell, or if the server passes on
 * the output of an nph- program, this process stays: it hands over a pipe, and
 * copies the pipe's output to stdout.
 */
static int
open_viewer(struct share *share)
{
	const struct cgi_request *request = &share->stream.request;
	struct stat st;
	int ends[2];

	share->broker.viewer = STDOUT_FILENO;
	share->pump = -1;
	if (fstat(STDOUT_FILENO, &st) == -1)
		return -1;
	if (request->nph ? proc_is_network(STDOUT_FILENO)
			 : request->served &&
			       (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		return 0;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	share->pump = ends[0];
	share->broker.viewer = ends[1];
	return 0;
}

/* Passes on what the channel sends, until the reader leaves. */
static int
pump(struct share *share)
{
	struct stream *stream = &share->stream;
	char bytes[PUMP_SIZE];
	ssize_t n;

	(void)close(share->broker.viewer);
	if (loop_catch(SIGTERM) == -1 || loop_catch(SIGINT) == -1 ||
	    loop_catch(SIGHUP) == -1 ||
	    loop_watch(&stream->loop, share->pump, POLLIN) == -1)
		return PROGRAM_FAILURE;
	while (stream_wait(stream) == LOOP_INPUT &&
	       (n = read(share->pump, bytes, sizeof(bytes))) > 0)
		frame_raw(&stream->frame, bytes, (size_t)n);
	return program_end(stream);
}

/* There is nothing that a signal could spoil: it ends this process at once. */
static void
end_at_signals(void)
{
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
}

/* Hands the viewer over to its channel. Returns the exit status. */
static int
visit(struct share *share)
{
	struct stream *stream = &share->stream;
	struct broker *broker = &share->broker;

	broker->setup = &share->setup;
	broker->last_event_id = stream->request.last_event_id;
	broker->message.flags |= door_flags(stream);
	end_at_signals(); /* until pump */
	switch (broker_bring(broker)) {
	case BROKER_TAKEN:
		return share->pump == -1 ? EXIT_SUCCESS : pump(share);
	case BROKER_ENDED: return program_no_content(stream);
	case BROKER_FULL:
		program_send_back(stream, PROGRAM_FAILURE,
		    "channel %s: it has no room", share->setup.key);
	case BROKER_FAILED: refuse_sockdir(share);
	default:
		errno = broker->error;
		program_send_back(stream, PROGRAM_FAILURE,
		    errno == 0 ? "channel %s: no answer" : "channel %s:",
		    share->setup.key);
	}
}

/* In a child of door: one viewer that no channel has taken at once. */
static void
visit_from_door(void *to)
{
	struct share *share = to;

	if (sockdir_open(&share->sockdir) == -1)
		refuse_sockdir(share);
	share->broker.viewer = STDOUT_FILENO;
	share->pump = -1;
	exit(visit(share));
}

/* Serves requests at standard input, a listening socket. */
static _Noreturn void
keep_door(struct share *share)
{
	complete_setup(share);
	/* here a client half-closes its connection only to leave */
	share->broker.message.flags |= HANDOVER_HALF;
	share->door.stream = &share->stream;
	share->door.key = share->setup.key;
	share->door.message = share->broker.message;
	share->door.visit = visit_from_door;
	share->door.to = share;
	end_at_signals();
	(void)door_serve(&share->door, STDIN_FILENO);
	program_refuse(&share->stream, PROGRAM_FAILURE, "listening socket:");
}

int
main(int argc, char *argv[])
{
	static struct share share; /* zero: takes no room in the file */
	struct stream *stream = &share.stream;
	int error;

	share.setup.ring_size = RING_DEFAULT;
	share.setup.linger_ns = LINGER_DEFAULT_NS;
	share.script = script_arguments(&argc, &argv);
	error = errno;
	argc = program_init(stream, &program, argc, argv);
	if (share.script == -1)
		program_refuse(stream, PROGRAM_USAGE, "its first line: %s",
		    error == EMSGSIZE ? "longer than 1023 bytes"
				      : strerror(error));
	parse_options(&share, argc, argv);

	/* Requests: one, or those that come to a door. */
	if (!share.list && !share.quit && !stream->request.served &&
	    door_listens(STDIN_FILENO))
		keep_door(&share);
	program_request(stream);
	/* HEAD needs no channel */
	if (!share.list && !share.quit && stream->request.method == CGI_HEAD) {
		(void)stream_open(stream);
		return program_end(stream);
	}

	if (sockdir_open(&share.sockdir) == -1)
		refuse_sockdir(&share);
	if (share.list || share.quit)
		return ask_channels(&share);
	complete_setup(&share);

	if (open_viewer(&share) == -1)
		program_fail(stream, PROGRAM_FAILURE, "start");
	return visit(&share);
}
