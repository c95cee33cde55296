#!/usr/bin/env python3
"""utf8: records of random bytes, valid or not, and what a decoder of UTF-8
makes of them (WHATWG Encoding: one U+FFFD for each maximal part), beside what
a program writes.

usage: utf8.py SEED RECORDS COMMAND [ARG ...]

COMMAND reads the records on its stdin, one a line, or from the file that
stands in its arguments as FILE; with -0 they are NUL-ended. With -c it gets
them as id, event and data. What it writes is compared byte for byte."""

import os
import random
import subprocess
import sys
import tempfile

PIECES = [b'\xc3\xa4', b'\xe2\x82\xac', b'\xf0\x9f\x98\x80', b'\xed\x9f\xbf',
          b'\xee\x80\x80', b'\xef\xbb\xbf', b'\xf4\x8f\xbf\xbf',
          b'\xc0\x80', b'\xe0\x9f\xbf', b'\xed\xa0\x80', b'\xf4\x90\x80\x80',
          b'\xf0\x8f\xbf\xbf', b'\xf8\x88\x80\x80\x80', b'\xe2\x82',
          b'\xf0\x9f\x98', b'\xf0\x9f', b'\xc3', b'\x80', b'\xff']


def value(rand):
    wrong = rand.choice([0, 0, 0, 0.05, 0.5])
    plain = rand.random()
    text = b''
    for _ in range(rand.choice([0, 1, 3, 10, 20, 80, 300])):
        if rand.random() < wrong:
            text += bytes([rand.randrange(128, 256)]) \
                if rand.random() < 0.5 else rand.choice(PIECES)
        elif rand.random() < plain:
            text += bytes([rand.randrange(32, 127)])
        else:
            text += chr(rand.choice([rand.randrange(0x80, 0x800),
                                     rand.randrange(0x800, 0xd800),
                                     rand.randrange(0xe000, 0x110000),
                                     0xe4, 0xe4, 0xe4])).encode()
    return text


def decoded(text):
    return text.decode('utf-8', 'replace').encode()


def main():
    rand = random.Random(int(sys.argv[1]))
    command = sys.argv[3:]
    columns = '-c' in command
    records = [[value(rand) for _ in range(3 if columns else 1)]
               for _ in range(int(sys.argv[2]))]
    end = b'\0' if '-0' in command else b'\n'
    wanted = []
    for record in records:
        names = (b'id', b'event', b'data') if columns else (b'data',)
        for name, text in zip(names, record):
            if text or name == b'data':
                wanted.append(name + b': ' + decoded(text))
    with tempfile.NamedTemporaryFile() as file:
        file.write(b''.join(b'\t'.join(r) + end for r in records))
        file.flush()
        command = [file.name if a == 'FILE' else a for a in command]
        with open(file.name, 'rb') as stdin:
            out = subprocess.run(command, stdin=stdin, check=True,
                                 stdout=subprocess.PIPE).stdout
    ids = columns or 'sse-tail' not in command[0]
    out = out.split(b'\r\n\r\n', 1)[1]
    got = [line for line in out.split(b'\n') if line and line != b':' and
           (ids or not line.startswith(b'id: '))]
    for at, line in enumerate(wanted):
        if at >= len(got) or got[at] != line:
            print('field', at, 'should be', line[:200], 'is',
                  got[at][:200] if at < len(got) else 'missing')
            sys.exit(1)
    print(f'{len(wanted)} fields are right')


main()
