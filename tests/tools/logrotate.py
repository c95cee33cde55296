#!/usr/bin/env python3
"""Watches an access log over HTTP while it is written and rotated.

usage: logrotate.py HOST PORT MODE ROTATE...

Requests with numbers are made of the server all the time, ROTATE is run time
and again, and a viewer of /cgi-bin/log is cut off after a while and comes
back with its last id. With MODE "create" the viewer must have got each
request's line, once and in their order, and no gap; with "copytruncate" no
line twice, and a gap wherever some are missing.
"""

import http.client
import random
import re
import socket
import subprocess
import sys
import threading
import time

ROTATIONS = 6
DEADLINE = 60


class Load(threading.Thread):
    """Makes requests, one after the other: their order is the log's."""

    def __init__(self, host, port):
        super().__init__(daemon=True)
        self.host, self.port = host, port
        self.number = 0
        self.stop = False

    def run(self):
        connection = http.client.HTTPConnection(self.host, self.port)
        while not self.stop:
            try:
                connection.request('GET', '/?number=%d' % (self.number + 1))
                connection.getresponse().read()
            except (http.client.HTTPException, OSError):
                # it may have been logged: its number is not used again
                connection.close()
            self.number += 1
            time.sleep(0.001)


class Viewer(threading.Thread):
    """Keeps the numbers that it saw, and gaps as their reasons."""

    def __init__(self, host, port):
        super().__init__(daemon=True)
        self.address = (host, port)
        self.got = []
        self.last_id = ''
        self.visits = 0
        self.stop = False

    def run(self):
        while not self.stop:
            self.visits += 1
            try:
                self.visit(random.uniform(0, 0.3))
            except OSError:
                pass

    def visit(self, seconds):
        """Leaves so long after the first event, on however slow a machine."""
        rest, end = b'', float('inf')
        with socket.create_connection(self.address) as connection:
            connection.sendall(
                b'GET /cgi-bin/log HTTP/1.0\r\nLast-Event-ID: %s\r\n\r\n'
                % self.last_id.encode())
            connection.settimeout(0.05)
            while time.monotonic() < end and not self.stop:
                try:
                    data = connection.recv(65536)
                except TimeoutError:
                    continue
                if data == b'':
                    return
                *frames, rest = (rest + data).split(b'\n\n')
                for frame in frames:
                    if self.take(frame.decode()):
                        end = min(end, time.monotonic() + seconds)

    def take(self, frame):
        """Whether it is an event."""
        found = re.search(r'^data: (.*)', frame, re.M)
        if not found:
            return False
        data = found[1]
        found = re.search(r'^id: (.*)', frame, re.M)
        if found:
            self.last_id = found[1]
        if re.search(r'^event: gap$', frame, re.M):
            self.got.append(data)
        found = re.search(r'"GET /\?number=(\d+) ', data)
        if found:
            self.got.append(int(found[1]))
        return True


def judge(mode, got, last):
    at, gap = 0, False
    for what in got:
        if isinstance(what, str):
            if mode == 'create':
                sys.exit('a gap, %s, after %d' % (what, at))
            gap = True
            continue
        if what <= at:
            sys.exit('%d came again, or late, after %d' % (what, at))
        if what > at + 1 and not gap:
            sys.exit('between %d and %d lines are missing' % (at, what))
        at, gap = what, False
    if at != last:
        sys.exit('the last line is %d, not %d' % (at, last))


def wait_until(condition):
    end = time.monotonic() + DEADLINE
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def main():
    host, port, mode, *rotate = sys.argv[1:]
    load, viewer = Load(host, port), Viewer(host, port)
    load.start()
    viewer.start()
    # what was rotated before a viewer's first line is none of his
    wait_until(lambda: viewer.got)
    for _ in range(ROTATIONS):
        time.sleep(random.uniform(0.1, 1))
        subprocess.run(rotate, check=True)
    load.stop = True
    load.join()
    # lighttpd writes its log every few seconds
    wait_until(lambda: load.number in viewer.got)
    viewer.stop = True
    viewer.join()
    judge(mode, viewer.got, load.number)
    print('%d lines, %d visits' % (load.number, viewer.visits))


main()
