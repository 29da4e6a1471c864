"""Measures the energy of GPUs with a Python package, for llem: python energy_helper.py zeus|codecarbon

Speaks llem's worker protocol: JSON lines, requests on stdin, replies and nothing else on stdout, logs on stderr.

    hello  -> versions                    imports the package
    open   -> devices                     finds the GPUs by UUID and reads each of them once
    begin  -> before_ns, after_ns         between these two moments the window began
    end    -> before_ns, after_ns, joules between these two moments it ended

Moments are time.monotonic_ns(), which on Linux is the clock of llem's own windows. It ends when its stdin does.
Python 3.9 or newer, and nothing but the package; llem never imports it.
"""

import importlib.util
import json
import os
import queue
import sys
import threading
import time

PROTOCOL = 1
WINDOW = "llem_measurement"
JOULES_PER_KWH = 3.6e6


class Fault(Exception):
    """An expected failure, with a code for programs."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Zeus:
    """ZeusMonitor: the difference of the driver's energy counter; where a GPU has none, power polled by Zeus."""

    distribution = "zeus"
    oldest = (0, 13, 1)

    def load(self):
        from zeus.device import get_gpus
        from zeus.monitor import ZeusMonitor

        self.get_gpus, self.monitor_class = get_gpus, ZeusMonitor

    def open(self, uuids, options):
        if not uuids:
            raise Fault("DEVICE_UNREADABLE", "there is no GPU")
        gpus = self.get_gpus()
        self.has_counter = all(gpus.supports_get_total_energy_consumption(index) for index in uuids)
        for index in uuids:
            # A package that can be imported and reads nothing measures nothing.
            if gpus.supports_get_total_energy_consumption(index):
                gpus.get_total_energy_consumption(index)
            else:
                self.read_power(gpus, index)
        self.uuids = uuids
        self.monitor = self.monitor_class(
            gpu_indices=list(uuids), approx_instant_energy=options.get("approx_instant_energy", False)
        )

    @staticmethod
    def read_power(gpus, index):
        try:
            gpus.get_instant_power_usage(index)
        except Exception:
            # What ZeusMonitor falls back to as well.
            gpus.get_average_power_usage(index)

    def begin(self):
        # The load runs in another process, which waits for the GPU itself: there is nothing here to wait for, and
        # waiting would load PyTorch and open a context on the GPU that is measured.
        return bracketed(lambda: self.monitor.begin_window(WINDOW, sync_execution=False))

    def end(self):
        edges = bracketed(lambda: self.monitor.end_window(WINDOW, sync_execution=False))
        measured = edges.pop("value")
        domains = [
            {"domain": f"{kind}-{index}", "energy_j": joules, "source": "RAPL by Zeus"}
            for kind, energies in (("cpu", measured.cpu_energy), ("dram", measured.dram_energy))
            for index, joules in (energies or {}).items()
        ]
        per_gpu = {self.uuids[index]: joules for index, joules in measured.gpu_energy.items()}
        return {
            **edges,
            "gpu_j": sum(per_gpu.values()),
            "per_gpu_j": per_gpu,
            "method": "counter" if self.has_counter else "integral",
            "samples": 2 if self.has_counter else None,
            "domains": domains,
            "emissions": None,
        }


class CodeCarbon:
    """OfflineEmissionsTracker: the GPUs' energy counters every 15 s, and its estimates of CPU and RAM."""

    distribution = "codecarbon"
    oldest = (3, 0, 0)

    def load(self):
        from codecarbon import OfflineEmissionsTracker
        from codecarbon.core.gpu import AllGPUDevices

        self.tracker_class, self.all_gpus = OfflineEmissionsTracker, AllGPUDevices

    def open(self, uuids, options):
        self.uuids = uuids
        self.country = options.get("country")
        self.intensity = options.get("intensity_gco2_kwh")
        known = self.country is not None or self.intensity is not None
        # All that would write a file, ask the network or take a lock is switched off here, because the user's own
        # .codecarbon.config may switch it on. Its PUE would be multiplied into the energies.
        self.tracker = self.tracker_class(
            country_iso_code=self.country,
            # Without a country it would fail at the end; its emissions are then not reported.
            force_carbon_intensity_g_co2e_kwh=self.intensity if known else 0.0,
            gpu_ids=list(uuids) or None,
            output_methods=[],
            output_handlers=[],
            emissions_endpoint=None,
            electricitymaps_api_token=None,
            cloud_provider=None,
            cloud_region=None,
            region=None,
            allow_multiple_runs=True,
            tracking_mode="machine",
            log_level="warning",
            pue=1.0,
            wue=0.0,
        )
        if not uuids:
            self.has_counter = False
            return
        if not self.tracker.get_detected_hardware().get("gpu_model"):
            raise Fault(
                "DEVICE_UNREADABLE",
                "CodeCarbon sees no GPU; it looks for them by running nvidia-smi, which must be on PATH and succeed",
            )
        details = {gpu["gpu_index"]: gpu for gpu in self.all_gpus().get_gpu_details()}
        self.has_counter = True
        for index, uuid in uuids.items():
            gpu = details.get(index, {})
            self.has_counter &= gpu.get("total_energy_consumption") is not None
            if gpu.get("total_energy_consumption") is None and gpu.get("power_usage") is None:
                raise Fault("DEVICE_UNREADABLE", f"CodeCarbon reads neither energy nor power of {uuid}")

    def begin(self):
        edges = bracketed(self.tracker.start)
        # Its own stamp, taken just before it reads the counters; perf_counter is the monotonic clock on Linux.
        return self.narrowed(edges, getattr(self.tracker, "_start_time", None))

    def end(self):
        edges = bracketed(self.tracker.stop)
        # It reads the counters first and then spends 0.2 s on the emissions.
        edges = self.narrowed(edges, getattr(self.tracker, "_last_measured_time", None))
        edges.pop("value")
        data = getattr(self.tracker, "final_emissions_data", None)
        if data is None:
            raise Fault("NOT_MEASURED", "CodeCarbon ended without a result")
        gpu_j = data.gpu_energy * JOULES_PER_KWH if self.uuids else None
        return {
            **edges,
            "gpu_j": gpu_j,
            # It adds its GPUs up.
            "per_gpu_j": dict.fromkeys(self.uuids.values(), gpu_j) if len(self.uuids) == 1 else None,
            "method": None if gpu_j is None else "counter" if self.has_counter else "integral",
            "samples": getattr(self.tracker, "_power_measurement_count", None),
            "domains": [
                {"domain": "cpu", "energy_j": data.cpu_energy * JOULES_PER_KWH, "source": self.source_of("CPU")},
                {"domain": "ram", "energy_j": data.ram_energy * JOULES_PER_KWH, "source": self.source_of("RAM")},
            ],
            "emissions": self.emissions(data),
        }

    def emissions(self, data):
        if self.country is None and self.intensity is None:
            return None
        return {
            "gco2e": data.emissions * 1000,
            "energy_kwh": data.energy_consumed,
            "country": self.country,
            "intensity_gco2_kwh": self.intensity
            if self.intensity is not None
            else (data.emissions * 1000 / data.energy_consumed if data.energy_consumed > 0 else None),
        }

    def source_of(self, kind):
        names = [item.description() for item in self.tracker._hardware if type(item).__name__ == kind]
        return f"CodeCarbon: {names[0]}" if names else "CodeCarbon"

    @staticmethod
    def narrowed(edges, moment_s):
        moment_ns = None if moment_s is None else round(moment_s * 1e9)
        if moment_ns is None or not edges["before_ns"] <= moment_ns <= edges["after_ns"]:
            return edges
        return {**edges, "before_ns": moment_ns, "after_ns": moment_ns}


