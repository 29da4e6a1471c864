"""What is done with `nvidia-smi --query-gpu=power.draw -l 1`, as InferenceX does: trapezoids between readings a second
apart, interpolated at both edges of the window, and nothing where two of them are more than 3 s apart.

There is no nvidia-smi over simulated GPUs. Its power.draw is nvmlDeviceGetPowerUsage: the mean over a second from
Ampere on, but not on GA100, an instantaneous reading on the others."""

from bisect import bisect_left, bisect_right

from polling import measure, trapezoid
from pynvml import nvmlDeviceGetPowerUsage

LARGEST_GAP_NS = 3e9


def joules(readings, start_ns, end_ns):
    first = bisect_right(readings, (start_ns, float("inf"))) - 1
    last = bisect_left(readings, (end_ns, 0))
    if first < 0 or last == len(readings):
        return None
    around = readings[first : last + 1]
    if any(right[0] - left[0] > LARGEST_GAP_NS for left, right in zip(around, around[1:])):
        return None
    at_start = (start_ns, between(around[0], around[1], start_ns))
    at_end = (end_ns, between(around[-2], around[-1], end_ns))
    return trapezoid([at_start, *around[1:-1], at_end])


def between(left, right, at_ns):
    share = (at_ns - left[0]) / (right[0] - left[0])
    return left[1] + share * (right[1] - left[1])


measure(
    read=lambda handle: nvmlDeviceGetPowerUsage(handle) / 1000,
    interval_s=1,
    joules=joules,
    # The reading after the window has come.
    after_s=1.2,
)
