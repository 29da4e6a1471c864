"""Raw readings around idle, load, idle, for tests that should see what hardware gives: trace.jsonl."""

import json
import time

from bench import Skipped, edges
from nvml import ENERGY, POWER_INSTANT
from polling import poll

TRACE_S = 20
PAUSE_S = 0.003  # fine enough to see each tick, and the file stays below 300 kB


def measure(bench, table):
    table.head("file", "readings", "seconds", "kB", "edges")
    trace_s = bench.seconds(TRACE_S)
    query = bench.device.fields(POWER_INSTANT, ENERGY)
    try:
        bench.load_process()
        start_ns = time.monotonic_ns() + int(0.3 * trace_s * 1e9)
        with bench.load("square", 0.4 * trace_s, period_ms=1000 * 0.2 * trace_s, start_ns=start_ns) as answers:
            readings = poll(query, trace_s, PAUSE_S)
    except Skipped as skipped:
        table.skip("the load", skipped)
        answers = []
        readings = poll(query, trace_s, PAUSE_S)
    path = bench.options.out / "trace.jsonl"
    first = {
        "gpu": bench.device.text("nvmlDeviceGetName"),
        "driver": bench.library.system_text("nvmlSystemGetDriverVersion"),
        "edges": edges(answers),
        "columns": ["t_ns", "power_mw", "counter_mj"],
    }
    lines = [first, *[[t_ns, *values] for t_ns, values in readings]]
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    table.row(path.name, len(readings), trace_s, path.stat().st_size / 1000, len(first["edges"]))
    table.note("186 and 83 in one call, t_ns on CLOCK_MONOTONIC; the edges in the first line are those of the load.")
