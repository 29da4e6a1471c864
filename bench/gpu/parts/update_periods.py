"""How often the driver renews its power readings and its energy counter, whether both at once, and what its time stamp
means."""

import time
from contextlib import nullcontext
from statistics import median

from bench import Skipped
from fit_update_period import fit_update_period, nearest_offsets_ms
from nvml import ENERGY, POWER_AVERAGE, POWER_INSTANT
from polling import changes, poll, series

TOGETHER_S = 8
ALONE_S = 5


def measure(bench, table):
    table.head("polled", "value", "period ms", "+-", "jitter ms", "changes", "off grid", "poll every ms")
    together = ((POWER_INSTANT, "186"), (POWER_AVERAGE, "185"), (ENERGY, "83"))
    readings = polled(bench, table, [field for field, _ in together], bench.seconds(TOGETHER_S, at_least_s=3))
    times = {}
    for position, (field, name) in enumerate(together):
        times[field] = [t_ns for t_ns, _ in changes(series(readings, position))]
        add(table, "together", name, times[field], readings)
    alone = polled(bench, table, [POWER_INSTANT], bench.seconds(ALONE_S, at_least_s=2))
    alone_times = [t_ns for t_ns, _ in changes(series(alone, 0))]
    bench.update_period = add(table, "alone", "186", alone_times, alone) or fit_update_period(times[POWER_INSTANT])
    ticks_together(table, times, readings)
    time_stamp(bench, table)


def polled(bench, table, fields, for_s):
    """Under a load that keeps the value changing, where there is one."""
    try:
        bench.load_process()
        load = bench.load("bursts", for_s + 0.5)
    except Skipped as skipped:
        if not table.skipped:
            table.skip("a varying load", f"{skipped}; a steady power may change too seldom to show its period")
        load = nullcontext()
    with load:
        return poll(bench.device.fields(*fields), for_s)


def add(table, how, name, times, readings):
    every_ms = median(b - a for (a, _), (b, _) in zip(readings, readings[1:])) / 1e6 if len(readings) > 1 else None
    fit = fit_update_period(times)
    if fit is None:
        table.row(how, name, None, None, None, len(times), None, every_ms)
    else:
        table.row(
            how, name, fit.period_ms, 2 * fit.standard_error_ms, fit.jitter_ms, fit.changes, fit.off_grid, every_ms
        )
    return fit


def ticks_together(table, times, readings):
    offsets = nearest_offsets_ms(times[ENERGY], times[POWER_INSTANT])
    if not offsets or len(readings) < 2:
        table.skip("whether 83 and 186 tick together", "one of them never changed")
        return
    every_ms = median(b - a for (a, _), (b, _) in zip(readings, readings[1:])) / 1e6
    same = sum(abs(offset) <= 1.5 * every_ms for offset in offsets) / len(offsets)
    table.note(
        f"{100 * same:.0f} % of the counter's ticks fall into the same poll as a change of 186; the median offset "
        f"from 83 to the nearest 186 is {median(offsets):+.2f} ms. +- is two standard errors."
    )


def time_stamp(bench, table):
    """nvmlFieldValue_t.timestamp: does it move with each call, or with each new value?"""
    query = bench.device.fields(POWER_INSTANT)
    stamps, values, latencies = [], [], []
    for _ in range(500):
        time.sleep(0.001)
        value = query.read()[0]
        if value is not None:
            stamps.append(query.values[0].timestamp)
            latencies.append(query.values[0].latencyUsec)
            values.append(value)
    if not stamps:
        table.skip("the time stamp", "186 is not readable")
        return
    moves = sum(a != b for a, b in zip(stamps, stamps[1:]))
    new_values = sum(a != b for a, b in zip(values, values[1:]))
    meaning = "of the call" if moves > 0.9 * (len(stamps) - 1) else "of the reading, or of neither"
    table.note(
        f"nvmlFieldValue_t.timestamp moved in {moves} of {len(stamps) - 1} calls, one a millisecond, while the value "
        f"changed in {new_values}: it is the time {meaning}. latencyUsec: median {median(latencies)}."
    )
