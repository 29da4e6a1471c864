"""Zeus PowerMonitor: polls the instantaneous power in a process of its own, drops repetitions, integrates.

Two monitors: a failing GPU ends the polling of all that it shares a monitor with. The period is given, because by
itself version 0.16 settles on 0 and polls without a pause, on a core of its own."""

import signal
import sys
import time

PERIOD_S = 0.05
# The queue between its processes must have passed the last reading on; one that is read only after a long window ends
# early, without the later readings.
PASSED_ON_AFTER_S = 0.2
DRAIN_EVERY_S = 1


def main():
    from schedule import GPUS, WINDOWS, answer, plan, sleep_until
    from zeus.monitor.power import PowerMonitor

    # Ended from outside, it must not leave its processes behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    faulty = plan["faulty"]
    groups = [[gpu for gpu in GPUS if gpu not in faulty], faulty]
    monitors = [
        PowerMonitor(gpu_indices=group, update_period=PERIOD_S, power_domains=["device_instant"])
        for group in groups
        if group
    ]
    answer(ready=True)

    for window, edges_ns in enumerate(WINDOWS):
        edges = []
        for edge_ns in edges_ns:
            while edge_ns - time.monotonic_ns() > 2e9 * DRAIN_EVERY_S:
                time.sleep(DRAIN_EVERY_S)
                for monitor in monitors:
                    monitor.get_power()
            sleep_until(edge_ns)
            edges.append((time.monotonic_ns(), time.time()))
        (start_ns, start), (end_ns, end) = edges
        time.sleep(PASSED_ON_AFTER_S)
        for monitor in monitors:
            joules = monitor.get_energy(start, end) or {}
            for gpu in monitor.gpu_indices:
                answer(window=window, gpu=gpu, start_ns=start_ns, end_ns=end_ns, joules=joules.get(gpu))
    for monitor in monitors:
        monitor.stop()


# Its processes import this file again.
if __name__ == "__main__":
    main()
