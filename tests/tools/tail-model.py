#!/usr/bin/env python3
"""sse-tail against a model: random logs, random viewers.

usage: tail-model.py PROGRAM MODE SECONDS [SEED]

Each run writes numbered records (lines, NUL-ended ones or paragraphs, some
with a column of types) to a log that is rotated by one of many naming schemes,
compressed, truncated, copied over and deleted at random, whose mode comes late,
while a viewer comes and goes, of which some came before the first record or the
file. Its events must be those that were written, in their order, each once and
of its type; if some are missing there must be a gap, and only if there was a
reason for one. Some take long records in pieces (-b), some have an end (-u).
MODE is inotify or stat. A failure prints its seed, with which the run is
repeated alone.
"""

import gzip
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
NOBODY = 65534  # to whom modes mean something

# What a rotated file adds to the log's name, after it or before the extension.
# Numbers that count down are renamed at each rotation.
SCHEMES = {
    'shift': 'app.log.%d',
    'shift before': 'app.%d.log',
    'up': 'app.log.%d',
    'up before': 'app-%d.log',
    'date': 'app.log-2026%04d',
    'date before': 'app-2026%04d.log',
    'date and number': 'app.2026-11-29.%d.log',
    'time': 'app-2026-11-29T10-%02d-00.000.log',
    'letters': 'app.log.old%d',  # by which nobody knows a rotated file
}

# Other logs beside it; they are never read.
OTHERS = ['application.log', 'app2.log', 'app.log.txt', 'myapp.log', 'app.err',
          'app-1.err', 'error-app.log.1', 'app.log2']


class Wrong(Exception):
    """The viewer got what it must not get, or did not get what it must."""


PIECE = 100  # bytes, -b


class Form:
    """What a record looks like, and the events that it becomes."""

    ENDS = {'': ['\n', '\n', '\n', '\r\n'], '-0': ['\0'],
            '-p': ['\n\n', '\n\n', '\n\n\n', '\r\n\r\n']}

    def __init__(self, rng):
        self.rng = rng
        self.kind = rng.choice(['', '', '-0', '-p'])
        self.columns = rng.random() < 0.4
        self.small = rng.random() < 0.3
        self.until = rng.choice([None, None, 'app.done', 'jobs/done'])
        self.groups = 0
        self.options = [self.kind] if self.kind else []
        if self.columns:
            self.options += ['-c', 'event,data']
        if self.small:
            self.options += ['-b', str(PIECE)]
        if self.until:
            self.options += ['-u', self.until]

    def text(self, number):
        """A record, each piece of which is found nowhere else."""
        text = '%d:' % number
        if self.columns:
            text = self.rng.choice(['alert\t', 'note\t', '\t', '']) + text
        length = self.rng.choice([0, 0, 3, 40, 280])
        if self.small:
            length = self.rng.choice([20, 50, 80, 150, 240])
        while len(text) < length:
            self.groups += 1
            text += '%06d' % self.groups
            text += '\n' if self.kind and self.rng.random() < 0.3 else ','
        if self.small:
            text = text[:length]
        return text.rstrip('\n')

    def end(self):
        return self.rng.choice(self.ENDS[self.kind])

    def events(self, text):
        """(type, data) of each."""
        if self.kind == '-p':
            text = text.rstrip('\n')
        size = PIECE if self.small else len(text)
        pieces = [text[at:at + size] for at in range(0, len(text), size)]
        kind = ''
        tab = pieces[0].find('\t')
        if self.columns and tab != -1:
            kind, pieces[0] = pieces[0][:tab], pieces[0][tab + 1:]
        return [(kind, piece) for piece in pieces]


class Life:
    """What a file held from its creation, or truncation, to its end."""

    def __init__(self):
        self.lines = []
        self.half = ''
        self.destroyed = False  # while it had the log's name
        self.pruned = False     # as an old log
        self.packed = False     # compressed: a gap must tell
        # it was replaced by a copy: who had nothing of it yet cannot know that,
        # and the copy itself may go unseen
        self.copied = False


