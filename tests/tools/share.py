#!/usr/bin/env python3
"""share.py: many viewers of sse-share at once, for share.bats and its like.

crowd N PROGRAM    N viewers, who read to the end of their streams
churn N PROGRAM    N viewers, eight at a time, who leave after some events
storm N PROGRAM    N viewers; each time a random process is killed
herd N PROGRAM     N viewers, each with an id of its own, of a log that grows;
                   the channel is killed twice. PROGRAM follows "log", a file,
                   or for sse-redis a stream of the server at $REDIS_SOCKET
silent N PROGRAM   N connections that say nothing, at a full channel
Each viewer is a pipe, as a web server has it. What is wrong is printed,
and the exit status is 1.
"""
import os
import random
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time

MARK = ("SSE_TEST=" + os.environ["SSE_TEST"]).encode()
ENV = dict(os.environ, REQUEST_METHOD="GET")
DEADLINE = 60


class Viewer:
    """A request and what comes of it."""

    def __init__(self, options, limit=None, env=None):
        self.pipe, end = os.pipe()
        self.got = bytearray()
        self.ended = False
        self.request = subprocess.Popen(
            ["sse-share", *options], stdout=end, env=env or ENV,
            stderr=sys.stderr, preexec_fn=limit)
        os.close(end)

    def read(self, until, seconds=DEADLINE):
        """Reads until that is so, or to the end. False: time was up."""
        end = time.monotonic() + seconds
        while not self.ended and not until(self.got):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.pipe], [], [], left)[0]:
                return False
            piece = os.read(self.pipe, 65536)
            self.ended = piece == b""
            self.got += piece
        return True

    def leave(self):
        os.close(self.pipe)
        return self.request.wait(DEADLINE)


def events(n):
    return lambda got: got.count(b"\ndata: ") >= n


def fail(text):
    print(text)
    sys.exit(1)


def crowd(n, program):
    viewers = []
    for _ in range(n):
        viewers.append(Viewer(["-l", "0", "--", program]))
        if viewers[-1].request.wait(DEADLINE) != 0:
            fail("a request failed")
    print("all there", flush=True)
    # read in turns, so that no pipe stays full
    left = {viewer.pipe: viewer for viewer in viewers}
    poll = select.poll()
    for pipe in left:
        poll.register(pipe, select.POLLIN)
    while left:
        ready = poll.poll(DEADLINE * 1000)
        if not ready:
            fail("%d viewers hang" % len(left))
        for pipe, _ in ready:
            piece = os.read(pipe, 65536)
            left[pipe].got += piece
            if not piece:
                poll.unregister(pipe)
                del left[pipe]
    # those who came early get comments, on a slow machine, and a start
    start = re.compile(rb"id: [^\n]*\nevent: start\ndata: \n\n|:\n\n")
    streams = [start.sub(b"", bytes(v.got)) for v in viewers]
    for stream in streams:
        if stream != streams[0]:
            fail("viewers got different streams")
    print(streams[0].count(b"\ndata: "), "events each")


def churn(n, program):
    options = ["-l", "0", "-k", "0.5", "--", program]
    present = []
    for i in range(n):
        present.append((Viewer(options), random.randrange(1, 6)))
        if len(present) < 8 and i < n - 8:
            continue
        viewer, count = present.pop(random.randrange(len(present)))
        if not viewer.read(events(count)):
            fail("a viewer hangs: %r" % viewer.got[-200:])
        if not events(1)(viewer.got):
            fail("a viewer got nothing: %r" % viewer.got[-200:])
        if viewer.leave() != 0:
            fail("a request failed")
    for viewer, _ in present:
        viewer.leave()