PACKAGES = {"zeus": Zeus, "codecarbon": CodeCarbon}


def gpus_of(uuids):
    """The driver's index of each of these GPUs, and its UUID."""
    import pynvml

    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        present = [text(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(i))) for i in range(count)]
    except pynvml.NVMLError as error:
        raise Fault("DEVICE_UNREADABLE", f"the driver's library says: {error}") from error
    missing = [uuid for uuid in uuids if uuid not in present]
    if missing:
        raise Fault("DEVICE_UNREADABLE", f"the driver shows it no {', '.join(missing)}")
    return {present.index(uuid): uuid for uuid in uuids}


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def bracketed(call):
    """What a call returns, between the moments before and after it."""
    before_ns = time.monotonic_ns()
    value = call()
    return {"before_ns": before_ns, "after_ns": time.monotonic_ns(), "value": value}


def hello(package):
    if importlib.util.find_spec(package.distribution) is None:
        raise Fault("PACKAGE_MISSING", f"{sys.executable} has no package {package.distribution}")
    # Slow to import, and of no use until now.
    import platform
    from importlib import metadata

    try:
        version = metadata.version(package.distribution)
    except metadata.PackageNotFoundError:
        # zeus-ml is the abandoned first Zeus, which has a module of the same name.
        raise Fault("PACKAGE_MISSING", f"the {package.distribution} of {sys.executable} is another package") from None
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if numbers < package.oldest:
        needed = ".".join(map(str, package.oldest))
        raise Fault("PACKAGE_TOO_OLD", f"{package.distribution} {version} is too old; it must be {needed} or newer")
    try:
        package.load()
    except Exception as error:
        raise Fault("IMPORT_FAILED", f"{package.distribution} {version} cannot be imported: {named(error)}") from error
    versions = {"python": platform.python_version(), package.distribution: version}
    return {"protocol": PROTOCOL, "backend": package.distribution, "versions": versions}


def opened(package, request):
    try:
        # Without a GPU there is nothing to ask the driver.
        gpus = gpus_of(request["uuids"]) if request["uuids"] else {}
        package.open(gpus, request.get("options", {}))
    except Fault:
        raise
    except Exception as error:
        raise Fault("DEVICE_UNREADABLE", named(error)) from error
    return {"uuids": list(gpus.values())}


def edge(reply):
    return {key: value for key, value in reply.items() if key != "value"}


def named(error):
    return f"{type(error).__name__}: {error}"


def answer(package, request):
    verb = request.get("verb")
    if verb == "hello":
        return hello(package)
    if verb == "open":
        return opened(package, request)
    if verb == "begin":
        return edge(package.begin())
    if verb == "end":
        return package.end()
    raise Fault("VERB_UNKNOWN", f"there is no verb {verb}")


def read_requests(requests):
    for line in sys.stdin:
        requests.put(line)
    # Whatever it is busy with, nobody waits for it any more.
    os._exit(0)


def main():
    # What a package prints must not meet the protocol.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    package = PACKAGES[sys.argv[1]]()
    requests = queue.Queue()
    threading.Thread(target=read_requests, args=(requests,), daemon=True).start()
    while True:
        request = json.loads(requests.get())
        try:
            reply = {"id": request["id"], "ok": True, **answer(package, request)}
        except Exception as error:
            code = error.code if isinstance(error, Fault) else "HELPER_FAULT"
            message = str(error) if isinstance(error, Fault) else named(error)
            reply = {"id": request["id"], "ok": False, "error": {"code": code, "message": message}}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


# Zeus polls power in a spawned process on GPUs without an energy counter, which imports this file again.
if __name__ == "__main__":
    main()
