"""python pynvml_loop.py INTERVAL_MS SECONDS: nvmlDeviceGetPowerUsage and sleep, and what that cost, in JSON."""

import json
import sys
import time

from pynvml import nvmlDeviceGetHandleByIndex, nvmlDeviceGetPowerUsage, nvmlInit

interval_s, seconds = float(sys.argv[1]) / 1e3, float(sys.argv[2])

nvmlInit()
handle = nvmlDeviceGetHandleByIndex(0)
readings = []
lateness_us = []
cpu_before_s, start_s = time.process_time(), time.monotonic()
while time.monotonic() < start_s + seconds:
    readings.append((time.monotonic(), nvmlDeviceGetPowerUsage(handle)))
    due_s = time.monotonic() + interval_s
    time.sleep(interval_s)
    lateness_us.append(max(0, 1e6 * (time.monotonic() - due_s)))
elapsed_s, cpu_s = time.monotonic() - start_s, time.process_time() - cpu_before_s
lateness_us.sort()
answer = {
    "readings": len(readings),
    "elapsed_s": elapsed_s,
    "cpu_s": cpu_s,
    "lateness_us_p50": lateness_us[len(lateness_us) // 2],
    "lateness_us_p99": lateness_us[len(lateness_us) * 99 // 100],
}
print(json.dumps(answer))
