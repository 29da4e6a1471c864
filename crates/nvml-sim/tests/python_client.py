"""Claims about the simulated board, checked through NVIDIA's Python bindings. Started by python.rs."""

import ctypes
import inspect
import json
import os
import re
import subprocess
import sys
import time

import pynvml as nv

NVML_SIM = sys.argv[1]
SCENARIO = os.environ["LLEM_NVML_SIM"]


def raises(error, call, *args):
    try:
        value = call(*args)
    except error:
        return True
    raise AssertionError(f"{call.__name__} returned {value!r}, not {error.__name__}")


def true_j(from_ns, to_ns):
    command = [NVML_SIM, "truth", SCENARIO, "--from-ns", str(from_ns), "--to-ns", str(to_ns)]
    return json.loads(subprocess.check_output(command))["devices"][0]["true_j"]


raises(nv.NVMLError_Uninitialized, nv.nvmlDeviceGetCount)
nv.nvmlInit()
assert nv.nvmlSystemGetDriverVersion() == "580.95.05"
assert nv.nvmlSystemGetNVMLVersion() == "13.580.95.05"
assert nv.nvmlSystemGetCudaDriverVersion() == 13000
assert nv.nvmlDeviceGetCount() == 1
gpu = nv.nvmlDeviceGetHandleByIndex(0)

# Who it is.
assert nv.nvmlDeviceGetName(gpu) == "Simulated board"
assert nv.nvmlDeviceGetUUID(gpu) == "GPU-python"
assert nv.nvmlDeviceGetIndex(nv.nvmlDeviceGetHandleByUUID("GPU-python")) == 0
pci = nv.nvmlDeviceGetPciInfo(gpu)
assert (pci.busId, pci.bus) == ("00000000:3B:00.0", 0x3B)
assert nv.nvmlDeviceGetIndex(nv.nvmlDeviceGetHandleByPciBusId("00000000:3B:00.0")) == 0
assert nv.nvmlDeviceGetArchitecture(gpu) == nv.NVML_DEVICE_ARCH_HOPPER
assert tuple(nv.nvmlDeviceGetCudaComputeCapability(gpu)) == (9, 0)
assert nv.nvmlDeviceGetBrand(gpu) == nv.NVML_BRAND_NVIDIA
assert nv.nvmlDeviceGetMinorNumber(gpu) == 0
for call in (nv.nvmlDeviceGetSerial, nv.nvmlDeviceGetVbiosVersion):
    assert call(gpu)

# What it does.
memory = nv.nvmlDeviceGetMemoryInfo(gpu)
assert (memory.total, memory.used) == (80000 << 20, 2000 << 20)
memory = nv.nvmlDeviceGetMemoryInfo(gpu, version=nv.nvmlMemory_v2)
assert (memory.total, memory.used, memory.reserved) == (80000 << 20, 2000 << 20, 0)
assert nv.nvmlDeviceGetTemperature(gpu, nv.NVML_TEMPERATURE_GPU) == 41
assert nv.nvmlDeviceGetTemperatureV(gpu, nv.NVML_TEMPERATURE_GPU) == 41
assert nv.nvmlDeviceGetUtilizationRates(gpu).gpu in (0, 95)
assert nv.nvmlDeviceGetClockInfo(gpu, nv.NVML_CLOCK_SM) in (345, 1980)
assert nv.nvmlDeviceGetMaxClockInfo(gpu, nv.NVML_CLOCK_MEM) == 2619
assert nv.nvmlDeviceGetSupportedMemoryClocks(gpu) == [2619]
assert nv.nvmlDeviceGetSupportedGraphicsClocks(gpu, 2619)[0] == 1980
assert nv.nvmlDeviceGetPerformanceState(gpu) == 0
assert nv.nvmlDeviceGetPersistenceMode(gpu) == nv.NVML_FEATURE_ENABLED
assert nv.nvmlDeviceGetMigMode(gpu) == [0, 0]
assert nv.nvmlDeviceGetPowerManagementLimit(gpu) == 350_000
assert nv.nvmlDeviceGetEnforcedPowerLimit(gpu) == 350_000
assert nv.nvmlDeviceGetPowerManagementLimitConstraints(gpu) == [100_000, 350_000]
(process,) = nv.nvmlDeviceGetComputeRunningProcesses(gpu)
assert (process.pid, process.usedGpuMemory) == (4242, 512 << 20)
assert nv.nvmlDeviceGetGraphicsRunningProcesses(gpu) == []
assert nv.nvmlSystemGetProcessName(4242) == "simulated-4242"
assert nv.nvmlDeviceGetCurrentClocksThrottleReasons(gpu) == nv.nvmlClocksThrottleReasonHwSlowdown
assert nv.nvmlDeviceGetCurrentClocksEventReasons(gpu) == 0x8
assert nv.nvmlDeviceGetViolationStatus(gpu, nv.NVML_PERF_POLICY_POWER).violationTime == 2_000_000_000

