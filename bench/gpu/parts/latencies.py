"""How long each call takes, idle and while the GPU works: what may stand in the sampler's hot loop."""

import ctypes
import time
from ctypes import byref, c_int, c_uint, c_ulonglong

from bench import Skipped
from nvml import (
    ENERGY,
    INSUFFICIENT_SIZE,
    POWER_AVERAGE,
    POWER_INSTANT,
    TOTAL_POWER_SAMPLES,
    Memory,
    ProcessInfo,
    ProcessUtilization,
    Sample,
    Utilization,
)

CALLS = 2000
CALL_LIMIT_S = 5  # for one call's 2000, so that a slow one does not take the time of the others
LOAD_S = 25


def measure(bench, table):
    table.head("state", "call", "n", "p50 us", "p99 us", "max us", "answer")
    own_us = own_cost_us()
    table.note(
        f"ctypes and the clock cost {own_us:.2f} us a call (median of {CALLS} calls of abs()); it is subtracted."
    )
    table.note(
        f"Up to {CALLS} calls in {bench.seconds(CALL_LIMIT_S):.1f} s each, one after the other without a pause."
    )
    rows(bench, table, "idle", own_us, end_s=None)
    try:
        with bench.load("constant", bench.seconds(LOAD_S)):
            time.sleep(min(1.0, bench.seconds(LOAD_S) / 4))
            rows(bench, table, "load", own_us, end_s=time.monotonic() + bench.seconds(LOAD_S - 1.5))
    except Skipped as skipped:
        table.skip("under load", skipped)


def rows(bench, table, state, own_us, end_s):
    for name, call in calls(bench.device).items():
        if end_s is not None and time.monotonic() >= end_s:
            table.skip(f"{name} under load", "the load's time was over")
            continue
        limit_s = bench.seconds(CALL_LIMIT_S)
        durations_us, code = timed(call, min(limit_s, end_s - time.monotonic()) if end_s else limit_s)
        durations_us = sorted(max(us - own_us, 0.0) for us in durations_us)
        n = len(durations_us)
        table.row(
            state,
            name,
            n,
            durations_us[n // 2],
            durations_us[min(n - 1, int(0.99 * n))],
            durations_us[-1],
            bench.library.words(code),
        )


def timed(call, limit_s):
    """The durations in us, and the last return code. The first call, which may look a symbol up, is not timed."""
    code = call()
    durations_us = []
    now_ns = time.perf_counter_ns
    end_ns = now_ns() + int(limit_s * 1e9)
    while len(durations_us) < CALLS:
        start_ns = now_ns()
        code = call()
        after_ns = now_ns()
        durations_us.append((after_ns - start_ns) / 1000)
        if after_ns > end_ns:
            break
    return durations_us, code


def own_cost_us():
    nothing = ctypes.CDLL(None).abs
    durations_us, _ = timed(lambda: nothing(0), 1)
    return sorted(durations_us)[len(durations_us) // 2]


def calls(device):
    """Each call with its buffers made before it is timed."""
    library, handle = device.library, device.handle
    instant, both, energy, three = (
        device.fields(*ids)
        for ids in (
            (POWER_INSTANT,),
            (POWER_AVERAGE, POWER_INSTANT),
            (ENERGY,),
            (ENERGY, POWER_AVERAGE, POWER_INSTANT),
        )
    )
    small, other, kind, long = c_uint(), c_uint(), c_int(), c_ulonglong()
    utilization, memory = Utilization(), Memory()
    samples, processes, utilizations = (Sample * 1024)(), (ProcessInfo * 256)(), (ProcessUtilization * 256)()

    def get(*names):
        return library.function(*names)

    power = get("nvmlDeviceGetPowerUsage")
    total_energy = get("nvmlDeviceGetTotalEnergyConsumption")
    get_samples = get("nvmlDeviceGetSamples")
    rates = get("nvmlDeviceGetUtilizationRates")
    memory_info = get("nvmlDeviceGetMemoryInfo")
    clock = get("nvmlDeviceGetClockInfo")
    reasons = get("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
    temperature = get("nvmlDeviceGetTemperature")
    process_utilization = get("nvmlDeviceGetProcessUtilization")
    running = get("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2")

    def drain():
        other.value = len(samples)
        return get_samples(handle, TOTAL_POWER_SAMPLES, c_ulonglong(0), byref(kind), byref(other), samples)

    def list_utilizations():
        other.value = len(utilizations)
        return process_utilization(handle, utilizations, byref(other), c_ulonglong(0))

    def list_processes():
        other.value = len(processes)
        code = running(handle, byref(other), processes)
        return 0 if code == INSUFFICIENT_SIZE else code

    return {
        "FieldValues{186}": instant.ask,
        "FieldValues{185,186}": both.ask,
        "FieldValues{83}": energy.ask,
        "FieldValues{83,185,186}": three.ask,
        "PowerUsage": lambda: power(handle, byref(small)),
        "TotalEnergyConsumption": lambda: total_energy(handle, byref(long)),
        "Samples": drain,
        "UtilizationRates": lambda: rates(handle, byref(utilization)),
        "MemoryInfo": lambda: memory_info(handle, byref(memory)),
        "ClockInfo": lambda: clock(handle, 1, byref(small)),
        "EventReasons": lambda: reasons(handle, byref(long)),
        "Temperature": lambda: temperature(handle, 0, byref(small)),
        "ProcessUtilization": list_utilizations,
        "ComputeRunningProcesses": list_processes,
    }
