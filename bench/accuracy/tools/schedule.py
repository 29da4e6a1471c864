"""What the Python tools share: the plan, one clock, one line of JSON for every answer."""

import json
import os
import sys
import time

with open(sys.argv[1]) as file:
    plan = json.load(file)

GPUS = range(plan["gpus"])
WINDOWS = plan["windows"]


def answer(**fields):
    # Not stdout: the libraries print there.
    os.write(3, (json.dumps(fields) + "\n").encode())


def sleep_until(ns):
    time.sleep(max(0, ns - time.monotonic_ns()) / 1e9)


def timed(call, *args, **kwargs):
    """What a call answers, and the monotonic middle of it: the moment that it stands for."""
    before_ns = time.monotonic_ns()
    value = call(*args, **kwargs)
    return value, (before_ns + time.monotonic_ns()) // 2
