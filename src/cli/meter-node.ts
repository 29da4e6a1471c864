// llem meter node: the meter of one node of an experiment that spans several, until the experiment ends it.

import { meterNode } from '../nodes/meter.js'
import { interruptible } from './interrupt.js'
import { say } from './screen.js'

interface NodeOptions {
  dir: string
  devices?: (number | string)[]
  simulate?: string | boolean
}

/** Throws NODES_FOLDER_INVALID, NODES_UNREACHABLE, and what opening the GPUs throws. */
export async function meterOfNode({ dir, devices, simulate = false }: NodeOptions): Promise<void> {
  await interruptible(
    (signal) =>
      meterNode({
        dir,
        devices: devices ?? null,
        simulate,
        signal,
        say: (text) => say(`llem meter node: ${text}.`),
      }),
    { quiet: true },
  )
}
