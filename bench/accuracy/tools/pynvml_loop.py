"""The loop that people write: nvmlDeviceGetPowerUsage, sleep 100 ms, trapezoid over the readings in the window."""

from bisect import bisect_left, bisect_right

from polling import measure, trapezoid
from pynvml import nvmlDeviceGetPowerUsage


def joules(readings, start_ns, end_ns):
    return trapezoid(readings[bisect_left(readings, (start_ns, 0)) : bisect_right(readings, (end_ns, float("inf")))])


measure(
    read=lambda handle: nvmlDeviceGetPowerUsage(handle) / 1000,
    interval_s=0.1,
    joules=joules,
    after_s=0,
)
