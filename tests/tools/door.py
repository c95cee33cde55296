#!/usr/bin/env python3
"""door.py: clients of sse-share that are sockets, for door.bats.

own ARG ...    nph-sse-share ARG ... gets a client's own connection: it is
               handed over, ready for a stream, and seen to be half-closed
deaf ARG ...   the same, with a client that does not read, but sends

The others start a door, sse-share ARG ... at a listening socket:
same ARG ...   what it answers is what a CGI or an nph- process answers
crowd ARG ...  300 viewers at once, half of them by HTTP, before there is a
               channel; the door is killed, and nobody notices
leave ARG ...  a viewer that half-closes or closes its connection is gone
hold ARG ...   a viewer at a Unix socket does not read
bad ARG ...    whatever is no request, and requests that do not end
many ARG ...   connections by the thousand, that say nothing or are short
gather ARG ... 100 events a second come in few pieces
stop ARG ...   the channel is stopped
further ARG ...  many viewers come back with ids that the ring has lost
crammed ARG ...  400 viewers with such ids do not read: no other one waits
back ARG ...   no viewer can be served now
short ARG ...  descriptors are out for a while
What is wrong is printed, and the exit status is 1.
"""
import array
import os
import resource
import socket
import subprocess
import sys
import time

DEADLINE = 60
MEMINFO = 55  # SO_MEMINFO, with these two in it (SK_MEMINFO_*)
RECEIVED, QUEUED = 0, 5
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
    return sum(int(line.split("\t")[2]) for line in listed.splitlines())


