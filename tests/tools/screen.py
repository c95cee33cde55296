#!/usr/bin/env python3
"""screen.py: draws whole screens, as top does: anew at SIGWINCH and when the
file "screen" here has another number, which is part of what it draws."""

import os
import signal
import time

drawn = None


def draw():
    size = os.get_terminal_size(1)
    text = "\033[2J\033[H"
    for row in range(size.lines):
        line = f"{row:2} screen {drawn} ü漢 <b>&amp;</b> " + "=" * row
        text += f"\033[{row + 1};1H\033[3{row % 8}m{line[:size.columns - 4]}"
    os.write(1, (text + "\033[0m").encode())


signal.signal(signal.SIGWINCH, lambda *_: draw())
while True:
    with open("screen", encoding="ascii") as file:
        number = file.read().strip()
    if number != drawn:
        drawn = number
        draw()
    time.sleep(0.05)
