"""The systems that are compared, and how each is started."""

import contextlib
import dataclasses
import os
import pathlib
import subprocess

from measure import FILES, TOOLS, TOP, free_port, started, wait_for_port

PEER = pathlib.Path(__file__).resolve().parent / 'peer'
BYTES = 100  # of a line, where throughput is measured

# The programs as "make static" builds them, as they would be installed.
PROGRAMS = TOP / 'build/static'


@dataclasses.dataclass
class Address:
    """Where a system answers, and what the load client has to know."""
    port: int
    path: str
    flags: tuple = ()


def write_lines(file, count):
    """Lines of BYTES bytes that begin with their number."""
    with open(file, 'w', encoding='ascii') as lines:
        for number in range(1, count + 1):
            lines.write(f'{number} '.ljust(BYTES - 1, 'x') + '\n')


@contextlib.contextmanager
def lighttpd(folder):
    """Serves folder; what is in cgi-bin are programs."""
    port = free_port()
    (folder / 'lighttpd.conf').write_text(f'''
        server.modules = ( "mod_alias", "mod_cgi" )
        server.bind = "127.0.0.1"
        server.port = {port}
        server.document-root = "{folder}"
        server.errorlog = "{folder}/lighttpd.log"
        server.max-fds = {FILES}
        server.max-connections = {FILES // 2}
        server.max-keep-alive-requests = 1000000
        server.listen-backlog = 4096
        server.stream-response-body = 2
        cgi.limits = ( "tcp-fin-propagate" => "SIGTERM" )
        mimetype.assign = ( "" => "text/event-stream" )
        $HTTP["url"] =~ "^/cgi-bin/" {{ cgi.assign = ( "" => "" ) }}
    ''', encoding='ascii')
    with started('/usr/sbin/lighttpd', '-D', '-f', folder / 'lighttpd.conf',
                 stderr=subprocess.DEVNULL) as process:
        wait_for_port(port, process)
        yield port


def program(folder, text=None, copy=None):
    """Puts a CGI program into folder: a script's text, or a file."""
    (folder / 'cgi-bin').mkdir()
    file = folder / 'cgi-bin/events'
    if text is None:
        file.symlink_to(copy)
        return
    file.write_text(f'#!/bin/sh\nexport SSE_CGI_DIR={folder}\nexec {text}\n',
                    encoding='ascii')
    file.chmod(0o755)


def cgi(command, flags=('-D',)):
    """A command, which "{interval}" stands in, as a CGI program."""
    @contextlib.contextmanager
    def system(folder, interval):
        program(folder, command.format(
            interval=interval, tick=TOOLS / 'tick', programs=PROGRAMS))
        with lighttpd(folder) as port:
            yield Address(port, '/cgi-bin/events', flags)
    return system


def cgi_file(file):
    """A file as it is; most take the interval from the query."""
    @contextlib.contextmanager
    def system(folder, interval):
        program(folder, copy=file)
        with lighttpd(folder) as port:
            yield Address(port, f'/cgi-bin/events?{interval}', ('-D',))
    return system


@contextlib.contextmanager
def static_file(folder, _interval):
    (folder / 'events').write_text('data: 1\n\n', encoding='ascii')
    with lighttpd(folder) as port:
        yield Address(port, '/events', ('-E',))


def node(script):
    @contextlib.contextmanager
    def system(_folder, interval):
        port = free_port()
        with started('node', PEER / script, env=dict(
                os.environ, PORT=str(port), NODE_ENV='production',
                INTERVAL_MS=str(interval * 1000))) as process:
            wait_for_port(port, process)
            yield Address(port, '/events', ('-D', '-t'))
    return system


@contextlib.contextmanager
def nchan(folder, interval):
    port = free_port()
    text = (PEER / 'nchan.conf').read_text(encoding='ascii')
    (folder / 'nginx.conf').write_text(
        text.replace('@DIR@', str(folder)).replace('@PORT@', str(port)),
        encoding='ascii')
    with started('/usr/sbin/nginx', '-c', folder / 'nginx.conf', '-e',
                 folder / 'nginx.log') as process:
        wait_for_port(port, process)
        with started(TOOLS / 'tick', '-i', interval,
                     stdout=subprocess.PIPE) as tick, \
                started(TOOLS / 'post', port, '/publish',
                        stdin=tick.stdout):
            tick.stdout.close()
            yield Address(port, '/events', ('-D', '-t'))


@contextlib.contextmanager
def news(folder, _interval):
    """A file that is appended to: the Address has it in place of flags."""
    file = folder / 'news'
    file.touch()
    program(folder, f'{PROGRAMS}/sse-share -l 1 -f -- '
                    f'{PROGRAMS}/sse-tail -n 0 {file}')
    with lighttpd(folder) as port:
        yield Address(port, '/cgi-bin/events', (file,))


@contextlib.contextmanager
def nchan_post(folder, interval):
    with nchan(folder, interval) as address:
        yield Address(address.port, address.path,
                      (f'http://127.0.0.1:{address.port}/publish',))


