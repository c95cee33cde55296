#!/usr/bin/env python3
"""publish.py VIEWERS MESSAGES SCRIPT: eight shells append MESSAGES to the file
"news", which is renamed half-way, while viewers of SCRIPT come and go. Each
must have each message once, in the file's order. A viewer is a pipe, as a web
server has it."""
import hashlib
import os
import random
import re
import select
import subprocess
import sys
import time

VIEWERS, MESSAGES, SCRIPT = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
SHELLS = 8
DEADLINE = 60 + MESSAGES / 200
SHELL = """i=0
while [ $i -lt %d ]; do
    i=$((i + 1))
    printf 'said\\t%%s %%s\\n' "$0" $i >>news
    [ $((i %% 20)) -ne 0 ] || sleep 0.05
    [ $0/$i != 0/%d ] || mv news news.1
done"""
DATA = re.compile(rb"\ndata: ([^\n]+)\n")
ID = re.compile(rb"id: ([^\n]+)\n")


def fail(text):
    print(text)
    sys.exit(1)


class Viewer:
    def __init__(self):
        self.id, self.count, self.hash = None, 0, hashlib.sha1()
        self.request = None

    def come(self):
        env = dict(os.environ, REQUEST_METHOD="GET")
        if self.id:
            env["HTTP_LAST_EVENT_ID"] = self.id
        self.pipe, end = os.pipe()
        self.rest = b""
        self.request = subprocess.Popen([SCRIPT], stdout=end, env=env,
                                        stdin=subprocess.DEVNULL)
        os.close(end)

    def go(self):
        os.close(self.pipe)
        gone.append(self.request)

    def read(self):
        """Returns whether the stream goes on."""
        piece = os.read(self.pipe, 65536)
        *whole, self.rest = (self.rest + piece).rsplit(b"\n\n", 1)
        whole = b"".join(whole) + b"\n"
        if b"\nevent: gap\n" in whole:
            fail("a gap: %r" % whole)
        last = ID.match(whole, whole.rfind(b"\nid: ") + 1)
        if last:
            self.id = last[1]
        said = DATA.findall(whole)
        self.count += len(said)
        self.hash.update(b"".join(text + b"\n" for text in said))
        return piece != b""


random.seed()
open("news", "w").close()
viewers = [Viewer() for _ in range(VIEWERS)]
poll = select.poll()
by_pipe = {}
gone = []  # their requests, which may wait in the channel
visits = 0


def come(viewer):
    global visits
    viewer.come()
    by_pipe[viewer.pipe] = viewer
    poll.register(viewer.pipe, select.POLLIN)
    visits += 1


def turn():
    gone[:] = [request for request in gone if request.poll() is None]
    for pipe, _ in poll.poll(100):
        viewer = by_pipe[pipe]
        if viewer.read() and random.random() > 0.1:
            continue
        poll.unregister(pipe)
        del by_pipe[pipe]
        viewer.go()
        come(viewer)


def until(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        turn()
        if time.monotonic() > end:
            fail("not in time: " + what())


def behind():
    return [v.count for v in viewers if v.count != MESSAGES]


for viewer in viewers:
    come(viewer)
until(lambda: all(v.id for v in viewers), lambda: "a place for each viewer")
each = MESSAGES // SHELLS
shells = [subprocess.Popen(["sh", "-c", SHELL % (each, each / 2), str(n)])
          for n in range(SHELLS)]
until(lambda: all(s.poll() is not None for s in shells), lambda: "the shells")
until(lambda: not behind(), lambda: "%d viewers have of %d: %r" % (
    len(behind()), MESSAGES, behind()[:5]))
expected = hashlib.sha1()
for name in ["news.1", "news"]:
    with open(name, "rb") as file:
        for line in file:
            expected.update(line.partition(b"\t")[2])
for viewer in viewers:
    if viewer.hash.digest() != expected.digest():
        fail("a viewer has another order")
    viewer.go()
print("%d messages, %d viewers, %d visits" % (MESSAGES, VIEWERS, visits))
