#!/usr/bin/env python3
"""Holds a CUDA context on each GPU that CUDA_VISIBLE_DEVICES leaves, and nothing else, until stdin is closed.

It prints {"contexts": N} once they are there, or {"unavailable": REASON} and ends with 1. `llem idle` measures what the
GPUs draw meanwhile. It needs the driver alone: no toolkit and no package."""

import ctypes
import json
import sys


def main():
    try:
        contexts = make_contexts()
    except (OSError, RuntimeError) as error:
        say({"unavailable": str(error)})
        return 1
    say({"contexts": len(contexts)})
    sys.stdin.read()
    return 0


def make_contexts():
    driver = ctypes.CDLL("libcuda.so.1")
    call(driver, "cuInit", ctypes.c_uint(0))
    count = ctypes.c_int()
    call(driver, "cuDeviceGetCount", ctypes.byref(count))
    if count.value == 0:
        raise RuntimeError("CUDA sees no GPU")
    return [make_context(driver, ordinal) for ordinal in range(count.value)]


def make_context(driver, ordinal):
    """The primary context, which is what every CUDA runtime makes."""
    device, context = ctypes.c_int(), ctypes.c_void_p()
    call(driver, "cuDeviceGet", ctypes.byref(device), ctypes.c_int(ordinal))
    call(driver, "cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    return context


def call(driver, name, *arguments):
    result = getattr(driver, name)(*arguments)
    if result == 0:
        return
    text = ctypes.c_char_p()
    driver.cuGetErrorString(result, ctypes.byref(text))
    raise RuntimeError(f"{name}: {(text.value or b'unknown error').decode()} ({result})")


def say(message):
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    sys.exit(main())