class Log:
    """The log and its writer, which holds it open."""

    def __init__(self, rng, form, folder):
        self.rng = rng
        self.form = form
        self.folder = folder
        self.path = os.path.join(folder, 'app.log')
        self.scheme = rng.choice(sorted(SCHEMES))
        self.shifts = self.scheme.startswith('shift')
        self.old = []       # [path, life], the oldest first
        self.rotations = 0
        self.number = 0
        self.lives = []     # in the order in which they were written
        self.fd = -1
        self.life = None    # of what the writer has open
        self.named = None   # of what has the name
        # if names say nothing each rotation may be a gap
        self.losses = self.scheme == 'letters'
        self.empties = False  # with -0 a hole is empty records
        self.halves = {}    # what stood at the end of a file that was copied

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
        self.own(self.path)
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                          0o644)
        if self.life is not self.named:
            self.life = self.named
            self.lives.append(self.life)

    def tick(self):
        """Only times tell which way numbers count: there must be some."""
        if self.scheme.startswith(('up', 'shift')):
            time.sleep(0.012)

    def chmod(self):
        if os.path.exists(self.path):
            os.chmod(self.path, 0o644)

    def own(self, path):
        """logrotate and the writer are root; an ordinary user needs a mode."""
        if os.getuid() != 0 and os.path.exists(path):
            os.chmod(path, 0o644)

    def text(self):
        self.number += 1
        return self.form.text(self.number)

    def last(self):
        """The last event."""
        return self.form.events(self.life.lines[-1])[-1]

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
            out += line[len(self.life.half):] + self.form.end()
            self.life.half = ''
            self.life.lines.append(line)
        os.write(self.fd, out.encode())

    def half(self):
        if self.life.half:
            return
        self.life.half = self.text()
        if self.form.kind == '-p' and self.rng.random() < 0.5:
            self.life.half += '\n'
        os.write(self.fd, self.life.half.encode())

    def name_old(self):
        """Makes room as logrotate does; returns the new old name."""
        self.rotations += 1
        form = os.path.join(self.folder, SCHEMES[self.scheme])
        if not self.shifts:
            return form % self.rotations
        for index, entry in enumerate(self.old):
            new = form % (len(self.old) - index + 1)
            if entry[0].endswith('.gz'):
                new += '.gz'
            os.rename(entry[0], new)
            entry[0] = new
        return form % 1

    def rename(self):
        if self.named is None:
            return
        name = self.name_old()
        self.chmod()  # it comes late, but it comes
        self.losses += self.named.copied  # it is not found as that any more
        os.rename(self.path, name)
        self.old.append([name, self.named])
        self.named = None
        if self.rng.random() < 0.6:
            # logrotate's "create"
            self.create()
        if self.rng.random() < 0.5:
            self.reopen()

    def create(self):
        # logrotate sets the mode a little later
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT,
                         self.rng.choice([0o644, 0o644, 0])))
        self.named = Life()

    def copytruncate(self):
        if self.named is None:
            return
        name = self.name_old()
        self.tick()
        self.own(self.path)
        shutil.copyfile(self.path, name)
        self.tick()
        self.truncate()
        self.old.append([name, None])

    def truncate(self):
        self.own(self.path)
        os.truncate(self.path, 0)
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

    def hole(self):
        """A writer without O_APPEND keeps its offset."""
        if self.life is not self.named:
            return
        size = os.stat(self.path).st_size
        self.truncate()
        if self.rng.random() < 0.5:
            time.sleep(0.005)
        text = self.text()
        fd = os.open(self.path, os.O_WRONLY)
        os.pwrite(fd, (text + self.form.end()).encode(), size)
        os.close(fd)
        self.life.lines.append(text)
        self.empties = self.form.kind == '-0'

    def copy(self):
        """As rsync or an editor does; the writer knows of it."""
        if self.life is not self.named or self.scheme == 'letters':
            return
        if self.life.half:
            # if the copy goes unseen this is all that came
            for event in self.form.events(self.life.half):
                self.halves[event[1]] = self.life
        self.life.copied = True
        copy = os.path.join(self.folder, '.app.log.Xy3z')
        shutil.copyfile(self.path, copy)
        os.rename(copy, self.path)
        self.reopen()
        self.append(self.rng.choice([0, 1, 3]))

    def compress(self):
        """All but the newest one, if there is one that is not yet."""
        for entry in self.old[:-1]:
            path, life = entry
            if path.endswith('.gz'):
                continue
            times = os.stat(path)
            self.own(path)
            with open(path, 'rb') as old, gzip.open(path + '.gz', 'wb') as new:
                shutil.copyfileobj(old, new)
            os.utime(path + '.gz', ns=(times.st_atime_ns, times.st_mtime_ns))
            os.unlink(path)
            entry[0] += '.gz'
            self.losses += 1
            if life is not None:
                life.packed = True
            return

    def other(self):
        """Somebody else writes another log."""
        name = os.path.join(self.folder, self.rng.choice(OTHERS))
        with open(name, 'a') as other:
            other.write('of another log\n')

    def delete(self):
        if self.named is None:
            return
        os.unlink(self.path)
        self.named.destroyed = True
        self.named = None
        self.losses += 1
        if self.rng.random() < 0.7:
            self.reopen()

    def finish(self):
        """The job has ended; a last record may be incomplete."""
        if self.rng.random() < 0.5:
            self.half()
        if self.life.half:
            self.life.lines.append(self.life.half)
        path = os.path.join(self.folder, self.form.until)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        how = self.rng.choice(['move', 'write', 'late'])
        with open(path + '.new' if how == 'move' else path, 'w') as done:
            if how == 'late':
                time.sleep(0.01)
            done.write(self.rng.choice(['7', '7\n', '7\r\nand more']))
        if how == 'move':
            os.rename(path + '.new', path)

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
        self.command = [program] + options + ['app.log']
        self.log = log
        self.events = []  # (type, data, id)
        self.kept = 0     # of them, for certain
        self.process = None
        self.stderr = tempfile.TemporaryFile()
        self.sent_back = 0

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
        self.retry = False
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.stderr, cwd=self.log.folder, env=environment,
            **({'user': NOBODY, 'extra_groups': []} if os.getuid() == 0
               else {}))

    def take(self, data):
        self.rest += data
        if self.header:
            if b'\r\n\r\n' not in self.rest:
                return
            self.rest = self.rest.split(b'\r\n\r\n', 1)[1]
            self.header = False
        *frames, self.rest = self.rest.split(b'\n\n')
        for frame in frames:
            fields = {}
            for line in frame.decode().split('\n'):
                name, _, value = line.partition(':')
                fields.setdefault(name, []).append(value[1:])
            if 'retry' in fields:
                self.retry = True
            if 'data' in fields:
                self.events.append((fields.get('event', [''])[0],
                                    '\n'.join(fields['data']),
                                    fields.get('id', [''])[0]))

    def read(self, seconds, leaving=False):
        """Reads what comes; False at the end of the stream."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not ready:
            return True
        data = os.read(self.process.stdout.fileno(), 1 << 20)
        self.take(data)
        if data == b'' and self.retry and not leaving:
            # it may not be read now: comes back, a little sooner than asked
            self.process.stdout.close()
            if self.process.wait() != 1:
                raise Wrong('exit status %d' % self.process.returncode)
            self.sent_back += 1
            time.sleep(0.02)
            self.come()
            return True
        return data != b''

    def leave(self):
        self.process.send_signal(signal.SIGTERM)
        while self.read(DEADLINE, leaving=True):
            pass
        self.process.stdout.close()
        # SIGTERM may have come before the program was ready for it
        allowed = (0, 1, -15) if self.retry else (0, -15)
        if self.process.wait() not in allowed:
            raise Wrong('exit status %d' % self.process.returncode)
        self.process = None
        # what was on its way may not have arrived
        got = len(self.events) - self.kept
        if got > 0 and self.rng.random() < 0.6:
            del self.events[self.kept + self.rng.randrange(got + 1):]

    def wait_for(self, expected):
        end = time.monotonic() + DEADLINE
        while not any(event[:2] == expected for event in reversed(self.events)):
            if time.monotonic() > end:
                raise Wrong('%r did not come' % (expected,))
            if not self.read(0.5):
                raise Wrong('the stream ended')

    def wait_end(self):
        end = time.monotonic() + DEADLINE
        while self.read(0.5):
            if time.monotonic() > end:
                raise Wrong('the stream did not end')
        self.process.stdout.close()
        if self.process.wait() != 0:
            raise Wrong('exit status %d' % self.process.returncode)
        if not self.events or self.events[-1] != ('end', '7', 'end'):
            raise Wrong('no event "end"')
        if subprocess.run(
                self.command, capture_output=True, cwd=self.log.folder,
                env=dict(os.environ, HTTP_LAST_EVENT_ID='end')
                ).stdout.split(b'\r')[0] != b'Status: 204 No Content':
            raise Wrong('no 204 after the end')


def judge(log, events):
    """Compares what was written with what was got."""
    written, lives, firsts = {}, [], set()
    for life in log.lives:
        for number, text in enumerate(life.lines):
            for kind, data in log.form.events(text):
                if number == 0:
                    firsts.add(data)
                    number = -1
                written[data] = len(lives), kind
                lives.append(life)
    at, gap = -1, False
    for kind, data, _ in events:
        if kind in ('start', 'end') or (log.empties and kind + data == ''):
            continue
        if kind == 'gap':
            if log.losses == 0 and not (at < 0 and log.lives[0].copied):
                raise Wrong('gap %r, but nothing was lost' % data)
            gap = True
            continue
        if data in log.halves and data not in written and (
                log.halves[data].destroyed or log.halves[data].pruned):
            continue
        if data not in written:
            raise Wrong('%r was never written' % data)
        index, expected = written[data]
        if kind != expected:
            raise Wrong('%r is of type %r' % (data, kind))
        if index <= at:
            raise Wrong('%r came again, or late' % data)
        # a copy that copytruncate made may still have the next line
        if gap and data not in firsts and index != at + 1:
            raise Wrong('after a gap %r is not the start of a file' % data)
        for missing in range(at + 1, index):
            life = lives[missing]
            # a file that came and went without having been looked at
            unseen = (life.destroyed or life.pruned) and (
                at < 0 or lives[at] is not life or life.copied)
            if life.packed and not life.pruned:
                unseen = False
            if not gap and not unseen:
                raise Wrong('before %r line %d is missing' % (data, missing))
        at, gap = index, False
    if at != len(lives) - 1:
        raise Wrong('the end is missing')


def play(seed, program, options, folder, trace):
    rng = random.Random(seed)
    form = Form(rng)
    log = Log(rng, form, folder)
    options = options + form.options
    viewer = Viewer(rng, program, options + ['-n', 'all'], log)
    # a viewer that has had nothing yet, or of no file
    state = rng.choice(['lines', 'lines', 'empty', 'absent', 'between'])
    if log.scheme == 'letters':
        # it cannot know of a first file that has got a name like that
        state = rng.choice(['lines', 'empty'])
    trace.append('%s, %s, %s' % (log.scheme, state, ' '.join(options)))
    if state == 'between':
        # there is the one that was before, which a new viewer does not get
        log.rotations = 1
        log.old.append([os.path.join(folder, SCHEMES[log.scheme] % 1), None])
        with open(log.old[0][0], 'w') as old:
            old.write('before\n')
        log.tick()
    if state in ('lines', 'empty'):
        log.reopen()
    if state == 'lines':
        log.append(rng.randrange(1, 20))
        look_back(rng, program, options, log)
    viewer.come()
    viewer.wait_for(log.last() if state == 'lines' else ('start', ''))
    viewer.kept = len(viewer.events)
    if rng.random() < 0.5:
        viewer.leave()
    if log.fd == -1:
        log.reopen()
    destructive = rng.random() < 0.6
    operations = ['append'] * 6 + ['half'] * 2 + ['rename'] * 3 + \
        ['reopen'] * 2 + ['disconnect'] * 2 + ['resume'] * 2 + \
        ['sleep', 'chmod', 'copy', 'other']
    if destructive:
        operations += ['copytruncate', 'hole']
    if destructive and log.scheme != 'letters':
        operations += ['delete', 'prune', 'compress']
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
    log.chmod()
    log.append(1)
    if form.until:
        log.finish()
    if viewer.process is None:
        viewer.come()
    if form.until:
        viewer.wait_end()
    else:
        viewer.wait_for(log.last())
        viewer.leave()
        # what it dropped when it left is not to be judged
        viewer.come()
        log.append(1)
        viewer.wait_for(log.last())
        viewer.kept = len(viewer.events)
        viewer.leave()
    os.close(log.fd)
    judge(log, viewer.events)


def look_back(rng, program, options, log):
    """A viewer that gets the last records alone."""
    count = rng.randrange(1, 22)
    if log.form.small or rng.random() < 0.7:
        return  # within a long one the search stops
    viewer = Viewer(rng, program, options + ['-n', str(count)], log)
    viewer.come()
    viewer.wait_for(log.last())
    got = [event[:2] for event in viewer.events]
    if got != [event for text in log.life.lines[-count:]
               for event in log.form.events(text)]:
        raise Wrong('the last %d are %r' % (count, got))
    viewer.leave()


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
        os.chmod(folder, 0o755)
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
