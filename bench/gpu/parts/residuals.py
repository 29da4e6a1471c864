"""How far llem's two estimates of an energy, readings and counter, lie apart on loads of different kinds."""

from contextlib import nullcontext
from statistics import mean, median, stdev

from bench import Skipped

LOADS = ("idle", "constant", "decode", "bursts")
RUN_S = 31
LENGTHS_S = (1, 5, 30)


def measure(bench, table):
    table.head(
        "load",
        "window s",
        "n",
        "mean W",
        "residual % mean",
        "sd",
        "worst",
        "flagged",
        "uncertainty %",
        "counter",
        "by",
    )
    table.note(
        "Residual: (readings - counter) / counter, by llem's addon at 10 ms. Uncertainty: the median of what it "
        "publishes, k = 2. Counter: its trust at the end. Idle is with a CUDA context open, where there is CUDA."
    )
    run_s = bench.seconds(RUN_S)
    for load in LOADS:
        try:
            reports = measured(bench, load, run_s)
        except Skipped as skipped:
            table.skip(load, skipped)
            continue
        for length_s in LENGTHS_S:
            chosen = [report for report in reports if report["lengthS"] == length_s]
            if chosen:
                table.row(load, length_s, *summary(chosen))


def measured(bench, load, run_s):
    if load != "idle":
        bench.load_process()
    with bench.sampler(interval_ms=10) as windows:
        with bench.load(load, run_s) if load != "idle" else nullcontext():
            return windows(plan(run_s)).reports()


def plan(run_s):
    """Windows of each length one after the other, all lengths at the same time, the first half second left out."""
    return [(0.5 + i * length_s, length_s) for length_s in LENGTHS_S for i in range(int((run_s - 0.5) // length_s))]


def summary(reports):
    devices = [report["devices"][0] for report in reports if "devices" in report]
    residuals = [each["residualPct"] for each in devices if each.get("residualPct") is not None]
    watts = [each["meanPowerW"] for each in devices if each.get("meanPowerW") is not None]
    uncertainties = [
        100 * each["uncertaintyJ"] / each["totalJ"]
        for each in devices
        if each.get("uncertaintyJ") is not None and each.get("totalJ")
    ]
    return (
        len(devices),
        mean(watts) if watts else None,
        mean(residuals) if residuals else None,
        stdev(residuals) if len(residuals) > 1 else None,
        max(residuals, key=abs) if residuals else None,
        sum(disagrees(each) for each in devices),
        median(uncertainties) if uncertainties else None,
        trust_of(devices[-1]) if devices else None,
        "/".join(sorted({each.get("method") or "none" for each in devices})),
    )


def disagrees(device: dict) -> bool:
    return any(found["code"] == "estimators_disagree" for found in device.get("findings", []))


def trust_of(device: dict) -> str:
    return device.get("counterKind") or "none"
