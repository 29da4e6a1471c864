"""ZeusMonitor: the difference of the energy counter. One monitor per GPU, so that none waits for the others' calls."""

from schedule import GPUS, WINDOWS, answer, done, ready, sleep_until, timed
from zeus.monitor import ZeusMonitor

monitors = [ZeusMonitor(gpu_indices=[gpu], cpu_indices=[]) for gpu in GPUS]
ready()

for window, (start_ns, end_ns) in enumerate(WINDOWS):
    sleep_until(start_ns)
    begun = {}
    for gpu, monitor in enumerate(monitors):
        try:
            # There is no framework to wait for.
            _, begun[gpu] = timed(monitor.begin_window, str(window), sync_execution=False)
        except Exception as error:
            answer(window=window, gpu=gpu, error=repr(error))
    sleep_until(end_ns)
    for gpu, began_ns in begun.items():
        try:
            measured, ended_ns = timed(monitors[gpu].end_window, str(window), sync_execution=False)
        except Exception as error:
            answer(window=window, gpu=gpu, error=repr(error))
            continue
        joules = measured.gpu_energy[gpu]
        answer(window=window, gpu=gpu, start_ns=began_ns, end_ns=ended_ns, joules=joules)
done()
