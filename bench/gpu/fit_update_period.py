"""The update period of a published value, from the moments at which it changed."""

from dataclasses import dataclass
from math import sqrt
from statistics import median

# A change this far from a whole number of periods does not belong to the grid.
LARGEST_OFFSET = 0.25


@dataclass
class UpdatePeriod:
    period_ms: float
    standard_error_ms: float
    jitter_ms: float  # standard deviation of the changes around the grid
    changes: int
    off_grid: int  # gaps that are no multiple of the period
    phase_ns: int  # a moment on the grid

    def tick_after(self, t_ns):
        """The first moment of the grid at or after this one."""
        period_ns = self.period_ms * 1e6
        return int(self.phase_ns + -(-(t_ns - self.phase_ns) // period_ns) * period_ns)


def fit_update_period(times_ns):
    """Least squares of the change times on their running number, or None for fewer than five changes.

    A value that happens to stay the same over a tick makes a gap of two periods, so each gap counts for as many
    periods as it is nearest to. The smallest gap, which others take, is the one that jitter shortened most."""
    gaps = [after - before for before, after in zip(times_ns, times_ns[1:])]
    if len(gaps) < 4:
        return None
    single = sorted(gaps)[len(gaps) // 4]
    period_ns = median(gap / max(1, round(gap / single)) for gap in gaps)
    numbers = [0]
    off_grid = 0
    for gap in gaps:
        steps = max(1, round(gap / period_ns))
        off_grid += abs(gap / period_ns - steps) > LARGEST_OFFSET
        numbers.append(numbers[-1] + steps)
    slope, start, standard_error, deviation = line(numbers, [t_ns - times_ns[0] for t_ns in times_ns])
    return UpdatePeriod(
        slope / 1e6, standard_error / 1e6, deviation / 1e6, len(times_ns), off_grid, int(times_ns[0] + start)
    )


def line(xs, ys):
    """Slope, intercept, the slope's standard error and the standard deviation around the line."""
    n = len(xs)
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    spread = sum((x - mean_x) ** 2 for x in xs)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys)) / spread
    start = mean_y - slope * mean_x
    variance = sum((y - start - slope * x) ** 2 for x, y in zip(xs, ys)) / (n - 2)
    return slope, start, sqrt(variance / spread), sqrt(variance)


def nearest_offsets_ms(times_ns, others_ns):
    """For each time, how far after it (or before it: negative) the nearest of the others lies."""
    return [min((other - t_ns for other in others_ns), key=abs) / 1e6 for t_ns in times_ns] if others_ns else []
