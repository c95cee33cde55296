#!/usr/bin/env python3
"""pass-on.py COUNT SEED: random streams of 50 frames each go through
sse-cat -0 -c id,event,data | sse-pipe -0 -c id,event,data; what sse-cat -j
makes of both ends must be the same but for retry."""
import json
import random
import subprocess
import sys

count, seed = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)
print("seed", seed)

# No CR or LF, which end a line; no NUL, and in fields no TAB: those are
# replaced or left out, with a warning.
TEXTS = ["", " ", "a", "end", "start", "0", "\\0", "id: 1", ": ", "\ufeff",
         "naïve 🎉", "\u2028", "\x01\x7f", "x" * 3000, "message"]


def text(more):
    return "".join(rng.choice(TEXTS + more) for _ in range(rng.randrange(4)))


def field(name, value):
    space = "" if value and value[0] != " " and rng.random() < 0.2 else " "
    if not value and rng.random() < 0.3:
        return name
    return name + ":" + space + value


def frame():
    lines = []
    if rng.random() < 0.5:
        # an empty id, which forgets the one before, is what columns lack
        lines.append(field("id", text([]) or "7"))
    if rng.random() < 0.5:
        lines.append(field("event", text([])))
    if rng.random() < 0.1:
        lines.append("retry: %d" % rng.randrange(100000))
    if rng.random() < 0.2:
        lines.append(":" + text(["\t"]))
    if rng.random() < 0.9:
        for _ in range(rng.choice([1, 1, 1, 2, 5])):
            lines.append(field("data", text(["\t", "\t\t"])))
    rng.shuffle(lines)
    end = rng.choice(["\n", "\r", "\r\n"])
    return "".join(line + end for line in lines + [""])


def run(command, stream):
    return subprocess.run(command, shell=True, input=stream, check=True,
                          stdout=subprocess.PIPE).stdout


def events(stream):
    lines = run("sse-cat -j", stream).splitlines()
    result = [json.loads(line) for line in lines]
    for event in result:
        event.pop("retry", None)
    return result


total = 0
for number in range(count):
    # as chunks: an LF at the start after a CR at the end would be one line end
    stream = "".join(frame() + ":\n" for _ in range(50)).encode()
    passed = run("sse-cat -0 -c id,event,data | "
                 "sse-pipe -k 0 -0 -c id,event,data", stream)
    want, got = events(stream), events(passed)
    total += len(want)
    if want != got:
        for a, b in zip(want, got):
            if a != b:
                sys.exit("stream %d: %r became %r" % (number, a, b))
        sys.exit("stream %d: %d events became %d" %
                 (number, len(want), len(got)))
print(total, "events")
