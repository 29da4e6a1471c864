"""The loop that people write: nvmlDeviceGetPowerUsage, sleep 100 ms, trapezoid over the readings in the window."""

import threading
import time

from pynvml import NVMLError, nvmlDeviceGetHandleByIndex, nvmlDeviceGetPowerUsage, nvmlInit
from schedule import GPUS, WINDOWS, answer, sleep_until

INTERVAL_S = 0.1

nvmlInit()
handles = [nvmlDeviceGetHandleByIndex(gpu) for gpu in GPUS]
readings = [[] for _ in GPUS]


def poll():
    while True:
        for gpu, handle in enumerate(handles):
            at_ns = time.monotonic_ns()
            try:
                readings[gpu].append((at_ns, nvmlDeviceGetPowerUsage(handle) / 1000))
            except NVMLError:
                pass
        time.sleep(INTERVAL_S)


def trapezoid(points):
    return sum((p + q) / 2 * (t - s) / 1e9 for (s, p), (t, q) in zip(points, points[1:]))


threading.Thread(target=poll, daemon=True).start()
answer(ready=True)

for window, (start_ns, end_ns) in enumerate(WINDOWS):
    sleep_until(start_ns)
    began_ns = time.monotonic_ns()
    sleep_until(end_ns)
    ended_ns = time.monotonic_ns()
    for gpu in GPUS:
        inside = [reading for reading in readings[gpu] if began_ns <= reading[0] <= ended_ns]
        readings[gpu] = []
        answer(window=window, gpu=gpu, start_ns=began_ns, end_ns=ended_ns, joules=trapezoid(inside))
