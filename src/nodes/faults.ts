// Why a node's joules are none of the run's, as codes and in words.

import type { Meanings } from '../core/meanings.js'
import type { NodeFault } from '../results/nodes.js'

export interface Fault {
  code: NodeFault
  reason: string
}

export const meterLost = (reason: string): Fault => ({ code: 'node_meter_lost', reason })
export const clockUnbounded = (reason: string): Fault => ({ code: 'node_clock_unbounded', reason })
export const windowNotCovered = (reason: string): Fault => ({ code: 'node_window_not_covered', reason })
export const devicesMissing = (reason: string): Fault => ({ code: 'node_devices_missing', reason })
export const energyUnknown = (reason: string): Fault => ({ code: 'node_energy_unknown', reason })

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  node_meter_lost: {
    meaning:
      "A node's meter was gone before the window was over. The run has no total; the other nodes' joules are kept.",
    evidence: 'Its connection closed, or its node.json has no end.',
    advice:
      "See whether the node is up, and what ended the meter; `llem recover` reads what it left in samples.parquet's partial file.",
  },
  node_clock_unbounded: {
    meaning:
      "Nobody knows where the window is in a node's samples: its clock could not be held against that of the load process.",
    evidence:
      'No exchange before or after the window, or the clock moved by more than 1000 parts in a million between two.',
    advice:
      'Measure again; where it comes back, look at what sets the clock of that node (a virtual machine that was paused, chrony that slews a large error).',
  },
  node_window_not_covered: {
    meaning: "A node's meter did not read for all of the window. The run has no total.",
    evidence: 'Its first or last sample, by its own clock, with the bound of the offset.',
    advice: 'Measure again.',
  },
  node_devices_missing: {
    meaning: 'A node has GPUs that its meter could not read, or not see. The run has no total.',
    evidence:
      '`energy.nodes.gpus_per_node`, or what Slurm says that the job has there, against what the driver shows.',
    advice: 'Start the meter so that it sees all GPUs of the job: one task a node, without --gpus-per-task.',
  },
  node_energy_unknown: {
    meaning: "A node's readings have no joules. The run has no total.",
    evidence: 'The reason is in the text.',
    advice: null,
  },
}
