"""python3 fit-averaging-window.py JSON: polls the simulated GPU with the probe's own code until the last edge and
prints the averaging window that its fit finds. JSON: {"probe": FOLDER, "nvml": PATH, "runs": [[[t_ns, is_on], ...]]}."""

import json
import sys
import time

wish = json.loads(sys.argv[1])
sys.path.insert(0, wish["probe"])

from fit_averaging_window import fit_with_spread  # noqa: E402
from nvml import POWER_INSTANT, Device, Library  # noqa: E402
from polling import changes, poll, series  # noqa: E402

end_ns = wish["runs"][-1][-1][0]
query = Device(Library(wish["nvml"]), 0).fields(POWER_INSTANT)
readings = poll(query, (end_ns - time.monotonic_ns()) / 1e9, pause_s=0.0005)
ticks = [(t_ns, milliwatts / 1000) for t_ns, milliwatts in changes(series(readings, 0))]
runs = [(edges, [tick for tick in ticks if edges[0][0] < tick[0] < edges[-1][0]]) for edges in wish["runs"]]
fit, error_ms, _ = fit_with_spread(runs)
print(json.dumps({**vars(fit), "error_ms": error_ms}))
