"""The averaging window and the delay of field 186, by square waves whose periods are near the update period but no
multiple of it: the beat between both shows what the sensor averages over."""

from bench import Skipped, edges
from fit_averaging_window import fit_with_spread
from nvml import POWER_INSTANT
from polling import changes, poll, series

PERIODS = (0.75, 0.8, 1.25, 1.33)  # of the update period
WAVE_S = 8


def measure(bench, table):
    table.head("runs", "readings", "window ms", "+-", "delay ms", "+-", "unexplained W", "explained %")
    query = bench.device.fields(POWER_INSTANT)
    runs = []
    for factor in PERIODS:
        wave_s = bench.seconds(WAVE_S)
        with bench.load("square", wave_s, period_ms=factor * bench.update_period_ms) as answers:
            readings = poll(query, wave_s)
        ticks = [(t_ns, mw / 1000) for t_ns, mw in changes(series(readings, 0))]
        # The first tenth is left out: clocks rise, and the power with them.
        runs.append((edges(answers), ticks[len(ticks) // 10 :]))
    if not all(ticks for _, ticks in runs):
        raise Skipped("186 did not change")
    fit, window_error_ms, delay_error_ms = fit_with_spread(runs)
    table.row(
        len(runs),
        fit.readings,
        fit.window_ms,
        2 * window_error_ms,
        fit.delay_ms,
        2 * delay_error_ms,
        fit.unexplained_w,
        100 * fit.explained_share,
    )
    table.note(
        f"Square waves of {', '.join(str(factor) for factor in PERIODS)} times {bench.update_period_ms:.2f} ms, "
        f"{bench.seconds(WAVE_S):.0f} s each. +- is two standard errors, by leaving out each eighth of the readings. "
        "Where little is explained, the load did not show in the readings and the window means nothing."
    )
