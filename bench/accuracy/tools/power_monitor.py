"""Zeus PowerMonitor: polls the instantaneous power in a process of its own, drops repetitions, integrates.

A monitor for each group of GPUs: one that fails ends the polling of all that share a monitor with it, one that is slow
holds them up. The period is given, because by itself version 0.16 settles on 0 and polls without a pause, on a core of
its own."""

import signal
import sys
import time

PERIOD_S = 0.05
# The queue between its processes must have passed the last reading on; one that is read only after a long window ends
# early, without the later readings.
PASSED_ON_AFTER_S = 0.2
DRAIN_EVERY_S = 1
# A machine that has other work too may need longer than the 10 s that Zeus waits for its process.
STARTS = 3
# Those of the longest window; all that it keeps is searched for every window.
KEPT_READINGS = 1000


def main():
    from schedule import POLLERS, WINDOWS, answer, done, ready, sleep_until
    from zeus.device import get_gpus
    from zeus.device.gpu.common import ZeusGPUNotSupportedError
    from zeus.monitor.power import PowerDomain, PowerMonitor

    class Monitor(PowerMonitor):
        def _determine_supported_domains(self):
            # By itself it looks at the machine's first GPU only, as all are one model elsewhere.
            return list(PowerDomain)

    def domain_of(gpu):
        try:
            get_gpus().get_instant_power_usage(gpu)
            return "device_instant"
        except ZeusGPUNotSupportedError:
            return "device_average"

    def monitor_of(gpus, starts_left=STARTS):
        try:
            return Monitor(
                gpu_indices=gpus,
                update_period=PERIOD_S,
                power_domains=[domain_of(gpus[0])],
                max_samples_per_gpu=KEPT_READINGS,
            )
        except RuntimeError:
            if starts_left == 1:
                raise
            return monitor_of(gpus, starts_left - 1)

    # Ended from outside, it must not leave its processes behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    monitors = [monitor_of(gpus) for gpus in POLLERS]
    ready()

    for window, edges_ns in enumerate(WINDOWS):
        edges = []
        for edge_ns in edges_ns:
            while edge_ns - time.monotonic_ns() > 2e9 * DRAIN_EVERY_S:
                time.sleep(DRAIN_EVERY_S)
                for monitor in monitors:
                    monitor.get_energy(time.time(), time.time())
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
    done()


# Its processes import this file again.
if __name__ == "__main__":
    main()
