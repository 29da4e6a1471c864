// The meters of an experiment whose server spans several machines, and what they say of the window in the end.

import { join } from 'node:path'
import { discardSamples, keepsSamples } from '../attribution/of-run.js'
import type { ExperimentConfig } from '../config/schema.js'
import { messageOf } from '../core/errors.js'
import { energyOfNodes } from '../nodes/energy.js'
import { MEASURED_PHASE, readNodes } from '../nodes/fold.js'
import { NodeMeters } from '../nodes/session.js'
import { planOf } from '../nodes/starters.js'
import type { Observer } from '../progress/observer.js'
import { shownWhileWaiting } from '../progress/wait.js'
import type { Energy } from '../results/energy.js'
import type { Trace } from './trace.js'

/** Why this machine's own GPUs are not read, where nodes have meters. */
export const BY_NODES = 'the meters of the nodes read the GPUs (energy.nodes)'

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
  simulated: boolean
}

/** Null where one machine is measured. Throws NODES_NOT_NAMED, NODES_NOT_READY and NODES_FOLDER_INVALID. */
export async function openNodeMeters(
  { energy }: ExperimentConfig,
  outputDir: string,
  { observer, signal, simulated }: Context,
): Promise<NodeMeters | null> {
  if (energy.nodes === null || energy.backend === null) return null
  const plan = planOf(energy.nodes, process.env)
  const { interval_ms, slow_interval_ms, tick_locked } = energy
  return await shownWhileWaiting('Starting the meters of the nodes', plan.startTimeoutS, observer, () =>
    NodeMeters.open({
      plan,
      outputDir,
      sampling: { interval_ms, slow_interval_ms, tick_locked, simulated },
      tell: observer.note,
      log: observer.detail,
      signal,
    }),
  )
}

/** The energy of all nodes over the inference; null with its reason where the files of the nodes tell none. */
export async function energyByNodes(
  nodes: NodeMeters,
  runDir: string,
  { start_ns, end_ns, output_tokens }: { start_ns: number; end_ns: number; output_tokens: number },
  {
    observer,
    trace,
    timeseries,
  }: { observer: Observer; trace: Trace; timeseries: ExperimentConfig['timeseries'] },
): Promise<{ energy: Energy | null; energyReason: string | null }> {
  try {
    // The wall time of the load process, as what each node calls the time is its own matter.
    const agoMs = Number(process.hrtime.bigint()) / 1e6 - start_ns / 1e6
    const dir = await nodes.end(runDir, {
      phases: [...phasesOf(trace), { phase: MEASURED_PHASE, start_ns, end_ns }],
      start_utc: new Date(Date.now() - agoMs).toISOString(),
      output_tokens,
    })
    const energy = energyOfNodes(await readNodes(dir))
    if (!keepsSamples(timeseries))
      for (const { folder } of energy.nodes?.nodes ?? [])
        await discardSamples(join(dir, folder, 'samples.parquet'))
    return { energy, energyReason: null }
  } catch (error) {
    const reason = messageOf(error)
    observer.note(`The energy of the nodes is unknown (non-fatal): ${reason}`)
    return { energy: null, energyReason: reason }
  }
}

/** What was before the inference, and is over: its own stamps are the worker's. */
function phasesOf({ steps }: Trace): { phase: string; start_ns: number; end_ns: number }[] {
  return steps.flatMap(({ step, start_ns, end_ns }) =>
    end_ns === null || step === MEASURED_PHASE ? [] : [{ phase: step, start_ns, end_ns }],
  )
}
