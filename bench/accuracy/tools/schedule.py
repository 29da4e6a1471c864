"""What the Python tools share: the plan, one clock, one line of JSON for every answer."""

import json
import os
import resource
import sys
import time

with open(sys.argv[1]) as file:
    plan = json.load(file)

GPUS = range(plan["gpus"])
# Which GPUs are polled together: one that fails or is slow has a poller of its own.
POLLERS = plan["pollers"]
WINDOWS = plan["windows"]


def answer(**fields):
    # Not stdout: the libraries print there.
    os.write(3, (json.dumps(fields) + "\n").encode())


def ready():
    global cpu_s_before
    cpu_s_before = cpu_s()
    answer(ready=True)


def done():
    """Tells what the tool has cost since it was ready, its child processes with it."""
    answer(cpu_s=cpu_s() - cpu_s_before)


def cpu_s():
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def sleep_until(ns):
    time.sleep(max(0, ns - time.monotonic_ns()) / 1e9)


def timed(call, *args, **kwargs):
    """What a call answers, and the monotonic middle of it: the moment that it stands for."""
    before_ns = time.monotonic_ns()
    value = call(*args, **kwargs)
    return value, (before_ns + time.monotonic_ns()) // 2
