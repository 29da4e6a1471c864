"""A number that others have published too: joules per output token of a model with the shape of Llama 3.1 8B."""

import sys
import time

from bench import HERE, Skipped
from child import Child

BATCHES = (8, 32, 128)
DECODE_S = 8
# J per output token and tokens/s on one H100 SXM under vLLM 0.11.1, BF16: ML.ENERGY leaderboard, data of 2026-02-27,
# arXiv:2601.22076. Batch 32 has no rate there.
PUBLISHED = {8: (0.4548, 1070), 32: (0.1651, None), 128: (0.0951, 7037)}


def measure(bench, table):
    table.head(
        "batch",
        "tokens/s",
        "step ms",
        "mean W",
        "J/token",
        "+- (k=2)",
        "by",
        "published J/token",
        "tokens/s",
        "ratio",
    )
    bench.load_process()  # says why, where there is no CUDA
    child = Child(
        [sys.executable, str(HERE / "reference_model.py"), bench.options.load_device], bench.cuda_environment()
    )
    try:
        hello = child.answer(within_s=90)
        if "unavailable" in hello:
            raise Skipped(hello["unavailable"])
        for batch in BATCHES:
            add(bench, table, child, batch)
    finally:
        child.end()
    table.note(
        f"{hello['ready']}. Published: one H100 SXM with vLLM, which also runs the prompts. Agreement to 10-15 % is "
        "what can be expected of another engine with random weights; compare tokens/s beside it."
    )


def add(bench, table, child, batch):
    decode_s = bench.seconds(DECODE_S)
    child.tell({"batch": batch, "for_s": decode_s + 3})
    started = child.answer(within_s=60)
    if "unavailable" in started:
        table.skip(f"batch {batch}", started["unavailable"])
        return
    time.sleep(1)
    with bench.sampler(interval_ms=10) as windows:
        report = windows([(0, decode_s)]).reports()[0]
    done = child.answers("steps", within_s=60)[-1]
    seconds = (report["endNs"] - report["startNs"]) / 1e9
    rate = batch * done["steps"] / done["seconds"]
    # Without CUDA the model is a small one, which compares with nothing.
    published_j, published_rate = PUBLISHED[batch] if bench.options.load_device.startswith("cuda") else (None, None)
    total_j = report.get("totalJ")
    if total_j is None:
        table.skip(f"batch {batch}", report["devices"][0]["reason"])
        return
    joules = total_j / seconds / rate
    uncertainty = (report.get("uncertaintyJ") or 0) / seconds / rate
    table.row(
        batch,
        rate,
        1000 * done["seconds"] / done["steps"],
        total_j / seconds,
        joules,
        uncertainty,
        report.get("method"),
        published_j,
        published_rate,
        joules / published_j if published_j else None,
    )
