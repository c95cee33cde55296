"""What is measured, and how: processes, memory, CPU, and the load client."""

import contextlib
import ctypes
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
TOOLS = TOP / 'build/bench'

# Descriptors of a server; lighttpd takes two a viewer and lets nobody in when
# nine tenths of its own are used.
FILES = min(40000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
MANY = min(9000, FILES * 9 // 20 - 50)

# Orphans become children of this process, so that all that belongs to a
# system under test is found below it: PR_SET_CHILD_SUBREAPER.
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def figures(text):
    """Lines of a name and a number, as the tools print them."""
    return {name: float(value) for name, value in
            (line.split() for line in text.splitlines())}


def run_tool(name, *arguments):
    done = subprocess.run([TOOLS / name, *map(str, arguments)],
                          stdout=subprocess.PIPE, check=False, text=True)
    if done.returncode != 0:
        raise RuntimeError(f'{name} {arguments}: wrong: {done.stdout}')
    return figures(done.stdout)


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def wait_for_port(port, process):
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(
                ('127.0.0.1', port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f'{process.args}: does not listen')


def descendants(pid, without=()):
    """The pids below a process, without some and what is below them."""
    found = []
    for children in pathlib.Path(f'/proc/{pid}/task').glob('*/children'):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                if child not in without:
                    found += [child, *descendants(child, without)]
    return found


def cpu_ns(pids):
    """CPU time of processes that are there, of all their threads."""
    total = 0
    for pid in pids:
        for stat in pathlib.Path(f'/proc/{pid}/task').glob('*/schedstat'):
            with contextlib.suppress(OSError):
                total += int(stat.read_text().split()[0])
    return total


def pss_kb(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            rollup = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
            total += int(rollup.split('\nPss:')[1].split()[0])
    return total


def available_kb():
    text = pathlib.Path('/proc/meminfo').read_text()
    return int(text.split('MemAvailable:')[1].split()[0])


def settled_kb():
    """
    MemAvailable when it has not risen for three seconds: the kernel gives
    the memory of what has ended back late, and nobody may be charged for it.
    """
    most_kb = available_kb()
    end = time.monotonic() + 60
    still = time.monotonic() + 3
    while time.monotonic() < min(still, end):
        time.sleep(0.2)
        now_kb = available_kb()
        if now_kb > most_kb + 500:
            most_kb, still = now_kb, time.monotonic() + 3
    return available_kb()


@contextlib.contextmanager
def started(*command, **options):
    """A process in the background; at the end nothing of it is left."""
    # pylint: disable=consider-using-with
    process = subprocess.Popen([str(word) for word in command], **options)
    try:
        yield process
    finally:
        below = descendants(process.pid)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def reap():
    """Ends and reaps what the systems left to this process."""
    while pids := descendants(os.getpid()):
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


@contextlib.contextmanager
def running(system, *arguments):
    """A system under test in a folder of its own: yields its address."""
    with tempfile.TemporaryDirectory(prefix='bench.') as folder:
        os.chmod(folder, 0o700)
        with system(pathlib.Path(folder), *arguments) as address:
            yield address
        reap()


class Client:
    """The load client with viewers that stay."""

    def __init__(self, address, viewers):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [TOOLS / 'viewers', '-n', str(viewers), '-s', '3600', '-p', '60',
             *address.flags, str(address.port), address.path],
            stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != f'open {viewers}\n':
            self.process.terminate()
            raise RuntimeError(
                f'{address}: {line}{self.process.communicate()[0]}')

    def finish(self):
        """Its figures, if every viewer got every event in order, once."""
        self.process.terminate()
        text = self.process.stdout.read()
        if self.process.wait() != 0:
            raise RuntimeError(f'{self.process.args}: wrong:\n{text}')
        return figures(text)


def session(system, viewers, interval, seconds, memory):
    """
    Viewers of one system for a while: CPU and delay, and memory where that
    is wanted. It is that of the machine, so the client's ends of the
    connections are in it; they are the same for all.
    """
    result = {}
    with running(system, interval) as address:
        before_kb = settled_kb() if memory else 0
        before_pss_kb = pss_kb(descendants(os.getpid()))
        client = Client(address, viewers)
        time.sleep(1)
        if memory:
            result['memory'] = (before_kb - settled_kb()) / viewers
        pids = descendants(os.getpid(), {client.process.pid})
        result['pss'] = (pss_kb(pids) - before_pss_kb) / viewers
        start_ns = time.monotonic_ns()
        system_ns, client_ns = cpu_ns(pids), cpu_ns([client.process.pid])
        time.sleep(seconds)
        system_ns = cpu_ns(pids) - system_ns
        client_ns = cpu_ns([client.process.pid]) - client_ns
        span_ns = time.monotonic_ns() - start_ns
        delays = client.finish()
    deliveries = span_ns / 1e9 / interval * viewers
    return result | {
        'fanout': system_ns / 1e3 / deliveries,
        'client': 100 * client_ns / span_ns,
        'delay': delays.get('delay_median_us'),
        'delay99': delays.get('delay_p99_us'),
    }


def first(system, requests):
    """Microseconds from connect to the first whole frame, one by one."""
    with running(system, 3600) as address:
        result = run_tool('viewers', '-n', 1, '-e', 0, '-o', requests,
                          *address.flags, address.port, address.path)
    return {'first': result['first_median_us'],
            'first99': result['first_p99_us']}


def publish(system, messages):
    """Microseconds from before a message is written to a page that has it."""
    with running(system, 3600) as address:
        done = subprocess.run(
            ['node', TOP / 'bench/publish.mjs', str(messages),
             f'http://127.0.0.1:{address.port}{address.path}',
             *address.flags],
            stdout=subprocess.PIPE, check=True, text=True, timeout=300)
    result = figures(done.stdout)
    return {'publish': result['median_us'], 'publish99': result['p99_us']}


def stream(system, lines):
    """
    Events and bytes a second of one stream, as fast as it goes: the bytes are
    only counted; a second time every event is looked at.
    """
    with running(system, lines) as address:
        at = address.flags + (address.port, address.path)
        timed = run_tool('viewers', '-n', 1, '-b', '-s', 600, *at)
        checked = run_tool('viewers', '-n', 1, '-E', '-D', '-s', 600,
                           '-e', lines, *at)
    if checked['events'] != lines:
        raise RuntimeError(f'{checked["events"]} events, not {lines}')
    return {'stream': lines / timed['wall_s'] / 1e6,
            'stream_bytes': timed['bytes'] / timed['wall_s'] / 1e6,
            'stream_client': 100 * timed['cpu_s'] / timed['wall_s']}


def through(command, source):
    """Seconds of a filter from source, which it closes, to a pipe; usage."""
    begin = time.monotonic()
    with subprocess.Popen(command, stdin=source,
                          stdout=subprocess.PIPE) as process:
        source.close()
        subprocess.run(['cat'], stdin=process.stdout,
                       stdout=subprocess.DEVNULL, check=True)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    if process.returncode != 0:
        raise RuntimeError(f'{command}: status {process.returncode}')
    return seconds, used


def filter_rate(command, file):
    """MB of input a second of a filter from a file into a pipe."""
    seconds, _ = through(command, open(file, 'rb'))
    return {'filter': os.path.getsize(file) / seconds / 1e6}


def live_rate(command, lines):
    """Million lines a second, a write each, through a filter; CPU of one."""
    with subprocess.Popen([TOOLS / 'lines', str(lines)],
                          stdout=subprocess.PIPE) as source:
        seconds, used = through(command, source.stdout)
    if source.returncode != 0:
        raise RuntimeError(f'lines: status {source.returncode}')
    return {'live': lines / seconds / 1e6,
            'live_cpu': (used.ru_utime + used.ru_stime) / lines * 1e6}


def catch_up(command, file, mark):
    """MB a second of a file's bytes, up to the mark, its last line."""
    begin = time.monotonic()
    last = more = b' '
    with subprocess.Popen([*command, file],
                          stdout=subprocess.PIPE) as process:
        while more and mark not in last[-len(mark) - 2:]:
            more = os.read(process.stdout.fileno(), 65536)
            last = last[-len(mark) - 2:] + more
        seconds = time.monotonic() - begin
        process.terminate()
    if not more:
        raise RuntimeError(f'{command}: no mark')
    return {'tail': os.path.getsize(file) / seconds / 1e6}


def start(command, count):
    """Microseconds from a program's start to its end."""
    return {'start': run_tool('start', count, *command)['start_median_us']}
