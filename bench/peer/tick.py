#!/usr/bin/python3
# The CGI counter in Python; QUERY_STRING is the interval in seconds.
import os
import time

print('Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r')
n = 0
while True:
    n += 1
    print(f'id: {n}\ndata: {n} {time.monotonic_ns()}\n', flush=True)
    time.sleep(float(os.environ['QUERY_STRING']))
