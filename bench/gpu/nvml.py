"""The calls of NVML that the probe makes, through ctypes: nothing has to be installed, and no Python wrapper's own
time is in a latency. Structs and numbers are those of NVIDIA's nvml.h."""

import ctypes
from ctypes import (
    POINTER,
    Structure,
    Union,
    byref,
    c_char,
    c_double,
    c_int,
    c_longlong,
    c_uint,
    c_ulonglong,
    c_ushort,
)

LIBRARIES = ("libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1")

ENERGY = 83
POWER_AVERAGE = 185
POWER_INSTANT = 186
ENERGY_NEW = 191
FIELD_NAMES = {83: "TOTAL_ENERGY_CONSUMPTION", 185: "POWER_AVERAGE", 186: "POWER_INSTANT", 191: "ENERGY"}
SCOPE_NAMES = {0: "GPU", 1: "MODULE", 2: "MEMORY", 3: "GPU_BASE"}

TOTAL_POWER_SAMPLES = 0
MODULE_POWER_SAMPLES = 7
NOT_FOUND = 6
INSUFFICIENT_SIZE = 7
NO_SYMBOL = 13  # NVML_ERROR_FUNCTION_NOT_FOUND


class Value(Union):
    _fields_ = [
        ("dVal", c_double),
        ("uiVal", c_uint),
        ("ullVal", c_ulonglong),
        ("sllVal", c_longlong),
        ("siVal", c_int),
        ("usVal", c_ushort),
    ]


class FieldValue(Structure):
    _fields_ = [
        ("fieldId", c_uint),
        ("scopeId", c_uint),
        ("timestamp", c_longlong),
        ("latencyUsec", c_longlong),
        ("valueType", c_int),
        ("nvmlReturn", c_int),
        ("value", Value),
    ]


class Sample(Structure):
    _fields_ = [("timeStamp", c_ulonglong), ("sampleValue", Value)]


class Utilization(Structure):
    _fields_ = [("gpu", c_uint), ("memory", c_uint)]


class Memory(Structure):
    _fields_ = [("total", c_ulonglong), ("free", c_ulonglong), ("used", c_ulonglong)]


class ProcessInfo(Structure):
    _fields_ = [
        ("pid", c_uint),
        ("usedGpuMemory", c_ulonglong),
        ("gpuInstanceId", c_uint),
        ("computeInstanceId", c_uint),
    ]


class ProcessUtilization(Structure):
    _fields_ = [
        ("pid", c_uint),
        ("timeStamp", c_ulonglong),
        ("smUtil", c_uint),
        ("memUtil", c_uint),
        ("encUtil", c_uint),
        ("decUtil", c_uint),
    ]


class NvmlError(Exception):
    """A call that did not succeed, in the driver's words."""


# By the type that the driver says (nvmlValueType_t), the member of the union that holds the value.
VALUE_MEMBERS = ("dVal", "uiVal", "ullVal", "ullVal", "sllVal", "siVal", "usVal")


class Library:
    """NVML, initialised. It has no functions that change a setting of the GPU, so the probe cannot."""

    def __init__(self, path=None):
        self.path, self.functions = load_library([path] if path else LIBRARIES)
        self.functions.nvmlErrorString.restype = ctypes.c_char_p
        self.check(self.functions.nvmlInit_v2())

    def function(self, *names):
        """The first of these that the library has; NVML renames functions and keeps the old names for a while."""
        for name in names:
            if hasattr(self.functions, name):
                return getattr(self.functions, name)
        return lambda *_: NO_SYMBOL

    def words(self, code):
        return "ok" if code == 0 else self.functions.nvmlErrorString(code).decode()

    def check(self, code):
        if code != 0:
            raise NvmlError(self.words(code))

    def system_text(self, name):
        text = ctypes.create_string_buffer(96)
        code = self.function(name)(text, len(text))
        return text.value.decode() if code == 0 else None

    def cuda_version(self):
        version = c_int()
        code = self.function("nvmlSystemGetCudaDriverVersion_v2")(byref(version))
        return f"{version.value // 1000}.{version.value % 1000 // 10}" if code == 0 else None

    def device_count(self):
        count = c_uint()
        self.check(self.functions.nvmlDeviceGetCount_v2(byref(count)))
        return count.value


class Device:
    """One GPU, by the driver's index."""

    def __init__(self, library, index):
        self.library = library
        self.index = index
        self.handle = ctypes.c_void_p()
        library.check(library.functions.nvmlDeviceGetHandleByIndex_v2(c_uint(index), byref(self.handle)))

    def text(self, name):
        text = ctypes.create_string_buffer(96)
        code = self.library.function(name)(self.handle, text, len(text))
        return text.value.decode() if code == 0 else None

    def number(self, name, kind=c_uint):
        value = kind()
        code = self.library.function(name)(self.handle, byref(value))
        return value.value if code == 0 else None

    def mig_mode(self):
        current, pending = c_uint(), c_uint()
        code = self.library.function("nvmlDeviceGetMigMode")(self.handle, byref(current), byref(pending))
        return bool(current.value) if code == 0 else None

    def fields(self, *ids, scope=0):
        return FieldQuery(self, ids, scope)

    def samples(self, kind, since_us=0):
        """What the driver has buffered since then, as (microseconds since the Unix epoch, milliwatts)."""
        read = self.library.function("nvmlDeviceGetSamples")
        value_type, count = c_int(), c_uint()
        self.library.check(read(self.handle, kind, c_ulonglong(since_us), byref(value_type), byref(count), None))
        buffer = (Sample * count.value)()
        code = read(self.handle, kind, c_ulonglong(since_us), byref(value_type), byref(count), buffer)
        if code == NOT_FOUND:
            return []
        self.library.check(code)
        member = VALUE_MEMBERS[value_type.value]
        return [(sample.timeStamp, getattr(sample.sampleValue, member)) for sample in buffer[: count.value]]


class FieldQuery:
    """Some fields of one scope, read in one call, again and again."""

    def __init__(self, device, ids, scope):
        self.device = device
        self.ids = ids
        self.scope = scope
        self.values = (FieldValue * len(ids))()
        self.size = ctypes.sizeof(self.values)
        self.count = len(ids)
        self.call = device.library.function("nvmlDeviceGetFieldValues")

    def ask(self):
        """The call alone; answers its return code."""
        # The driver may combine its answer with what lies in the struct: NVIDIA/go-nvml issue 46.
        ctypes.memset(self.values, 0, self.size)
        for value, field in zip(self.values, self.ids):
            value.fieldId = field
            value.scopeId = self.scope
        return self.call(self.device.handle, self.count, self.values)

    def read(self):
        """The values, None where the driver has none."""
        if self.ask() != 0:
            return (None,) * self.count
        return tuple(number(value) for value in self.values)

    def results(self):
        """For each field of the last call, the driver's word on it."""
        return [self.device.library.words(value.nvmlReturn) for value in self.values]


def number(value):
    return getattr(value.value, VALUE_MEMBERS[value.valueType]) if value.nvmlReturn == 0 else None


def load_library(paths):
    for path in paths:
        try:
            return path, ctypes.CDLL(path)
        except OSError:
            continue
    raise NvmlError(f"no NVML can be loaded from {', '.join(paths)}")
