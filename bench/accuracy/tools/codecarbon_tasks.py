"""CodeCarbon: a task per window, the GPU's share of its energy. One tracker per GPU, as it reports their sum."""

import warnings

from codecarbon import OfflineEmissionsTracker
from schedule import GPUS, WINDOWS, answer, done, ready, sleep_until, timed

J_PER_KWH = 3.6e6

warnings.simplefilter("ignore")
trackers = [
    OfflineEmissionsTracker(
        country_iso_code="DEU",
        gpu_ids=[gpu],
        output_methods=[],
        allow_multiple_runs=True,
        log_level="critical",
    )
    for gpu in GPUS
]
# The first task looks at the hardware, which takes seconds.
for tracker in trackers:
    tracker.start_task("first")
    tracker.stop_task("first")
ready()

for window, (start_ns, end_ns) in enumerate(WINDOWS):
    sleep_until(start_ns)
    began_ns = [timed(tracker.start_task, str(window))[1] for tracker in trackers]
    sleep_until(end_ns)
    for gpu, tracker in enumerate(trackers):
        measured, ended_ns = timed(tracker.stop_task, str(window))
        joules = measured.gpu_energy * J_PER_KWH
        answer(window=window, gpu=gpu, start_ns=began_ns[gpu], end_ns=ended_ns, joules=joules)
done()
