"""What the tools share that read something again and again: a thread for each poller, all readings kept."""

import threading
import time

from pynvml import NVMLError, nvmlDeviceGetHandleByIndex, nvmlInit
from schedule import GPUS, POLLERS, WINDOWS, answer, done, ready, sleep_until


def measure(read, interval_s, joules, after_s):
    """Reads `read(handle)` of every GPU, sleeping so long in between, and answers `joules(readings, start_ns, end_ns)`
    of every window, so long after its end. Readings are pairs of nanoseconds, before the call, and what it said."""
    nvmlInit()
    handles = [nvmlDeviceGetHandleByIndex(gpu) for gpu in GPUS]
    readings = [[] for _ in GPUS]

    def poll(gpus):
        while True:
            for gpu in gpus:
                at_ns = time.monotonic_ns()
                try:
                    readings[gpu].append((at_ns, read(handles[gpu])))
                except NVMLError:
                    pass
            time.sleep(interval_s)

    for gpus in POLLERS:
        threading.Thread(target=poll, args=(gpus,), daemon=True).start()
    ready()

    for window, (start_ns, end_ns) in enumerate(WINDOWS):
        sleep_until(start_ns)
        began_ns = time.monotonic_ns()
        sleep_until(end_ns)
        ended_ns = time.monotonic_ns()
        time.sleep(after_s)
        for gpu in GPUS:
            answer(
                window=window,
                gpu=gpu,
                start_ns=began_ns,
                end_ns=ended_ns,
                joules=joules(readings[gpu], began_ns, ended_ns),
            )
    done()


def trapezoid(points):
    return sum((p + q) / 2 * (t - s) / 1e9 for (s, p), (t, q) in zip(points, points[1:]))