def websocketd(*command):
    @contextlib.contextmanager
    def system(folder, argument):
        port = free_port()
        words = [str(word).format(argument=argument, folder=folder)
                 for word in command]
        if words[0] == 'cat':
            write_lines(folder / 'lines', argument)
        with started('websocketd', '--address=127.0.0.1', f'--port={port}',
                     '--loglevel=fatal', *words,
                     stdout=subprocess.DEVNULL) as process:
            wait_for_port(port, process)
            yield Address(port, '/', ('-w',))
    return system


def node_stream(script):
    @contextlib.contextmanager
    def system(folder, lines):
        with node(script)(folder, 3600) as address:
            yield Address(address.port,
                          f'/stream?count={lines}&bytes={BYTES - 8}')
    return system


def stream_cgi(command):
    """A CGI program that makes a stream of a file of lines, or of frames."""
    @contextlib.contextmanager
    def system(folder, lines):
        write_lines(folder / 'lines', lines)
        with open(folder / 'lines', 'rb') as source, \
                open(folder / 'frames', 'wb') as frames:
            frames.write(b'Content-Type: text/event-stream\r\n\r\n')
            for line in source:
                frames.write(b'data: ' + line + b'\n')
        program(folder, command.format(folder=folder, programs=PROGRAMS))
        with lighttpd(folder) as port:
            yield Address(port, '/cgi-bin/events')
    return system


# Viewers of one source, or of one each.
SHARE = '{programs}/sse-share -l 1 -- {programs}/sse-pipe -- ' \
    '{tick} -i {interval}'
LIVE = {
    'sse-share': cgi(SHARE, ('-D', '-t')),
    'sse-counter': cgi('{programs}/sse-counter -i {interval}'),
    'sse-pipe': cgi('{programs}/sse-pipe -- {tick} -i {interval}'),
    'bare C program': cgi_file(PROGRAMS / 'bench/tick'),
    'nchan': nchan,
    'Express': node('express.js'),
    'better-sse': node('better-sse.js'),
    'websocketd': websocketd(TOOLS / 'tick', '-i', '{argument}'),
    'dash': cgi_file(PEER / 'tick.sh'),
    'perl': cgi_file(PEER / 'tick.pl'),
    'python': cgi_file(PEER / 'tick.py'),
    'node as CGI': cgi_file(PEER / 'tick.js'),
}
FIRST = {'static file': static_file} | LIVE | {
    'sse-counter': cgi_file(PROGRAMS / 'sse-counter')}

# From a writer to a page in Chromium.
PUBLISH = {'sse-tail': news, 'nchan': nchan_post}

# One stream as fast as it goes, and of how many lines.
STREAM = {
    'sse-pipe': (stream_cgi('{programs}/sse-pipe <{folder}/lines'), 1000000),
    'cat of the frames': (stream_cgi('cat {folder}/frames'), 1000000),
    'Express': (node_stream('express.js'), 500000),
    'better-sse': (node_stream('better-sse.js'), 100000),
    'websocketd': (websocketd('cat', '{folder}/lines'), 50000),
}

PYTHON = '''import sys
out = sys.stdout.buffer
for line in sys.stdin.buffer:
    out.write(b'data: ' + line + b'\\n')'''

# Filters from lines to frames, and MB of input.
FILTER = {
    'sse-pipe': ([PROGRAMS / 'sse-pipe'], 200),
    'cat': (['cat'], 200),
    'mawk': (['mawk', '{ print "data: " $0 "\\n" }'], 100),
    'sed': (['sed', 's/^/data: /;G'], 100),
    'gawk': (['gawk', '{ print "data: " $0 "\\n" }'], 100),
    'perl': (['perl', '-ne', 'print "data: $_\\n"'], 50),
    'python': (['/usr/bin/python3', '-c', PYTHON], 50),
    'sed -u': (['sed', '-u', 's/^/data: /;G'], 1),
}

# The same where each line comes by itself and each event is to go out: with
# how many thousand lines.
LIVE_FILTER = {
    'sse-pipe': ([PROGRAMS / 'sse-pipe'], 500),
    'cat': (['cat'], 500),
    'C with fflush': ([TOOLS / 'fflush'], 500),
    'mawk': (['mawk', '-W', 'interactive',
              '{ print "data: " $0 "\\n"; fflush() }'], 200),
    'gawk': (['gawk', '{ print "data: " $0 "\\n"; fflush() }'], 200),
    'perl': (['perl', '-ne', '$| = 1; print "data: $_\\n"'], 200),
    'python': (['/usr/bin/python3', '-c', PYTHON + '\n    out.flush()'], 200),
    'sed -u': (['sed', '-u', 's/^/data: /;G'], 10),
}

# A log from its start; who ends by itself does not matter here.
CATCH_UP = {
    'sse-tail': [PROGRAMS / 'sse-tail', '-n', 'all'],
    'cat': ['cat'],
}

START = {
    'nothing, static': [PROGRAMS / 'bench/nothing'],
    'sse-counter, static': [PROGRAMS / 'sse-counter', '-n', '0'],
    'sse-pipe, static': [PROGRAMS / 'sse-pipe'],
    'nothing': [TOOLS / 'nothing'],
    'sse-counter': [TOP / 'sse-counter', '-n', '0'],
    'dash': ['dash', '-c', ':'],
    'perl': ['perl', '-e', '0'],
    'python': ['/usr/bin/python3', '-c', '0'],
    'node': ['node', '-e', '0'],
}
