#!/usr/bin/env python3
"""door.py: clients of sse-share that are sockets, for door.bats.

own ARG ...    nph-sse-share ARG ... gets a client's own connection: it is
               handed over, ready for a stream, and seen to be half-closed
deaf ARG ...   the same, with a client that does not read
What is wrong is printed, and the exit status is 1.
"""
import array
import os
import socket
import subprocess
import sys
import time

DEADLINE = 60
MEMINFO, QUEUED = 55, 5  # SO_MEMINFO, SK_MEMINFO_WMEM_QUEUED
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


def wait(until, what):
    end = time.monotonic() + DEADLINE
    while not until():
        if time.monotonic() > end:
            sys.exit("not in time: " + what)
        time.sleep(0.02)


def read_until(client, text):
    got = b""
    client.settimeout(DEADLINE)
    while text not in got:
        piece = client.recv(65536)
        if not piece:
            sys.exit("no %r in %r" % (text, got))
        got += piece
    return got


def viewers():
    listed = subprocess.run(["sse-share", "-L"], stdout=subprocess.PIPE,
                            check=True, text=True).stdout
    return [int(line.split("\t")[2]) for line in listed.splitlines()]


def own_connection(args, room=None):
    """A client, and the other end of it as the program has left it."""
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.socket()
    if room:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    client.connect(listener.getsockname())
    end = listener.accept()[0]
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    client.sendall(GET + b"\r\n")
    if subprocess.run(["nph-sse-share", *args], stdin=end, stdout=end,
                      timeout=DEADLINE, check=False).returncode != 0:
        sys.exit("it has failed")
    return client, end


def own(args):
    client, end = own_connection(args)
    if not end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY):
        sys.exit("TCP_NODELAY is off")
    if end.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK):
        sys.exit("TCP_CORK is on")
    end.close()
    got = read_until(client, b"\n\n")
    if not got.startswith(b"HTTP/1.1 200 OK\r\n"):
        sys.exit("no status line: %r" % got)
    if b"\r\nConnection: close\r\n" not in got:
        sys.exit("no Connection: close: %r" % got)
    wait(lambda: viewers() == [1], "a viewer")
    client.shutdown(socket.SHUT_WR)
    wait(lambda: viewers() == [0], "nobody after a half-close")


def deaf(args):
    client, end = own_connection(args, 4096)
    queued = last = 0
    for _ in range(50):
        time.sleep(0.05)
        last = array.array(
            "I", end.getsockopt(socket.SOL_SOCKET, MEMINFO, 36))[QUEUED]
        queued = max(queued, last)
    if not 16384 < queued <= 65536:
        sys.exit("%d bytes wait for it" % queued)
    end.close()
    client.close()


if __name__ == "__main__":
    {"own": own, "deaf": deaf}[sys.argv[1]](sys.argv[2:])
