"""What all parts share: the GPU, the two children, how much time there is, and what earlier parts found out."""

import gzip
import os
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from child import Child, ChildFailed

HERE = Path(__file__).resolve().parent
DEFAULT_UPDATE_PERIOD_MS = 100.0  # of GPU power on every board since Turing: arXiv:2312.02741


class Skipped(Exception):
    """This cannot be measured here; the text says why."""


class Bench:
    def __init__(self, library, device, options, scale):
        self.library = library
        self.device = device
        self.uuid = device.text("nvmlDeviceGetUUID")
        self.options = options
        self.scale = scale
        self.update_period = None  # of POWER_INSTANT, an UpdatePeriod, once it is known
        self._load = None
        self._no_load = None
        self._sampler = None
        self._scratch = Path(tempfile.mkdtemp(prefix="llem-bench-gpu-"))

    def seconds(self, full_s, at_least_s=0.0):
        """A duration of the full run, shortened as the whole budget is."""
        return max(full_s * self.scale, at_least_s)

    @staticmethod
    def time_left_s():
        """Until the part is ended: probe.py sets this timer."""
        return signal.getitimer(signal.ITIMER_REAL)[0]

    @property
    def update_period_ms(self):
        return self.update_period.period_ms if self.update_period else DEFAULT_UPDATE_PERIOD_MS

    def load_process(self):
        """The process that works the GPU, started once: importing PyTorch takes seconds."""
        if self._no_load:
            raise Skipped(self._no_load)
        if self._load is None:
            command = [sys.executable, str(HERE / "load.py"), "serve", "--device", self.options.load_device]
            self._load = Child(command, self.cuda_environment())
            try:
                hello = self._load.answer(within_s=60)
                self._no_load = hello.get("unavailable")
            except ChildFailed as failure:
                self._no_load = f"the load process: {failure}"
            if self._no_load:
                self._end_load()
                raise Skipped(self._no_load)
        return self._load

    @contextmanager
    def load(self, kind, for_s, **options):
        """Works the GPU inside the block; after it, the list that it gave holds the edges and the last line."""
        child = self.load_process()
        child.tell([kind, "--for-s", str(for_s), *words(options)])
        answers = []
        try:
            yield answers
            answers += child.answers("done", within_s=for_s + 30)
        except BaseException:
            self._end_load()  # nobody knows what it is doing now; the next part starts another
            raise

    def cuda_environment(self):
        """CUDA's first GPU is the one that is read, where there are several."""
        if self.library.device_count() == 1:
            return None
        return {**os.environ, "CUDA_VISIBLE_DEVICES": self.uuid}

    def sampler_process(self):
        """A Node process with llem's addon in it."""
        if self._sampler is None:
            nvml = [] if "/" not in self.library.path else [self.library.path]
            self._sampler = Child([self._node(), str(HERE / "sampler.mjs"), self._addon(), *nvml])
        return self._sampler

    @contextmanager
    def sampler(self, interval_ms):
        """llem's sampler, open inside the block: answers a function that measures windows [(start_s, length_s)]."""
        child = self.sampler_process()
        device = {"uuid": self.uuid, "index": self.device.index, "intervalMs": interval_ms}
        try:
            child.tell({"open": device})
            child.answers("opened", within_s=15)
            yield lambda windows: Measurement(child, windows)
            child.tell({"close": True})
            child.answers("closed", within_s=15)
        except BaseException:
            self._end_sampler()
            raise

    def _node(self):
        packed = HERE / "node.gz"
        if self.options.node or not packed.exists():
            node = self.options.node or shutil.which("node")
            if node is None:
                raise Skipped("there is no node: run the probe from the folder that pack.mjs makes")
            return node
        unpacked = self._scratch / "node"
        if not unpacked.exists():
            with gzip.open(packed) as source, unpacked.open("wb") as target:
                shutil.copyfileobj(source, target)
            unpacked.chmod(0o755)
        return str(unpacked)

    def _addon(self):
        """Beside this file in the packed folder, else where a build puts it."""
        for folder in (HERE, HERE.parents[1] / "crates/binding"):
            for addon in sorted(folder.glob("llem.*.node")):
                return str(addon)
        raise Skipped("there is no addon: run the probe from the folder that pack.mjs makes")

    def _end_load(self):
        if self._load:
            self._load.end()
            self._load = None

    def _end_sampler(self):
        if self._sampler:
            self._sampler.end()
            self._sampler = None

    def close(self):
        self._end_load()
        self._end_sampler()
        shutil.rmtree(self._scratch, ignore_errors=True)


class Measurement:
    """Windows that are being measured."""

    def __init__(self, child, windows):
        self.child = child
        self.length_s = max(start_s + length_s for start_s, length_s in windows)
        child.tell({"measure": windows})

    def reports(self):
        return self.child.answers("reports", within_s=self.length_s + 15)[-1]["reports"]


def words(options):
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def edges(answers):
    """(t_ns, is_on) of a load."""
    return [(answer["t_ns"], answer["on"]) for answer in answers if "on" in answer]
