/*
 * terminal: a signalfd for SIGWINCH, the time since the start, and JSON. input
 * reads the terminal, child starts the command.
 */
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "../json.h"
#include "../util.h"

/* How long the changed size stays, so that the command has time to see it. */
#define REDRAW_MS 100

static double
seconds(const struct terminal *terminal)
{
	return (double)(util_now_ns() - terminal->began_ns) / UTIL_SECOND_NS;
}

int
terminal_open(struct terminal *terminal, const struct child *child)
{
	sigset_t set;

	terminal->child = child;
	terminal->began_ns = util_now_ns();
	terminal->restore_ns = UTIL_NEVER;
	(void)sigemptyset(&set); /* cannot fail; nor can sigaddset */
	(void)sigaddset(&set, SIGWINCH);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -1;
	terminal->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return terminal->signals == -1 ? -1 : 0;
}

void
terminal_header(
    const struct terminal *terminal, struct frame *frame, struct bytes type)
{
	char text[128]; /* enough for the longest numbers */
	int n = snprintf(text, sizeof(text),
	    "{\"version\":2,\"width\":%d,\"height\":%d,\"time\":%.3f}",
	    terminal->child->cols, terminal->child->rows, seconds(terminal));
	struct event event = {.type = type, .data = {text, (size_t)n}};

	frame_event(frame, &event);
}

void
terminal_data(
    const struct terminal *terminal, struct frame *frame, struct bytes output)
{
	char time[64];
	int n = snprintf(time, sizeof(time), "[%.6f,\"o\",", seconds(terminal));

	frame_raw(frame, time, (size_t)n);
	json_string(frame, output);
	frame_raw(frame, "]", 1);
}

void
terminal_redraw(struct terminal *terminal)
{
	const struct child *child = terminal->child;
	struct signalfd_siginfo info;
	ssize_t n;

	do
		n = read(terminal->signals, &info, sizeof(info));
	while (n == -1 && errno == EINTR); /* EAGAIN: it was read already */
	child_resize(child, child->rows > 1 ? child->rows - 1 : 2);
	terminal->restore_ns = util_now_ns() + REDRAW_MS * INT64_C(1000000);
}

int64_t
terminal_due(const struct terminal *terminal)
{
	return terminal->restore_ns;
}

void
terminal_restore(struct terminal *terminal)
{
	child_resize(terminal->child, terminal->child->rows);
	terminal->restore_ns = UTIL_NEVER;
}
