#!/usr/bin/env python3
"""Finds out what llem must know about a GPU and its driver: python3 probe.py [--out FOLDER]. README.md says what each
part shows. It only reads: no clock, limit or mode of the GPU is changed."""

import argparse
import json
import os
import platform
import signal
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

from bench import Bench, Skipped
from nvml import Device, Library, NvmlError
from parts import (
    averaging_window,
    driver_samples,
    fields,
    latencies,
    overhead,
    phase_lock,
    reference,
    residuals,
    trace,
    update_periods,
)
from table import Table

# Title, part, the seconds it takes at most, which include starting a process. Together they fill the ten minutes.
PARTS = [
    ("1. Fields", fields, 5),
    ("2. Latencies", latencies, 70),
    ("3. Update periods", update_periods, 25),
    ("4. Samples of the driver", driver_samples, 15),
    ("5. Averaging window of 186", averaging_window, 50),
    ("6. Counter on a load in step with the sensor", phase_lock, 80),
    ("7. Counter against readings", residuals, 135),
    ("8. Overhead", overhead, 90),
    ("9. Reference model", reference, 75),
    ("10. Trace", trace, 25),
]
FULL_S = sum(limit_s for _, _, limit_s in PARTS)
# Of nvml-sim where a scenario does not say otherwise.
SIMULATED_UUIDS = "GPU-00000000-0000-0000-0000-"
SHORT_OF_LIMIT_S = 10  # for the last part to end and the files to be written


class OverBudget(Exception):
    """A part took longer than it may."""


def main():
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    end_s = time.monotonic() + options.budget_s
    try:
        library = Library(options.nvml)
        device = Device(library, options.device)
    except NvmlError as error:
        print(f"There is nothing to probe: {error}", file=sys.stderr)
        return 1
    machine = described(library, device)
    print("\n".join(f"{name}: {value}" for name, value in machine.items()), flush=True)
    bench = Bench(library, device, options, scale=min(1.0, options.budget_s / (FULL_S + SHORT_OF_LIMIT_S)))
    signal.signal(signal.SIGALRM, over_budget)
    tables = []
    try:
        for title, part, limit_s in PARTS:
            # A short run still starts processes as slowly as a long one.
            limit_s = max(limit_s * bench.scale, 15)
            tables.append(measured(title, part, bench, min(limit_s, end_s - SHORT_OF_LIMIT_S / 2 - time.monotonic())))
            print(tables[-1].text(), flush=True)
            save(options.out, machine, tables, bench)
    finally:
        bench.close()
    print(f"\nWritten to {options.out}: RESULTS.md, results.json")
    return 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT") or "bench-gpu-results"))
    parser.add_argument("--budget-s", type=float, default=FULL_S + SHORT_OF_LIMIT_S, help="less shortens every part")
    parser.add_argument("--device", type=int, default=0, help="the driver's index of the GPU")
    parser.add_argument("--nvml", help="path of libnvidia-ml.so.1; by default the driver's own")
    parser.add_argument("--node", help="the Node binary; by default the packed one, else that on PATH")
    parser.add_argument(
        "--load-device", default="cuda", help="what PyTorch works on; cpu is for trying the loads out"
    )
    return parser.parse_args()


def measured(title, part, bench, limit_s):
    """A part's table. Whatever goes wrong in it is in its table and nowhere else."""
    table = Table(title)
    start_s = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, max(limit_s, 0.001))
    try:
        part.measure(bench, table)
    except Skipped as skipped:
        table.skip("this part" if not table.rows else "the rest", skipped)
    except OverBudget:
        table.skip("the rest", f"its {limit_s:.0f} s were over")
    except Exception as error:
        table.skip("the rest", f"{type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    table.took_s = time.monotonic() - start_s
    return table


def over_budget(_signal, _frame):
    raise OverBudget


def described(library, device):
    """Where and when: nothing of this is typed by hand."""
    uuid = device.text("nvmlDeviceGetUUID") or ""
    limit_mw = device.number("nvmlDeviceGetEnforcedPowerLimit")
    persistence = device.number("nvmlDeviceGetPersistenceMode")
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "GPU": device.text("nvmlDeviceGetName"),
        "driver": library.system_text("nvmlSystemGetDriverVersion"),
        "VBIOS": device.text("nvmlDeviceGetVbiosVersion"),
        "CUDA of the driver": library.cuda_version(),
        "NVML": library.system_text("nvmlSystemGetNVMLVersion"),
        "power limit W": None if limit_mw is None else limit_mw / 1000,
        "persistence mode": None if persistence is None else bool(persistence),
        "MIG": device.mig_mode(),
        "GPUs": library.device_count(),
        "CPUs": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        "PyTorch": torch_version(),
        "simulated": "LLEM_NVML_SIM" in os.environ or uuid.startswith(SIMULATED_UUIDS),
    }


def torch_version():
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def save(out, machine, tables, bench):
    """After each part, so that an end of the machine costs only the parts that are left."""
    data = {
        "machine": machine,
        "scale": bench.scale,
        "parts": [{**table.data(), "took_s": table.took_s} for table in tables],
    }
    (out / "results.json").write_text(json.dumps(data, indent=1) + "\n")
    head = [f"# {machine['GPU']}, driver {machine['driver']}, {machine['date']}", ""]
    if machine["simulated"]:
        head += ["**Simulated: these numbers come from nvml-sim, not from hardware.**", ""]
    head += ["Written by `bench/gpu/probe.py`.", "", "| | |", "| --- | --- |"]
    head += [f"| {name} | {value} |" for name, value in machine.items()]
    took_s = sum(table.took_s for table in tables)
    head += [f"| duration | {took_s:.0f} s, parts at {100 * bench.scale:.0f} % of their full length |", ""]
    (out / "RESULTS.md").write_text("\n".join(head) + "\n" + "\n".join(table.markdown() for table in tables))


if __name__ == "__main__":
    sys.exit(main())
