// What is compared, and how each is used.
import { join } from 'node:path'
import { ROOT } from '../folders.mjs'

const FOLDER = join(ROOT, 'bench/accuracy/tools')

export const TOOLS = [
  {
    name: 'llem',
    script: 'llem.mjs',
    how: 'the headline `total_j`; reads every 10 ms, one sampler per GPU, or for the 8 GPUs that are one machine',
  },
  {
    name: 'ZeusMonitor',
    package: 'zeus',
    script: 'zeus_monitor.py',
    how: '`begin_window` and `end_window`, one monitor per GPU',
  },
  {
    name: 'PowerMonitor',
    package: 'zeus',
    script: 'power_monitor.py',
    how:
      '`get_energy` over the window, 0.2 s after it; polls every 50 ms, as the period that it infers by itself is 0 ' +
      'and takes a core; its queue is emptied every second, as else it loses readings; GPUs that fail or are slow have ' +
      'monitors of their own',
  },
  {
    name: 'CodeCarbon',
    package: 'codecarbon',
    script: 'codecarbon_tasks.py',
    how: "`start_task` and `stop_task`, the GPU's share of the energy, one offline tracker per GPU",
  },
  {
    name: 'pynvml loop',
    package: 'nvidia-ml-py',
    script: 'pynvml_loop.py',
    how: '`nvmlDeviceGetPowerUsage`, sleep 100 ms, trapezoid over the readings in the window, as people write it',
  },
  {
    name: 'nvidia-smi 1 Hz',
    package: 'nvidia-ml-py',
    script: 'nvidia_smi.py',
    how:
      '`power.draw` once a second, trapezoid with interpolation at both edges, as InferenceX does; not the program, ' +
      'which does not run over simulated GPUs, but `nvmlDeviceGetPowerUsage`, which is where it has `power.draw` from',
  },
  {
    name: 'counter scraped',
    package: 'nvidia-ml-py',
    script: 'counter_scraper.py',
    how:
      '`nvmlDeviceGetTotalEnergyConsumption` once a second; the last scrape before the end less the last one before ' +
      'the start, as a dashboard has it',
  },
]

/** The command that runs a tool, but for the plan. */
export function commandOf({ script }, python) {
  return [script.endsWith('.py') ? python : process.execPath, join(FOLDER, script)]
}
