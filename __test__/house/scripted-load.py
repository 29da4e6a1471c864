"""python3 scripted-load.py PART JSON: runs one part of the GPU probe over the simulated library and prints its table
as JSON. The simulated power follows no load, so the scenario has the load in it already: the part's request for one
waits for the next run of JSON's {"probe": FOLDER, "nvml": PATH, "wave_s": 3, "runs": [[[t_ns, is_on], ...], ...]}."""

import json
import sys
import time
from contextlib import contextmanager
from importlib import import_module

name, wish = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, wish["probe"])

from nvml import Device, Library  # noqa: E402
from table import Table  # noqa: E402


class ScriptedBench:
    update_period = None
    update_period_ms = 100.0

    def __init__(self):
        self.device = Device(Library(wish["nvml"]), 0)
        self.runs = iter(wish["runs"])

    def seconds(self, _full_s):
        return wish["wave_s"]

    @contextmanager
    def load(self, _kind, _for_s, **_options):
        edges = next(self.runs, [])
        answers = []
        if edges:
            time.sleep(max(0, edges[0][0] - time.monotonic_ns()) / 1e9)
        yield answers
        answers += [{"t_ns": t_ns, "on": is_on} for t_ns, is_on in edges]


table = Table(name)
import_module(f"parts.{name}").measure(ScriptedBench(), table)
print(json.dumps(table.data()))
