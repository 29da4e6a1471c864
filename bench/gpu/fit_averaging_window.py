"""The averaging window and the delay of a power reading, from a load whose edges are known: the reading that appears
at tick u is the mean of the power over [u - delay - window, u - delay] (the method of arXiv:2312.02741)."""

from bisect import bisect_right
from dataclasses import dataclass

# From a tenth of the shortest known period to beyond the one-second average of nvml.h.
WINDOWS_MS = [4 * 1.25**step for step in range(28)]
DELAYS_MS = list(range(0, 330, 10))
BLOCKS = 8
FINER = 6  # how often the grid is made three times finer around its best point


@dataclass
class AveragingWindow:
    window_ms: float
    delay_ms: float
    unexplained_w: float  # root mean square of what the fit leaves
    explained_share: float  # of the variance of the readings; near 0: the load does not show in them
    readings: int


def fit_averaging_window(runs):
    """The window and delay that explain all runs best, by least squares. A run is (edges, ticks): edges (t_ns, is_on),
    ticks (t_ns, power_w) at the moments when the reading changed. Each run has its own power when on and off, since a
    board draws more when it is warm."""
    prepared = [(OnTime(edges), ticks) for edges, ticks in runs]
    best = min((misfit(prepared, window, delay), window, delay) for window in WINDOWS_MS for delay in DELAYS_MS)
    window_step, delay_step = 0.25 * best[1], 10.0
    for _ in range(FINER):
        window_step, delay_step = window_step / 3, delay_step / 3
        _, window, delay = best
        around = [
            (max(window + i * window_step, 0.5), max(delay + j * delay_step, 0.0))
            for i in range(-3, 4)
            for j in range(-3, 4)
        ]
        best = min((misfit(prepared, *point), *point) for point in around)
    left, window, delay = best
    readings = sum(len(ticks) for _, ticks in runs)
    total = sum(sum_of_squares([power_w for _, power_w in ticks]) for _, ticks in runs)
    return AveragingWindow(window, delay, (left / readings) ** 0.5, 1 - left / total if total else 0.0, readings)


def fit_with_spread(runs):
    """The fit, and the standard errors of window and delay by leaving out each eighth of all runs once (jackknife).
    Not a whole run: each covers phases that the others do not, and without it another window may fit as well."""
    fit = fit_averaging_window(runs)
    others = [
        fit_averaging_window([(edges, without_block(ticks, block)) for edges, ticks in runs])
        for block in range(BLOCKS)
    ]
    windows_ms, delays_ms = zip(*((each.window_ms, each.delay_ms) for each in others))
    return fit, jackknife_error(windows_ms), jackknife_error(delays_ms)


def without_block(ticks, block):
    return [tick for i, tick in enumerate(ticks) if i * BLOCKS // len(ticks) != block]


def jackknife_error(estimates):
    n = len(estimates)
    return ((n - 1) / n * sum_of_squares(estimates)) ** 0.5


class OnTime:
    """How long a load was on until a moment."""

    def __init__(self, edges):
        self.times, self.totals, self.states = [], [], []
        total = 0
        for t_ns, is_on in edges:
            if self.times and self.states[-1]:
                total += t_ns - self.times[-1]
            self.times.append(t_ns)
            self.totals.append(total)
            self.states.append(is_on)

    def until(self, t_ns):
        last = bisect_right(self.times, t_ns) - 1
        if last < 0:
            return 0
        return self.totals[last] + (t_ns - self.times[last] if self.states[last] else 0)


def sum_of_squares(values):
    mean = sum(values) / max(len(values), 1)
    return sum((value - mean) ** 2 for value in values)


def misfit(runs, window_ms, delay_ms):
    """The sum of squares, in W^2, that is left when each run's readings are a line of the share of the window in which
    the load was on."""
    window_ns, delay_ns = window_ms * 1e6, delay_ms * 1e6
    left = 0.0
    for on_time, ticks in runs:
        until = on_time.until
        n = len(ticks)
        x = y = xx = xy = yy = 0.0
        for t_ns, power_w in ticks:
            end_ns = t_ns - delay_ns
            share = (until(end_ns) - until(end_ns - window_ns)) / window_ns
            x += share
            y += power_w
            xx += share * share
            xy += share * power_w
            yy += power_w * power_w
        if n == 0:
            continue
        spread, shared, total = xx - x * x / n, xy - x * y / n, yy - y * y / n
        left += total - (shared * shared / spread if spread > 1e-12 else 0.0)
    return max(left, 0.0)