def marked():
    """The processes of this test's channels, without this one."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                mine = MARK in file.read().split(b"\0")
            with open("/proc/%s/comm" % pid) as file:
                name = file.read().strip()
        except OSError:
            continue
        if mine and name in ("sse-share", "sse-counter"):
            yield int(pid)


def storm(n, program):
    options = ["-l", "0", "-k", "0.2", "--", program]
    viewers, killed = [], 0
    for _ in range(n):
        viewers.append(Viewer(options))
        time.sleep(random.choice([0, 0.001, 0.003, 0.01, 0.03]))
        pids = sorted(marked())
        if pids:
            try:
                os.kill(random.choice(pids), signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
        if len(viewers) > 6:
            viewers.pop(0).leave()
    print(killed, "killed")
    for viewer in viewers:
        count = viewer.got.count(b"\ndata: ")
        # it goes on, or it ends
        if not viewer.read(events(count + 3)):
            fail("a viewer hangs: %r" % viewer.got[-200:])
        viewer.leave()
    last = Viewer(options)
    if not last.read(events(3)) or last.ended:
        fail("the next request does not work: %r" % last.got)
    if last.leave() != 0:
        fail("the next request failed")


def silent(n, program):
    """The longest time that a viewer then is without events."""
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24))

    options = ["-K", "k", "-l", "0", "--", program]
    first = Viewer(options, limit)
    first.request.wait(DEADLINE)  # it makes the channel
    others = [Viewer(options) for _ in range(24)]
    full = [v for v in others if v.request.wait(DEADLINE) != 0]
    if not full or not first.read(events(3)):
        fail("the channel is not full")
    os.chdir(os.environ["SSE_CGI_DIR"])
    connections = []
    for _ in range(n):
        connections.append(
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        connections[-1].setblocking(False)
        connections[-1].connect("k.sock")
    longest, begun = 0, time.monotonic()
    while time.monotonic() < begun + 3:
        last = time.monotonic()
        if not first.read(events(first.got.count(b"\ndata: ") + 1)):
            fail("the first viewer hangs")
        longest = max(longest, time.monotonic() - last)
    print("longest pause: %.0f ms" % (longest * 1000))
    for viewer in [first] + others:
        viewer.leave()
    if longest > 1:
        fail("the channel stood still")


class Browser(Viewer):
    """A viewer that comes back with its id, as an EventSource does."""

    def __init__(self, options, first):
        self.id, self.data, self.options = first, [], options
        self.connect()

    def connect(self):
        self.env = dict(ENV)
        if self.id:
            self.env["HTTP_LAST_EVENT_ID"] = self.id
        super().__init__(self.options, env=self.env)

    def take(self):
        """Reads what is there. At the end of the stream it comes back."""
        piece = os.read(self.pipe, 65536)
        self.got += piece
        *whole, rest = bytes(self.got).split(b"\n\n")
        self.got = bytearray(rest)
        for frame in whole:
            fields = dict(
                line.split(b": ", 1) for line in frame.split(b"\n")
                if b": " in line)
            self.id = fields.get(b"id", self.id)
            if fields.get(b"event") == b"gap":
                fail("a gap: %r" % frame)
            if fields.get(b"data", b""):
                self.data.append(int(fields[b"data"]))
        if piece == b"":
            self.leave()
            self.connect()
        return piece != b""


def programs(name):
    n = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as file:
                mine = MARK in file.read().split(b"\0")
            with open("/proc/%s/comm" % pid) as file:
                n += mine and file.read().strip() == name
        except OSError:
            continue
    return n


def viewers_of_channels():
    """How many viewers each channel has."""
    lines = subprocess.run(
        ["sse-share", "-L"], stdout=subprocess.PIPE, check=True).stdout
    return [int(line.split(b"\t")[2]) for line in lines.splitlines()]


class Stream:
    """A Redis stream, written as a file is: an entry a line."""

    def __init__(self, path):
        self.server = socket.socket(socket.AF_UNIX)
        self.server.connect(path)
        self.lines = []

    def write(self, line):
        self.lines.append(line.strip())

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        for line in self.lines:
            self.server.sendall(b"XADD log * data %s\r\n" % line.encode())
            got = b""
            while got.count(b"\n") < 2:
                got += self.server.recv(100)
        self.lines = []


def herd(n, program):
    options = ["-l", "1", "-f", "--", *program.split(), "log"]
    # an id each: that of every line of the log
    log = Stream(os.environ["REDIS_SOCKET"]) \
        if program.startswith("sse-redis") else open("log", "w")
    log.writelines("%d\n" % i for i in range(n))
    log.flush()
    first = Viewer(["-l", "0", "--", *program.split(), "-n", str(n), "log"])
    first.read(lambda got: b"data: %d\n\n" % (n - 1) in got)
    ids = [frame.split(b"\n")[0][4:]
           for frame in bytes(first.got).split(b"\n\n")
           if frame.startswith(b"id: ") and b"\ndata: " in frame
           and b"event: start" not in frame][:n]
    first.leave()
    browsers = [Browser(options, id) for id in ids]
    poll = select.poll()
    by_pipe = {}

    def watch(browser):
        by_pipe[browser.pipe] = browser
        poll.register(browser.pipe, select.POLLIN)

    for browser in browsers:
        watch(browser)
    most, last, kills = 0, n, 2
    begun = tick = time.monotonic()
    while time.monotonic() < begun + DEADLINE:
        for pipe, _ in poll.poll(20):
            browser = by_pipe[pipe]
            if not browser.take():
                poll.unregister(pipe)
                watch(browser)
        most = max(most, programs(program.split()[0]))
        if time.monotonic() > tick + 0.1:
            tick = time.monotonic()
            log.write("%d\n" % last)
            log.flush()
            last += 1
        if viewers_of_channels() != [n] or not all(
                b.data and b.data[-1] == last - 1 for b in browsers):
            continue
        print("%d programs at most, all at home after %.1f s" % (
            most, time.monotonic() - begun))
        if kills == 0:
            break
        kills -= 1
        begun = time.monotonic()
        os.kill(channel(), signal.SIGKILL)
        for last in range(last, last + 50):
            log.write("%d\n" % last)
        log.flush()
        last += 1
    else:
        print(viewers_of_channels(), last, [b.data[-1:] for b in browsers])
        fail("not all came home: %d programs at most" % most)
    for i, browser in enumerate(browsers):
        if browser.data != list(range(i + 1, last)):
            fail("viewer %d has %r" % (i, browser.data))
        os.close(browser.pipe)
    if most > 50:
        fail("%d programs" % most)


def channel():
    """The process that is a channel, where there is only one."""
    for pid in marked():
        if os.getsid(pid) == pid:
            return pid
    return fail("there is no channel")


random.seed(4)
{"herd": herd, "crowd": crowd, "churn": churn, "storm": storm, "silent": silent}[sys.argv[1]](
    int(sys.argv[2]), sys.argv[3])
