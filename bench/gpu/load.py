#!/usr/bin/env python3
"""Works a GPU on a schedule and says when: python3 load.py KIND [OPTIONS] prints one JSON line at each edge,

    {"t_ns": 123, "on": true, "work": "matmul"}

with t_ns on CLOCK_MONOTONIC, llem's clock: at "on" just before the first kernel is launched, at "off" just after the
last one has ended. It needs PyTorch and nothing else, and changes no setting of the GPU. Kinds:

    square    on for DUTY of each PERIOD, then off
    constant  always on
    bursts    on and off for random 20 to 300 ms
    decode    like serving: passes over weights at the speed of the memory, now and then 150 ms of matrix products
    steps     identical decode steps; the last line has their number and durations
    serve     reads a line of JSON from stdin for each load, e.g. ["square", "--for-s", "10"], until stdin closes

    python3 load.py square --period-ms 125 --duty 0.5 --for-s 10

Where the device is not there it prints {"unavailable": REASON} and ends with 1. `--device none` keeps the host busy
instead of a GPU, for trying a schedule out."""

import argparse
import json
import random
import sys
import time

MATMUL = "matmul"
DECODE = "decode"
DECODE_PASSES_PER_STEP = 8  # a step of some milliseconds, as an 8 billion parameter model has at a small batch


def main():
    options = parser().parse_args()
    try:
        work = Work.on(options.device)
        # The first use of a kernel takes long, and belongs before the first edge.
        work.prepare(with_decoder=options.kind in ("decode", "steps", "serve"))
    except Exception as error:  # whatever PyTorch finds wrong is the reason
        say({"unavailable": str(error).split("\n")[0]})
        return 1
    if options.kind != "serve":
        run(options, work)
        return 0
    say({"ready": work.name})
    for line in sys.stdin:
        run(parser().parse_args(json.loads(line)), work)
    return 0


def parser():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("kind", choices=[*SCHEDULES, "steps", "serve"])
    arguments.add_argument("--period-ms", type=float, default=125)
    arguments.add_argument("--duty", type=float, default=0.5)
    arguments.add_argument("--for-s", type=float, default=10)
    arguments.add_argument("--start-ns", type=int, help="begin at this moment of CLOCK_MONOTONIC")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--device", default="cuda", help="what PyTorch calls it: cuda, cuda:1, cpu; or none")
    return arguments


def square(options):
    on_s = options.period_ms / 1000 * options.duty
    off_s = options.period_ms / 1000 - on_s
    while True:
        yield on_s, MATMUL
        yield off_s, None


def constant(_options):
    while True:
        yield 1.0, MATMUL


def bursts(options):
    chance = random.Random(options.seed)
    while True:
        yield chance.uniform(0.02, 0.3), MATMUL
        yield chance.uniform(0.02, 0.3), None


def decode(options):
    chance = random.Random(options.seed)
    while True:
        yield chance.uniform(0.1, 1.3), DECODE
        yield 0.15, MATMUL


SCHEDULES = {"square": square, "constant": constant, "bursts": bursts, "decode": decode}


def run(options, work):
    """Runs one load and closes it with a line that has "done"."""
    if options.start_ns is not None:
        wait_until(options.start_ns)
    result = steps(options, work) if options.kind == "steps" else scheduled(options, work)
    say({"done": options.kind, "t_ns": time.monotonic_ns(), **result})


def scheduled(options, work):
    """Each stretch ends when the schedule says, counted from the start: no error adds up."""
    at_ns = options.start_ns if options.start_ns is not None else time.monotonic_ns()
    end_ns = at_ns + int(options.for_s * 1e9)
    for for_s, kind in SCHEDULES[options.kind](options):
        until_ns = min(at_ns + int(for_s * 1e9), end_ns)
        say({"t_ns": time.monotonic_ns(), "on": kind is not None, "work": kind})
        if kind is None:
            wait_until(until_ns)
        else:
            while time.monotonic_ns() < until_ns:
                work.step(kind)
        at_ns = until_ns
        if at_ns >= end_ns:
            break
    say({"t_ns": time.monotonic_ns(), "on": False, "work": None})
    return {}