def channel():
    """The only channel's process, the leader of its session."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            with open("/proc/%d/comm" % pid) as comm, \
                    open("/proc/%d/environ" % pid) as environ:
                if (os.getsid(pid) == pid and
                        comm.read() == "sse-share\n" and
                        "SSE_TEST=" + os.environ["SSE_TEST"] in
                        environ.read().split("\0")):
                    return pid
        except OSError:
            pass
    sys.exit("there is no channel")


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
    wait(lambda: viewers() == 1, "a viewer")
    client.shutdown(socket.SHUT_WR)
    wait(lambda: viewers() == 0, "nobody after a half-close")


def deaf(args):
    client, end = own_connection(args, 4096)
    client.setblocking(False)
    queued = received = 0
    for _ in range(50):
        time.sleep(0.05)
        try:
            while client.send(bytes(65536)):
                pass
        except BlockingIOError:
            pass
        info = array.array(
            "I", end.getsockopt(socket.SOL_SOCKET, MEMINFO, 36))
        queued = max(queued, info[QUEUED])
        received = max(received, info[RECEIVED])
    if not 16384 < queued <= 65536:
        sys.exit("%d bytes wait for it" % queued)
    if not 0 < received <= 65536:
        sys.exit("%d bytes of it wait" % received)
    end.close()
    client.close()


class Door:
    """sse-share at a listening socket."""

    def __init__(self, args, name="door.sock"):
        if os.path.exists(name):
            os.unlink(name)
        self.name = name
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(name)
        self.listener.listen(4096)
        self.args = args
        self.start()

    def start(self):
        self.process = subprocess.Popen(["sse-share", *self.args],
                                        stdin=self.listener)

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.name)  # blocks while the backlog is full
        client.settimeout(DEADLINE)
        return client

    def ask(self, request):
        client = self.connect()
        client.sendall(request)
        return client

    def answer(self, request):
        return read_all(self.ask(request))

    def peak(self):
        """Kilobytes of memory that it had at most."""
        with open("/proc/%d/status" % self.process.pid) as status:
            return int(status.read().split("VmHWM:")[1].split()[0])

    def sockets(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def end(self, signal=15):
        self.process.send_signal(signal)
        if self.process.wait(DEADLINE) != -signal:
            sys.exit("the door has ended otherwise")


def read_all(client):
    got = b""
    while True:
        piece = client.recv(65536)
        if not piece:
            return got
        got += piece


def netstring(pairs):
    text = b"".join(b"%s\0%s\0" % (name.encode(), value.encode())
                    for name, value in pairs)
    return b"%d:%s," % (len(text), text)


def scgi(variables, body=b""):
    return netstring([("CONTENT_LENGTH", str(len(body))), ("SCGI", "1"),
                      *variables.items()]) + body


def http(variables):
    head = "%s /?%s HTTP/1.1\r\n" % (variables["REQUEST_METHOD"],
                                     variables.get("QUERY_STRING", ""))
    for name, value in variables.items():
        if name.startswith("HTTP_"):
            head += "%s: %s\r\n" % (name[5:].replace("_", "-"), value)
    return head.encode() + b"\r\n"


def by_process(name, args, variables, request=b""):
    """What a CGI or an nph- process of its own answers."""
    return subprocess.run([name, *args], input=request, timeout=DEADLINE,
                          stdout=subprocess.PIPE, check=False,
                          env=dict(os.environ, **variables)).stdout


def get(**variables):
    return dict(variables, REQUEST_METHOD="GET")


REQUESTS = [
    dict(REQUEST_METHOD="HEAD"),
    dict(REQUEST_METHOD="POST"),
    dict(REQUEST_METHOD="get"),
    dict(REQUEST_METHOD="OPTIONS", HTTP_ORIGIN="http://a",
         HTTP_ACCESS_CONTROL_REQUEST_HEADERS="x-a,x-b"),
    dict(REQUEST_METHOD="OPTIONS", HTTP_ORIGIN="http://b"),
    get(HTTP_ORIGIN="http://b"),
    get(HTTP_LAST_EVENT_ID="end"),
    get(QUERY_STRING="x=y&lastEventId=%65nd"),
    # streams, that end after -m
    get(),
    get(HTTP_ORIGIN="http://a"),
    get(HTTP_LAST_EVENT_ID="2"),
    get(HTTP_LAST_EVENT_ID="nowhere"),
    get(QUERY_STRING="lastEventId=3"),
    get(QUERY_STRING="lastEventId=3", HTTP_LAST_EVENT_ID="4"),
    get(HTTP_LAST_EVENT_ID="x" * 5000),
]


def same(args):
    door = Door(args)
    keep = door.ask(scgi(get()))
    read_until(keep, b"\ndata: ")
    for variables in REQUESTS:
        expected = by_process("sse-share", args, variables)
        got = door.answer(scgi(variables))
        if got != expected:
            sys.exit("%r: %r is not %r" % (variables, got, expected))
        request = http(variables)
        expected = by_process("nph-sse-share", args, {}, request)
        got = door.answer(request)
        if got != expected:
            sys.exit("%r: %r is not %r" % (request, got, expected))
    door.end()


def crowd(args):
    door = Door(args)
    clients = [door.ask((scgi if i % 2 else http)(get())) for i in range(300)]
    for client in clients:
        read_until(client, b"\ndata: ")
    wait(lambda: viewers() == 300, "300 viewers of one channel")
    door.end(9)
    for client in clients:
        read_until(client, b"\ndata: ")
    door.start()
    clients.append(door.ask(scgi(get())))
    wait(lambda: viewers() == 301, "one viewer more")
    door.end()
    for client in clients:
        read_until(client, b"\ndata: ")


def leave(args):
    door = Door(args)
    closes, halves = door.ask(scgi(get())), door.ask(http(get()))
    wait(lambda: viewers() == 2, "two viewers")
    halves.shutdown(socket.SHUT_WR)
    wait(lambda: viewers() == 1, "one viewer")
    closes.close()
    wait(lambda: viewers() == 0, "none")
    door.end()


def hold(args):
    door = Door(args)
    client = door.ask(scgi(get()))
    time.sleep(2)
    held = len(client.recv(1 << 20))
    if not 8192 < held <= 65536:
        sys.exit("%d bytes wait for it" % held)
    door.end()


BAD = [
    (b"\x16\x03\x01\x02\x00\x01", b"HTTP/1.1 400 "),
    (b"\0", b"HTTP/1.1 400 "),
    (b"PRI * HTTP/2.0\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET / HTTP/1.1\r\nA: b\0\r\n\r\n", b"HTTP/1.1 400 "),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 4000, b"HTTP/1.1 431 "),
    (b"1000000000000000000:", b"Status: 431 "),
    (b"99999:", b"Status: 431 "),
    (b"16384:", b"Status: 431 "),
    (b"1" * 17000, b"Status: 431 "),
    (b"0:,", b"Status: 400 "),
    (b"07:SCGI\x001\0,", b"Status: 400 "),
    (b"7;SCGI\x001\0,", b"Status: 400 "),
    (b"7:SCGI\x001\0;", b"Status: 400 "),
    (b"7:SCGI\x001\0,", b"Status: 400 "),
    (b"3:abc,", b"Status: 400 "),
    (b"3:ab\0,", b"Status: 400 "),
    (netstring([("REQUEST_METHOD", "GET")]), b"Status: 400 "),
    (netstring([("SCGI", "2"), ("REQUEST_METHOD", "GET")]), b"Status: 400 "),
    (netstring([("SCGI", "1"), ("", "x"), ("REQUEST_METHOD", "GET")]),
     b"Status: 400 "),
    # the last of two names counts
    (netstring([("SCGI", "1"), ("REQUEST_METHOD", "GET"),
                ("REQUEST_METHOD", "POST")]), b"Status: 405 "),
    (b"GET / HTTP/1.1\r\nLast-Event-ID: 1\r\nLast-Event-ID: end\r\n\r\n",
     b"HTTP/1.1 204 "),
    # a body that nobody reads
    (scgi(dict(REQUEST_METHOD="POST"), b"x" * 300000), b"Status: 405 "),
]


def bad(args):
    door = Door(args)
    viewer = door.ask(scgi(get()))
    slow = [door.connect(), door.connect()]
    ended = [door.ask(scgi(get())[:40]), door.ask(b"GET / HTTP/1.1\r\n")]
    for request, expected in BAD:
        client = door.connect()
        try:
            client.sendall(request)
        except BrokenPipeError:
            pass
        client.shutdown(socket.SHUT_WR)
        got = client.recv(65536)
        if not got.startswith(expected):
            sys.exit("%r: %r is not %r" % (request[:60], got, expected))
    for i, request in enumerate((scgi(get()), http(get()))):
        for at in range(len(request)):
            slow[i].sendall(request[at:at + 1])
            time.sleep(0.001)
        read_until(slow[i], b"\ndata: ")
    if not read_all(ended[0]).startswith(b"Status: 408 "):
        sys.exit("half a request of SCGI")
    if not read_all(ended[1]).startswith(b"HTTP/1.1 408 "):
        sys.exit("half a request of HTTP")
    read_until(viewer, b"\ndata: ")
    door.end()


def many(args):
    door = Door(args)
    viewer = door.ask(scgi(get()))
    read_until(viewer, b"\ndata: ")
    idle = []
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for i in range(min(5000, hard - 100)):
        idle.append(door.connect())
        if i % 3 == 0:
            idle[-1].sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 9000)
        if i % 500 == 0:
            read_until(viewer, b"\ndata: ")
    new = door.ask(scgi(get()))
    read_until(new, b"\ndata: ")
    if door.sockets() > 300:
        sys.exit("it has %d descriptors" % door.sockets())
    for i in range(int(os.environ.get("SHORT", "20000"))):
        client = door.connect()
        if i % 4:
            client.send([b"x", b"1:", b"GET / HTTP/1.0\r\n"][i % 3])
        client.close()
    new = door.ask(scgi(get(HTTP_LAST_EVENT_ID="1",
                            QUERY_STRING="lastEventId=2")))
    read_until(new, b"\ndata: ")
    read_until(viewer, b"\ndata: ")
    wait(lambda: viewers() == 2, "two viewers")
    if door.peak() > 16384 and "SANITIZED" not in os.environ:
        sys.exit("it has had %d KB" % door.peak())
    door.end()


def gather(args):
    door = Door(args)
    client = door.ask(scgi(get()))
    got = read_until(client, b"\ndata: ")
    for _ in range(4):
        got += client.recv(65536)
    if got.count(b"\ndata: ") < 40:
        sys.exit("too little at once: %r" % got)
    door.end()


def stop(args):
    door = Door(args)
    viewer = door.ask(scgi(get()))
    read_until(viewer, b"\ndata: ")
    os.kill(channel(), 19)
    late = [door.ask(scgi(get())) for i in range(20)]
    post = scgi(dict(REQUEST_METHOD="POST"))
    if not door.answer(post).startswith(b"Status: 405 "):
        sys.exit("no other answer meanwhile")
    for client in late:
        told_to_come_back(client)
    os.kill(channel(), 18)
    read_until(viewer, b"\ndata: ")
    door.end()


def numbers_ids():
    """The ids of the lines of the file numbers."""
    stream = subprocess.run(["sse-tail", "-n", "all", "-m", "1", "numbers"],
                            stdout=subprocess.PIPE, check=True).stdout
    return [line[4:].decode() for line in stream.split(b"\n")
            if line.startswith(b"id: ")]


def further(args):
    """args end with a program that follows the file numbers, from 1 to 300."""
    ids = numbers_ids()
    door = Door(args)
    first = door.ask(scgi(get()))
    read_until(first, b"\ndata: 300\n")
    clients = [door.ask((scgi if i % 2 else http)(
        get(HTTP_LAST_EVENT_ID=ids[i // 2]))) for i in range(80)]
    for i, client in enumerate(clients):
        got = read_until(client, b"\ndata: 300\n")
        numbers = [int(line[6:]) for line in got.split(b"\n")
                   if line.startswith(b"data: ")]
        if numbers != list(range(i // 2 + 2, 301)):
            sys.exit("from %d: %r" % (i, got[:2000]))
        if got.count(b"\r\n\r\n") != 1:
            sys.exit("not one header: %r" % got[:500])
    wait(lambda: viewers() == 81, "all at one channel")
    with open("numbers", "a") as numbers:
        numbers.write("301\n")
    for client in [first, *clients]:
        read_until(client, b"\ndata: 301\n")
    door.end()


def crammed(args):
    """As with further, but the lines of numbers are long."""
    ids = numbers_ids()
    door = Door(args)
    read_until(door.ask(scgi(get())), b"\ndata: ")
    clients = [door.ask(http(get(HTTP_LAST_EVENT_ID=name)))
               for name in ids[:400]]
    begin = time.monotonic()
    door.answer(http(dict(REQUEST_METHOD="HEAD")))
    door.answer(http(dict(REQUEST_METHOD="POST")))
    read_until(door.ask(scgi(get())), b"\ndata: ")
    read_until(door.ask(scgi(get(HTTP_LAST_EVENT_ID=ids[-2]))), b"\ndata: ")
    if time.monotonic() - begin > 3:
        sys.exit("others wait %f s" % (time.monotonic() - begin))
    for client in clients:
        client.settimeout(0)
    told = [client for client in clients if sends_back(client)]
    if len(told) < 100:
        sys.exit("only %d are told to come back" % len(told))
    door.end()


def sends_back(client):
    try:
        return b"\nretry: " in client.recv(1024)
    except BlockingIOError:
        return False


def told_to_come_back(client):
    got = read_all(client)
    if b"\nretry: " not in got or b"Status" in got:
        sys.exit("not told to come back: %r" % got)


def back(args):
    door = Door(args)
    told_to_come_back(door.ask(scgi(get())))
    told_to_come_back(door.ask(http(get())))
    door.end()


def short(args):
    door = Door(args)
    read_until(door.ask(scgi(get())), b"\ndata: ")
    resource.prlimit(door.process.pid, resource.RLIMIT_NOFILE, (20, 20))
    idle = [door.connect() for i in range(100)]
    late = door.ask(scgi(get()))
    time.sleep(0.2)
    for client in idle:
        client.close()
    read_until(late, b"\ndata: ")
    door.end()


if __name__ == "__main__":
    {"own": own, "deaf": deaf, "same": same, "crowd": crowd, "leave": leave,
     "hold": hold, "bad": bad, "many": many, "stop": stop, "back": back, "gather": gather,
     "further": further, "crammed": crammed, "short": short}[sys.argv[1]](sys.argv[2:])
