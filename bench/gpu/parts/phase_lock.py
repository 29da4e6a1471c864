"""Does the energy counter integrate what the power readings never see? A square wave as long as the update period, at
eight phases of the sensor: the same work each time, of which the readings see another part each time."""

import time
from statistics import mean, stdev

from nvml import ENERGY, POWER_INSTANT
from polling import between_ticks, held_joules, poll, series

PHASES = 8
WAVE_S = 8
SETTLE_S = 1


def measure(bench, table):
    table.head("phase", "186 held W", "counter W", "difference %")
    query = bench.device.fields(POWER_INSTANT, ENERGY)
    held_w, counter_w = [], []
    for phase in range(PHASES):
        wave_s = bench.seconds(WAVE_S)
        start_ns = start_at(bench, phase / PHASES)
        with bench.load("square", wave_s, period_ms=bench.update_period_ms, start_ns=start_ns):
            time.sleep(max(0, (start_ns - time.monotonic_ns()) / 1e9) + min(SETTLE_S, wave_s / 4))
            readings = poll(query, start_ns / 1e9 + wave_s - time.monotonic())
        ticks = between_ticks(series(readings, 1))
        if ticks is None:
            table.skip(f"phase {phase}/{PHASES}", "the counter ticked less than twice")
            continue
        from_ns, to_ns, joules = ticks
        length_s = (to_ns - from_ns) / 1e9
        counter_w.append(joules / length_s)
        held_w.append(held_joules(series(readings, 0), from_ns, to_ns) / length_s)
        table.row(f"{phase}/{PHASES}", held_w[-1], counter_w[-1], 100 * (held_w[-1] / counter_w[-1] - 1))
    if len(counter_w) >= 3:
        verdict(table, held_w, counter_w)


def start_at(bench, phase):
    """A moment at this phase of the sensor's grid, late enough for the load to be ready."""
    soon_ns = time.monotonic_ns() + 200_000_000
    tick_ns = bench.update_period.tick_after(soon_ns) if bench.update_period else soon_ns
    return int(tick_ns + phase * bench.update_period_ms * 1e6)


def verdict(table, held_w, counter_w):
    held_pct, counter_pct = (100 * stdev(watts) / mean(watts) for watts in (held_w, counter_w))
    mean_pct = 100 * (mean(held_w) / mean(counter_w) - 1)
    table.note(
        f"Over the phases the readings scatter by {held_pct:.1f} %, the counter by {counter_pct:.1f} % (standard "
        f"deviations); the means differ by {mean_pct:+.1f} %."
    )
    if held_pct < 3:
        table.note(
            "The readings hardly depend on the phase, so this says nothing about the counter: either they see all "
            "of the period or the wave did not reach the GPU."
        )
    elif counter_pct < held_pct / 5:
        table.note("The counter does not depend on the phase: it integrates what the readings do not see.")
    else:
        table.note("The counter depends on the phase as the readings do: it does not integrate what they do not see.")
