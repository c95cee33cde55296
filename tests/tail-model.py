#!/usr/bin/env python3
"""sse-tail against a model: random logs, random viewers.

usage: tail-model.py PROGRAM MODE SECONDS [SEED]

Each run writes numbered lines to a log that is rotated, truncated and deleted
at random, while a viewer comes and goes. Its lines must be those that were
written, in their order, each once; where some are missing a gap must stand,
and only where there was a reason for one. MODE is inotify or stat. A failure
prints its seed, with which the run is repeated alone.
"""

import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

DEADLINE = 60


class Wrong(Exception):
    """The viewer got what it must not get, or did not get what it must."""


class Life:
    """What a file held from its creation, or truncation, to its end."""

    def __init__(self):
        self.lines = []
        self.half = ''
        self.destroyed = False  # while it had the log's name
        self.pruned = False     # as an old log


class Log:
    """The log and its writer, which holds it open."""

    def __init__(self, rng, folder):
        self.rng = rng
        self.folder = folder
        self.path = os.path.join(folder, 'log')
        self.naming = rng.choice(['shift', 'shift', 'up', 'date'])
        self.old = []       # (path, life), the oldest first
        self.rotations = 0
        self.number = 0
        self.lives = []     # in the order in which they were written
        self.fd = -1
        self.life = None    # of what the writer has open
        self.named = None   # of what has the name
        self.losses = 0
        self.reopen()

    def reopen(self):
        self.tick()
        if self.fd != -1:
            os.close(self.fd)
        if self.life not in (None, self.named) and self.life.half:
            # it will never get its end
            self.life.lines.append(self.life.half)
            self.life.half = ''
        if self.named is None:
            self.named = Life()
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                          0o644)
        if self.life is not self.named:
            self.life = self.named
            self.lives.append(self.life)

    def tick(self):
        """Only times tell that numbers count up: there must be some."""
        if self.naming == 'up':
            time.sleep(0.012)

    def text(self):
        self.number += 1
        more = self.rng.choice([0, 0, 3, 40, 300])
        return '%d:%s' % (self.number, 'x' * more)

    def describe(self):
        names = sorted(os.listdir(self.folder))
        return '%d lines; %s%s' % (self.number, ', '.join(
            '%s %d' % (name, os.stat(os.path.join(self.folder, name)).st_size)
            for name in names), '' if self.life is self.named else
            '; the writer has another')

    def append(self, count):
        # what the writer has open may be old, or gone: it does not know
        out = ''
        for _ in range(count):
            text = '' if self.life.half else self.text()
            line = self.life.half + text + ('end' if self.life.half else '')
            out += line[len(self.life.half):] + self.rng.choice(
                ['\n', '\n', '\n', '\r\n'])
            self.life.half = ''
            self.life.lines.append(line)
        os.write(self.fd, out.encode())

    def half(self):
        if self.life.half:
            return
        self.life.half = self.text()
        os.write(self.fd, self.life.half.encode())

    def name_old(self):
        """Makes room as logrotate does; returns the new old name."""
        self.rotations += 1
        if self.naming == 'up':
            return self.path + '.%d' % self.rotations
        if self.naming == 'date':
            return self.path + '-%08d' % (20260000 + self.rotations)
        moved = []
        for index, (path, life) in enumerate(self.old):
            new = self.path + '.%d' % (len(self.old) - index + 1)
            os.rename(path, new)
            moved.append((new, life))
        self.old = moved
        return self.path + '.1'

    def rename(self):
        if self.named is None:
            return
        name = self.name_old()
        os.rename(self.path, name)
        self.old.append((name, self.named))
        self.named = None
        if self.rng.random() < 0.6:
            # logrotate's "create"
            self.create()
        if self.rng.random() < 0.5:
            self.reopen()

    def create(self):
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644))
        self.named = Life()

    def copytruncate(self):
        if self.named is None:
            return
        name = self.name_old()
        self.tick()
        shutil.copyfile(self.path, name)
        self.tick()
        os.truncate(self.path, 0)
        self.old.append((name, None))
        writing = self.life is self.named
        self.named.destroyed = True
        self.named = Life()
        self.losses += 1
        if writing:
            # the end of a half line comes after the truncation
            if self.life.half:
                self.life.lines.append(self.life.half)
                self.named.half = ''
            self.life = self.named
            self.lives.append(self.life)

    def delete(self):
        if self.named is None:
            return
        os.unlink(self.path)
        self.named.destroyed = True
        self.named = None
        self.losses += 1
        if self.rng.random() < 0.7:
            self.reopen()

    def prune(self):
        if len(self.old) < 2:
            return
        path, life = self.old.pop(0)
        os.unlink(path)
        self.losses += 1
        if life is not None:
            life.pruned = True


