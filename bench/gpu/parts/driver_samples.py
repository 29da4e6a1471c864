"""What nvmlDeviceGetSamples has buffered: perhaps finer and cheaper than polling."""

import time
from contextlib import nullcontext
from statistics import mean, median

from bench import Skipped
from nvml import MODULE_POWER_SAMPLES, POWER_INSTANT, TOTAL_POWER_SAMPLES, NvmlError
from polling import poll, series

POLL_S = 4


def measure(bench, table):
    table.head("samples", "n", "spacing ms min", "p50", "max", "span s", "mean W", "mean of 186 W", "seen in 186 %")
    for_s = bench.seconds(POLL_S)
    try:
        bench.load_process()
        load = bench.load("bursts", for_s + 0.5)
    except Skipped as skipped:
        table.skip("a varying load", skipped)
        load = nullcontext()
    with load:
        start_us = time.time_ns() // 1000
        monotonic_to_unix_ns = time.time_ns() - time.monotonic_ns()
        readings = [
            (t_ns + monotonic_to_unix_ns, mw)
            for t_ns, mw in series(poll(bench.device.fields(POWER_INSTANT), for_s, pause_s=0.001), 0)
        ]
        for name, kind in (("TOTAL_POWER", TOTAL_POWER_SAMPLES), ("MODULE_POWER", MODULE_POWER_SAMPLES)):
            try:
                add(table, name, bench.device.samples(kind), start_us, readings)
            except NvmlError as error:
                table.skip(name, error)
    table.note(
        "The means are over the time that both cover. 'seen in 186': of the samples in that time, how many have a "
        "value that polling 186 has seen."
    )


def add(table, name, samples, start_us, readings):
    if len(samples) < 2:
        table.skip(name, f"the driver had {len(samples)} samples")
        return
    gaps_ms = [(b - a) / 1000 for (a, _), (b, _) in zip(samples, samples[1:])]
    span_s = (samples[-1][0] - samples[0][0]) / 1e6
    end_us = readings[-1][0] / 1000 if readings else 0
    shared = [mw for us, mw in samples if start_us <= us <= end_us]
    polled = [mw for t_ns, mw in readings if t_ns / 1000 >= max(start_us, samples[0][0])]
    seen = {mw for _, mw in readings}
    table.row(
        name,
        len(samples),
        min(gaps_ms),
        median(gaps_ms),
        max(gaps_ms),
        span_s,
        mean(shared) / 1000 if shared else None,
        mean(polled) / 1000 if polled else None,
        100 * mean(mw in seen for mw in shared) if shared else None,
    )
