"""What a dashboard makes of the energy counter: scraped once a second, and the joules of a window are the last scrape
before its end less the last one before its start. Nothing is done for the edges."""

from bisect import bisect_right

from polling import measure
from pynvml import nvmlDeviceGetTotalEnergyConsumption


def joules(readings, start_ns, end_ns):
    first, last = (bisect_right(readings, (at_ns, float("inf"))) - 1 for at_ns in (start_ns, end_ns))
    return readings[last][1] - readings[first][1] if first >= 0 else None


measure(
    read=lambda handle: nvmlDeviceGetTotalEnergyConsumption(handle) / 1000,
    interval_s=1,
    joules=joules,
    after_s=0,
)
