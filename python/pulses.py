#!/usr/bin/env python3
"""Makes a GPU work and rest in square waves, and says when: the load that `llem calibrate` starts by itself.

    python3 pulses.py --period-ms 67 --period-ms 127 --for-s 4

One line of JSON at each edge, {"t_ns": 123, "on": true}, with t_ns on CLOCK_MONOTONIC: "on" just before the first kernel
is launched, "off" after the last one has ended. The periods follow one another, each for so long, again and again
until stdin is closed. It needs PyTorch with CUDA, works on the first device that CUDA_VISIBLE_DEVICES leaves, and
changes no setting of it. Where there is none it prints {"unavailable": REASON} and ends with 1."""

import argparse
import json
import os
import select
import sys
import time

STEP_NS = 500_000  # an edge is late by at most one step of the work
SPIN_NS = 1_000_000  # a sleeper wakes late, so the last millisecond is spent awake


def main():
    options = arguments().parse_args()
    try:
        work = matrix_products()
    except Exception as error:  # whatever PyTorch finds wrong is the reason
        say({"unavailable": str(error).split("\n")[0]})
        return 1
    at_ns = time.monotonic_ns()
    while True:
        for period_ms in options.period_ms:
            end_ns = at_ns + int(options.for_s * 1e9)
            while at_ns < end_ns:
                if stdin_is_closed():
                    return 0
                # Counted from the start, so that no lateness adds up.
                at_ns = pulse(work, at_ns, int(period_ms * 1e6))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--period-ms", type=float, action="append", required=True)
    parser.add_argument("--for-s", type=float, default=4)
    return parser


def pulse(work, start_ns, period_ns):
    """Works for half a period, rests for the other half; answers when it ends."""
    say({"t_ns": time.monotonic_ns(), "on": True})
    while time.monotonic_ns() < start_ns + period_ns // 2:
        work()
    say({"t_ns": time.monotonic_ns(), "on": False})
    wait_until(start_ns + period_ns)
    return start_ns + period_ns


def matrix_products():
    """A function that keeps the GPU busy for less than STEP_NS and returns when it is done."""
    import torch

    if not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no CUDA device")
    # Before Ampere there is no fast bfloat16.
    dtype = torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16
    for n in (4096, 2048, 1024, 512):
        # Random numbers, because zeros take far less power; scaled so that products keep their size.
        a, b = (torch.randn(n, n, device="cuda", dtype=dtype) / n**0.5 for _ in range(2))
        out = torch.empty_like(a)

        def work(times=1):
            for _ in range(times):
                torch.matmul(a, b, out=out)
            torch.cuda.synchronize()

        work()  # the first use of a kernel takes long
        start_ns = time.monotonic_ns()
        work(10)
        product_ns = (time.monotonic_ns() - start_ns) / 10
        if product_ns < STEP_NS:
            break
    # Between two steps the GPU waits for the host, which must be a small part of the time.
    times = max(1, int(STEP_NS / product_ns))
    return lambda: work(times)


def wait_until(t_ns):
    left_ns = t_ns - time.monotonic_ns() - SPIN_NS
    if left_ns > 0:
        time.sleep(left_ns / 1e9)
    while time.monotonic_ns() < t_ns:
        pass


def stdin_is_closed():
    """Whoever started this is gone, or has enough."""
    readable, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(readable) and not os.read(sys.stdin.fileno(), 4096)


def say(line):
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
