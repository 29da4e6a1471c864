"""Wakes up every 10 ms and writes, in microseconds, how late 99 % of its wakes were at most: bare-sleeper.py SECONDS FILE.

It does nothing else, so it is what the machine itself adds to any deadline.
"""

import sys
import time
from pathlib import Path

INTERVAL_S = 0.01

wakes = int(float(sys.argv[1]) / INTERVAL_S)
start = time.monotonic()
late = []
for number in range(1, wakes + 1):
    due = start + number * INTERVAL_S
    time.sleep(max(0, due - time.monotonic()))
    late.append(time.monotonic() - due)
Path(sys.argv[2]).write_text(str(round(1e6 * sorted(late)[int(0.99 * wakes)])))