def steps(options, work):
    start_ns = before_ns = time.monotonic_ns()
    end_ns = start_ns + int(options.for_s * 1e9)
    durations_ms = []
    while before_ns < end_ns:
        work.step(DECODE, DECODE_PASSES_PER_STEP)
        after_ns = time.monotonic_ns()
        durations_ms.append((after_ns - before_ns) / 1e6)
        before_ns = after_ns
    durations_ms.sort()
    n = len(durations_ms)
    return {
        "steps": n,
        "seconds": (before_ns - start_ns) / 1e9,
        "p50_ms": durations_ms[n // 2],
        "p99_ms": durations_ms[min(n - 1, int(0.99 * n))],
    }


class Work:
    """A matrix product and a pass over decoder weights, each short (below a millisecond on a datacenter GPU) and
    finished when `step` returns. Random numbers, because zeros take far less power."""

    DECODE_LAYERS = 32
    MATMUL_STEP_NS = 500_000  # an edge is late by at most one step

    def __init__(self, torch, device):
        self.torch = torch
        self.device = device
        self.is_cuda = device.startswith("cuda")
        self.name = torch.cuda.get_device_name(device) if self.is_cuda else device
        # Before Ampere there is no fast bfloat16.
        is_old = self.is_cuda and torch.cuda.get_device_capability(device)[0] < 8
        self.dtype = (torch.float16 if is_old else torch.bfloat16) if self.is_cuda else torch.float32

    @staticmethod
    def on(device):
        if device == "none":
            return HostWork()
        import torch

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise RuntimeError("PyTorch sees no CUDA device")
        return Work(torch, device)

    def prepare(self, with_decoder):
        self._prepare_matrices()
        if with_decoder:
            self._prepare_decoder()
            self.step(DECODE)

    def step(self, kind, times=1):
        if kind == MATMUL:
            a, b, out = self.matrices
            for _ in range(times * self.products):
                self.torch.matmul(a, b, out=out)
        else:
            for _ in range(times):
                token = self.token
                for weight in self.weights:
                    token = token @ weight
        if self.is_cuda:
            self.torch.cuda.synchronize(self.device)

    def _random(self, rows, columns):
        # Scaled so that numbers keep their size from layer to layer.
        return self.torch.randn(rows, columns, device=self.device, dtype=self.dtype) / rows**0.5

    def _prepare_matrices(self):
        """Matrices so large that a product fits into a step, and as many products as fill it: between two steps the
        GPU waits for the host, which must be a small part of the time."""
        for n in (4096, 2048, 1024, 512) if self.is_cuda else (256,):
            self.matrices = self._random(n, n), self._random(n, n), self._random(n, n)
            self.products = 10
            self.step(MATMUL)
            start_ns = time.monotonic_ns()
            self.step(MATMUL)
            product_ns = (time.monotonic_ns() - start_ns) / self.products
            self.products = max(1, int(self.MATMUL_STEP_NS / product_ns))
            if product_ns < self.MATMUL_STEP_NS:
                break

    def _prepare_decoder(self):
        """2 GiB of weights on a GPU, which no cache holds, and a batch of 8."""
        n = 5792 if self.is_cuda else 256
        self.token = self._random(8, n) * n**0.5
        self.weights = [self._random(n, n) for _ in range(self.DECODE_LAYERS)]


class HostWork:
    """Keeps one core of the host busy."""

    name = "none"

    def prepare(self, with_decoder):
        pass

    def step(self, _kind, times=1):
        end_ns = time.monotonic_ns() + times * 200_000
        while time.monotonic_ns() < end_ns:
            pass


def wait_until(t_ns):
    """Sleeps, and spins through the last millisecond, because a sleeper wakes late."""
    left_ns = t_ns - time.monotonic_ns() - 1_000_000
    if left_ns > 0:
        time.sleep(left_ns / 1e9)
    while time.monotonic_ns() < t_ns:
        pass


def say(line):
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    sys.exit(main())
