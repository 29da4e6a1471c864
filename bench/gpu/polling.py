"""Readings as fast as the driver gives them, and what can be computed from them. A reading is (t_ns, values): the
middle of the call on CLOCK_MONOTONIC, which is llem's clock too, and one value for each field."""

import time
from statistics import median

# A change that is known this well is worth keeping, however fast the polling is otherwise.
SHARP_NS = 3_000_000


def poll(query, for_s, pause_s=0.0):
    """Reads again and again for so long; a reading that fails is left out."""
    readings = []
    now_ns = time.monotonic_ns
    end_ns = now_ns() + int(for_s * 1e9)
    before_ns = now_ns()
    while before_ns < end_ns:
        values = query.read()
        if None not in values:
            readings.append(((before_ns + now_ns()) // 2, values))
        if pause_s:
            time.sleep(pause_s)
        before_ns = now_ns()
    return readings


def series(readings, position):
    """One field of the readings, as (t_ns, value)."""
    return [(t_ns, values[position]) for t_ns, values in readings]


def changes(points):
    """When a value became another, as (t_ns, value): the middle between the last reading of the old value and the first
    of the new. A change that fell into a stall of this process is left out, since nobody saw when it was."""
    gaps = [after - before for (before, _), (after, _) in zip(points, points[1:])]
    if not gaps:
        return []
    longest_ns = max(5 * median(gaps), SHARP_NS)
    return [
        ((before + after) // 2, value)
        for (before, old), (after, value) in zip(points, points[1:])
        if value != old and after - before <= longest_ns
    ]


def held_joules(power_mw, from_ns, to_ns):
    """The integral of power readings, each held until the next, in joules."""
    joules = 0.0
    for (t_ns, milliwatts), (next_ns, _) in zip(power_mw, power_mw[1:] + [(to_ns, 0)]):
        overlap_ns = min(next_ns, to_ns) - max(t_ns, from_ns)
        if overlap_ns > 0:
            joules += milliwatts * 1e-3 * overlap_ns * 1e-9
    return joules


def between_ticks(counter_mj):
    """The energy counter from its first change to its last, where its value belongs to a moment: (from_ns, to_ns,
    joules), or None for fewer than two changes."""
    ticks = changes(counter_mj)
    if len(ticks) < 2:
        return None
    (from_ns, first_mj), (to_ns, last_mj) = ticks[0], ticks[-1]
    return from_ns, to_ns, (last_mj - first_mj) * 1e-3
