"""What measuring costs the workload: the rate and the times of identical decode steps with llem's sampler off and at
three intervals, in turns, so that a drift of the board falls on all alike."""

import time
from statistics import mean, median, stdev

INTERVALS_MS = (None, 100, 10, 2)
REPEATS = 5
STEPS_S = 3
STUDENT_T_95 = {2: 12.71, 3: 4.303, 4: 3.182, 5: 2.776}  # by the number of pairs


def measure(bench, table):
    table.head(
        "sampler", "n", "steps/s", "change %", "+- (95 %)", "step p50 ms", "p99 ms", "sampler CPU %", "in driver %"
    )
    bench.load_process()
    runs = {interval: [] for interval in INTERVALS_MS}
    steps(bench)  # warms up
    for repeat in range(REPEATS):
        start_s = time.monotonic()
        turn = repeat % len(INTERVALS_MS)
        for interval in INTERVALS_MS[turn:] + INTERVALS_MS[:turn]:
            runs[interval].append(run(bench, interval))
        took_s = time.monotonic() - start_s
        if repeat > 0 and bench.time_left_s() < 1.2 * took_s:
            break
    for interval in INTERVALS_MS:
        changes = [
            100 * (with_it["rate"] / without["rate"] - 1) for with_it, without in zip(runs[interval], runs[None])
        ]
        each = runs[interval]
        is_off = interval is None
        table.row(
            "off" if is_off else f"{interval} ms",
            len(each),
            mean(run["rate"] for run in each),
            None if is_off else mean(changes),
            None if is_off else STUDENT_T_95[len(each)] * stdev(changes) / len(each) ** 0.5,
            median(run["p50_ms"] for run in each),
            median(run["p99_ms"] for run in each),
            None if is_off else 100 * mean(run["cpu"] for run in each),
            None if is_off else 100 * mean(run["driver"] for run in each),
        )
    table.note(
        f"{len(runs[None])} repeats of {bench.seconds(STEPS_S):.1f} s each, the order rotated; the change is against "
        "the run without a sampler of the same repeat."
    )


def run(bench, interval):
    if interval is None:
        return steps(bench)
    with bench.sampler(interval) as windows:
        length_s = bench.seconds(STEPS_S)
        measurement = windows([(0, length_s)])
        timed = steps(bench)
        cost = measurement.reports()[0]["sampler"]
        return {**timed, "cpu": cost["cpuS"] / length_s, "driver": cost["driverS"] / length_s}


def steps(bench):
    with bench.load("steps", bench.seconds(STEPS_S)) as answers:
        pass
    done = answers[-1]
    return {"rate": done["steps"] / done["seconds"], "p50_ms": done["p50_ms"], "p99_ms": done["p99_ms"]}