class Viewer:
    """Keeps what it got, and comes back with the last id that it kept."""

    def __init__(self, rng, program, options, log):
        self.rng = rng
        self.command = [program] + options + ['log']
        self.log = log
        self.events = []  # (type, data, id)
        self.kept = 0     # of them, for certain
        self.process = None

    def last_id(self):
        for _, _, event_id in reversed(self.events):
            if event_id:
                return event_id
        return ''

    def come(self):
        environment = dict(os.environ, HTTP_LAST_EVENT_ID=self.last_id())
        self.kept = len(self.events)
        self.rest = b''
        self.header = True
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            cwd=self.log.folder, env=environment)

    def take(self, data):
        self.rest += data
        if self.header:
            if b'\r\n\r\n' not in self.rest:
                return
            self.rest = self.rest.split(b'\r\n\r\n', 1)[1]
            self.header = False
        *frames, self.rest = self.rest.split(b'\n\n')
        for frame in frames:
            fields = dict(line.split(': ', 1) if ': ' in line else (line, '')
                          for line in frame.decode().split('\n'))
            if 'data' in fields:
                self.events.append((fields.get('event', ''), fields['data'],
                                    fields.get('id', '')))

    def read(self, seconds):
        """Reads what comes; False at the end of the stream."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not ready:
            return True
        data = os.read(self.process.stdout.fileno(), 1 << 20)
        self.take(data)
        return data != b''

    def leave(self):
        self.process.send_signal(signal.SIGTERM)
        while self.read(DEADLINE):
            pass
        self.process.stdout.close()
        # SIGTERM may have come before the program was ready for it
        if self.process.wait() not in (0, -signal.SIGTERM):
            raise Wrong('exit status %d' % self.process.returncode)
        self.process = None
        # what was on its way may not have arrived
        got = len(self.events) - self.kept
        if got > 0 and self.rng.random() < 0.6:
            del self.events[self.kept + self.rng.randrange(got + 1):]

    def wait_for(self, text):
        end = time.monotonic() + DEADLINE
        while not any(data == text for _, data, _ in reversed(self.events)):
            if time.monotonic() > end:
                raise Wrong('%r did not come' % text)
            if not self.read(0.5):
                raise Wrong('the stream ended')


def judge(log, events):
    """Compares what was written with what was got."""
    written, lives, firsts = {}, [], set()
    for life in log.lives:
        if life.lines:
            firsts.add(life.lines[0])
        for line in life.lines:
            written[line] = len(lives)
            lives.append(life)
    at, gap = -1, False
    for kind, data, _ in events:
        if kind == 'gap':
            if log.losses == 0:
                raise Wrong('gap %r, but nothing was lost' % data)
            gap = True
            continue
        if data not in written:
            raise Wrong('%r was never written' % data)
        index = written[data]
        if index <= at:
            raise Wrong('%r came again, or late' % data)
        if gap and data not in firsts:
            raise Wrong('after a gap %r is not the start of a file' % data)
        for missing in range(at + 1, index):
            life = lives[missing]
            # a file that came and went without having been looked at
            unseen = (life.destroyed or life.pruned) and (
                at < 0 or lives[at] is not life)
            if not gap and not unseen:
                raise Wrong('before %r line %d is missing' % (data, missing))
        at, gap = index, False
    if at != len(lives) - 1:
        raise Wrong('the end is missing')


def play(seed, program, options, folder, trace):
    rng = random.Random(seed)
    log = Log(rng, folder)
    viewer = Viewer(rng, program, options + ['-n', 'all'], log)
    log.append(rng.randrange(1, 20))
    viewer.come()
    viewer.wait_for(log.life.lines[-1])
    viewer.kept = len(viewer.events)
    destructive = rng.random() < 0.6
    operations = ['append'] * 6 + ['half'] * 2 + ['rename'] * 3 + \
        ['reopen'] * 2 + ['disconnect'] * 2 + ['resume'] * 2 + ['sleep']
    if destructive:
        operations += ['copytruncate', 'delete', 'prune']
    for _ in range(rng.randrange(4, 30)):
        operation = rng.choice(operations)
        trace.append(operation)
        if operation == 'append':
            log.append(rng.choice([1, 1, 2, 5, 50]))
        elif operation == 'disconnect':
            if viewer.process is not None:
                viewer.leave()
        elif operation == 'resume':
            if viewer.process is None:
                viewer.come()
        elif operation == 'sleep':
            time.sleep(rng.random() * 0.01)
        else:
            getattr(log, operation)()
        trace[-1] += ': ' + log.describe()
        if viewer.process is not None and rng.random() < 0.5:
            viewer.read(0)
    log.reopen()
    log.append(1)
    if viewer.process is None:
        viewer.come()
    viewer.wait_for(log.life.lines[-1])
    viewer.leave()
    # what it dropped when it left is not to be judged
    viewer.come()
    log.append(1)
    viewer.wait_for(log.life.lines[-1])
    viewer.rng = random.Random()
    viewer.kept = len(viewer.events)
    viewer.leave()
    os.close(log.fd)
    judge(log, viewer.events)


class Runs:
    """Runs in several threads, until the time is up or one of them fails."""

    def __init__(self, program, mode, seconds):
        self.program = program
        self.options = [] if mode == 'inotify' else ['-s', '-i', '0.003']
        self.mode = mode
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.done = 0
        self.failed = None
        self.seed = random.SystemRandom().randrange(1 << 32)

    def one(self, seed):
        folder = tempfile.mkdtemp(prefix='tail-model.')
        trace = []
        try:
            play(seed, self.program, self.options, folder, trace)
        except Exception as error:
            with self.lock:
                self.failed = self.failed or '%s seed %d: %s: %s\n%s' % (
                    self.mode, seed, type(error).__name__, error,
                    '\n'.join(trace))
        finally:
            shutil.rmtree(folder)

    def work(self):
        while time.monotonic() < self.end and self.failed is None:
            with self.lock:
                self.seed += 1
                seed = self.seed
            self.one(seed)
            with self.lock:
                self.done += 1


def main():
    program, mode, seconds = sys.argv[1:4]
    runs = Runs(os.path.abspath(program), mode, float(seconds))
    if len(sys.argv) > 4:
        runs.one(int(sys.argv[4]))
    else:
        threads = [threading.Thread(target=runs.work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if runs.failed is not None:
        sys.exit(runs.failed)
    print('%s: %d runs' % (mode, runs.done))


main()