# Power and energy.
assert 85_000 < nv.nvmlDeviceGetPowerUsage(gpu) < 350_000
fields = nv.nvmlDeviceGetFieldValues(
    gpu, [nv.NVML_FI_DEV_POWER_INSTANT, (nv.NVML_FI_DEV_POWER_INSTANT, nv.NVML_POWER_SCOPE_MEMORY), 83, 74]
)
instant, of_memory, energy, capped = fields
assert instant.nvmlReturn == 0 and 85_000 < instant.value.uiVal <= 400_000
assert instant.valueType == nv.NVML_VALUE_TYPE_UNSIGNED_INT
assert abs(instant.timestamp / 1e6 - time.time()) < 5
assert of_memory.nvmlReturn == nv.NVML_ERROR_NOT_SUPPORTED
assert energy.nvmlReturn == 0 and energy.value.ullVal > 7_000_000_000
assert (capped.nvmlReturn, capped.value.ullVal) == (0, 2_000_000_000)

kind, samples = nv.nvmlDeviceGetSamples(gpu, nv.NVML_TOTAL_POWER_SAMPLES, 0)
assert kind == nv.NVML_VALUE_TYPE_UNSIGNED_INT and len(samples) == 119
assert all(85_000 < sample.sampleValue.uiVal <= 400_000 for sample in samples)


def counter():
    """The counter in mJ, and the times around the reading."""
    before_ns = time.monotonic_ns()
    mj = nv.nvmlDeviceGetTotalEnergyConsumption(gpu)
    return before_ns, mj, time.monotonic_ns()


start = end = counter()
while end[0] < start[2] + 500_000_000:
    last_mj, end = end[1], counter()
    assert end[1] >= last_mj, "the counter fell"
counted_j = (end[1] - start[1]) / 1e3
# The counter ticks each millisecond and is floored to a millijoule.
tick_ns = 1_000_000
least_j, most_j = true_j(start[2], end[0] - tick_ns), true_j(start[0] - tick_ns, end[2])
assert least_j - 1e-3 <= counted_j <= most_j + 1e-3, (least_j, counted_j, most_j)

# Whatever the bindings know is there, and what the simulation does not do says so.
library = ctypes.CDLL("libnvidia-ml.so.1")
names = set(re.findall(r'_nvmlGetFunctionPointer\("(nvml\w+)"\)', inspect.getsource(nv)))
assert len(names) > 300
missing = [name for name in sorted(names) if not hasattr(library, name)]
assert not missing, missing
raises(nv.NVMLError_NotSupported, nv.nvmlDeviceGetFanSpeed, gpu)
raises(nv.NVMLError_NotSupported, nv.nvmlDeviceGetTemperatureThreshold, gpu, 0)
raises(nv.NVMLError_NotSupported, nv.nvmlDeviceGetEncoderUtilization, gpu)
raises(nv.NVMLError_NotSupported, nv.nvmlDeviceGetMigDeviceHandleByIndex, gpu, 0)
raises(nv.NVMLError_InvalidArgument, nv.nvmlDeviceGetHandleByIndex, 1)

nv.nvmlShutdown()
raises(nv.NVMLError_Uninitialized, nv.nvmlDeviceGetCount)
print("all claims hold")
