#!/usr/bin/env python3
"""mux.py SECONDS REDIS-SOCKET [share]: sse-mux with random kills.

A viewer of two logs that rotate, a Redis stream, a shared counter and a job
with an end leaves and comes back at random, and processes are killed at random:
the sources', sse-mux, and with "share" the channel of sse-share before it. Each
event of each source that can resume must come once, in order. Works in the
current directory; what is wrong is printed, and the exit status is 1.
"""
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time

SECONDS = float(sys.argv[1])
REDIS = sys.argv[2]
SHARED = sys.argv[3:] == ["share"]
MARK = ("SSE_TEST=" + os.environ["SSE_TEST"]).encode()
VICTIMS = {"sse-tail", "sse-redis", "sse-pipe", "sse-counter", "sse-share",
           "sse-mux"}
STEPS = int(SECONDS * 4)
JOB = """echo run >>runs
exec sse-pipe -c id,event,data -- sh -c '
i=${HTTP_LAST_EVENT_ID:-0}
while [ "$i" -lt %d ]; do
	i=$((i + 1))
	printf "%%s\\tjob\\t%%s\\n" "$i" "$i"
	sleep 0.1
done
printf "end\\tend\\t0\\n"'""" % STEPS
SOURCES = ["exec sse-tail -n all -e a a.log", "exec sse-tail -n all -e b b.log",
           "exec sse-redis -u unix:%s -n 1000000 -e redis s" % REDIS,
           "exec sse-share -l 5 -K counter -- sse-counter -i 0.05 -e count",
           JOB]
COMMAND = (["sse-share", "-l", "1", "-K", "mux", "-f", "--"] if SHARED else [])
COMMAND += ["sse-mux", *SOURCES]
written = {"a": 0, "b": 0, "redis": 0}
stop = threading.Event()


def append(name, got):
    """Writes a log, and rotates it now and then, once the viewer has a place."""
    while not stop.wait(random.random() / 20):
        with open(name + ".log", "a") as log:
            for _ in range(random.choice((1, 1, 1, 30))):
                written[name] += 1
                print(written[name], file=log)
        if name in got and random.random() < 0.01:
            for i in range(40, 0, -1):
                old = "%s.log.%d" % (name, i - 1) if i > 1 else name + ".log"
                if os.path.exists(old):
                    os.rename(old, "%s.log.%d" % (name, i))


def add():
    """Adds to the Redis stream."""
    redis = socket.socket(socket.AF_UNIX)
    redis.connect(REDIS)
    while not stop.wait(random.random() / 20):
        written["redis"] += 1
        redis.sendall(b"XADD s * data %d\r\n" % written["redis"])
        redis.recv(1000)


def processes():
    """Those that the test started, by their marks: pid and name."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/environ" % pid, "rb") as text:
                if MARK not in text.read().split(b"\0"):
                    continue
            with open("/proc/%s/comm" % pid) as text:
                yield int(pid), text.read().strip()
        except OSError:
            pass


def kill(kills):
    """Kills one at random, now and then."""
    while not stop.wait(random.uniform(0.2, 1.5)):
        some = [one for one in processes() if one[1] in VICTIMS]
        if some:
            pid, name = random.choice(some)
            kills[name] = kills.get(name, 0) + 1
            try:
                os.kill(pid, 9)
            except OSError:
                pass


class Viewer:
    """An EventSource: keeps its last event id and what each type brought."""

    def __init__(self):
        self.id = ""
        self.got = {}
        self.visits = 0

    def take(self, frame):
        kind, data = "message", []
        for line in frame.split("\n"):
            name, _, value = line.partition(": ")
            if name == "id":
                self.id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data.append(value)
        if kind == "gap":
            name = "count" if data[0].startswith("4 ") else "gap"
            self.got.setdefault(name, []).append("gap " + data[0])
        elif data and kind != "start":
            self.got.setdefault(kind, []).append("\n".join(data))

    def visit(self, seconds, until):
        """Looks for so long, or until that is so; then leaves."""
        env = dict(os.environ, REQUEST_METHOD="GET", HTTP_LAST_EVENT_ID=self.id)
        pipe, end = os.pipe()
        mux = subprocess.Popen(COMMAND, stdout=end, env=env,
                               stderr=open("stderr", "a"))
        os.close(end)
        self.visits += 1
        text, header = b"", False
        leave = time.monotonic() + seconds
        while time.monotonic() < leave and not until(self.got):
            if not select.select([pipe], [], [], 0.1)[0]:
                continue
            piece = os.read(pipe, random.choice((10, 1000, 65536)))
            if not piece:
                break
            text += piece
            if not header and b"\r\n\r\n" in text:
                header = True
                text = text.split(b"\r\n\r\n", 1)[1]
            while header and b"\n\n" in text:
                frame, text = text.split(b"\n\n", 1)
                self.take(frame.decode())
        os.close(pipe)
        mux.wait(60)


def complete(got):
    return (all(len(got.get(name, ())) >= written[name] for name in written)
            and "5.end" in got)


def check(viewer, runs):
    """What is wrong, as lines."""
    got = viewer.got
    expected = dict(written, job=STEPS)
    for name, last in expected.items():
        want = [str(i + 1) for i in range(last)]
        if got.get(name) == want:
            continue
        have = got.get(name, [])
        at = next((i for i, pair in enumerate(zip(have, want))
                   if pair[0] != pair[1]), min(len(have), len(want)))
        yield "%s: %d events, not %d; after %s comes %s" % (
            name, len(have), last, have[max(0, at - 2):at], have[at:at + 3])
    if got.get("5.end") != ["0"]:
        yield "the job's end: %s" % got.get("5.end")
    # a process that was killed before its header is told, and nothing is lost
    gaps = [gap for gap in got.get("gap", ()) if not gap.endswith("no stream")]
    if gaps:
        yield "gaps: %s" % gaps[:9]
    before = 0
    for text in got.get("count", ()):
        number = 0 if text.startswith("gap") else int(text)
        if number <= before and number != 0:
            yield "count: %d after %d" % (number, before)
        before = number
    # a channel of sse-share begins the job for those who come new
    if not SHARED and len(open("runs").readlines()) > runs:
        yield "the job was run again after its end"


def main():
    viewer, kills, runs = Viewer(), {}, None
    writers = [threading.Thread(target=append, args=("a", viewer.got)),
               threading.Thread(target=append, args=("b", viewer.got)),
               threading.Thread(target=add),
               threading.Thread(target=kill, args=(kills,))]
    for writer in writers:
        writer.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        viewer.visit(random.choice((0.1, 1, 5)), lambda got: False)
        if runs is None and "5.end" in viewer.got:
            runs = len(open("runs").readlines())
    stop.set()
    for writer in writers:
        writer.join()
    end = time.monotonic() + 60 + STEPS / 5
    while time.monotonic() < end and not complete(viewer.got):
        viewer.visit(30, complete)
    if runs is None:
        runs = len(open("runs").readlines())
    viewer.visit(2, lambda got: False)
    wrong = list(check(viewer, runs))
    end = time.monotonic() + 30
    while time.monotonic() < end and any(n in VICTIMS for _, n in processes()):
        time.sleep(0.1)
    wrong += ["left: %d %s" % one for one in processes() if one[1] in VICTIMS]
    print("events %s, visits %d, kills %s" % (
        {name: len(all) for name, all in sorted(viewer.got.items())},
        viewer.visits, kills))
    for line in wrong:
        print(line)
    sys.exit(1 if wrong else 0)


main()
