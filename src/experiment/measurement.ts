// The window: what begins here with the first prompt and ends with the last token is what the energy is for.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type AttributionResult, attributeRun, discardSamples, keepsSamples } from '../attribution/of-run.js'
import type { Generation } from '../backends/protocol.js'
import type { ExperimentConfig } from '../config/schema.js'
import { LlemError, messageOf } from '../core/errors.js'
import { watchSuspension } from '../core/suspension.js'
import { cutTo } from '../energy/cut.js'
import { describeFailedBackend } from '../energy/describe-selection.js'
import type { Meter } from '../energy/meter.js'
import type { MeterWindow } from '../energy/meter-window.js'
import type { NodeMeters } from '../nodes/session.js'
import type { Observer } from '../progress/observer.js'
import type { Prompt } from '../prompts/prompt.js'
import type { Energy } from '../results/energy.js'
import { createRunDir, newExperimentId } from '../results/files.js'
import type { Member } from './fleet.js'
import { keepIncomplete } from './incomplete.js'
import { type Inference, runInference } from './inference.js'
import { energyByNodes } from './node-meters.js'
import { loadOf } from './serving.js'
import type { Trace } from './trace.js'

export interface Measured {
  experimentId: string
  runDir: string
  inference: Inference
  energy: Energy | null
  /** All that was seen of the GPUs in the window, also where no energy is accounted for. */
  observed: Energy | null
  /** Why the window has no energy; null when it has. */
  energyReason: string | null
  attribution: AttributionResult
  /** What went wrong while the energy was attributed. */
  attributionWarnings: string[]
  paths: FilePaths
}

/** The files of a run; null where there is none. */
export interface FilePaths {
  timeseries: string | null
  samples: string | null
  requests: string
}

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
  simulated: boolean
  trace: Trace
}

/**
 * Runs the prompts and measures them, in a new folder below `outputDir`. What goes wrong with the energy is told and
 * is not fatal; what goes wrong with the inference is thrown after what there is was kept in incomplete.json.
 */
export async function measurePrompts(
  members: readonly Member[],
  prompts: readonly Prompt[],
  config: ExperimentConfig,
  { meter, nodes }: { meter: Meter | null; nodes: NodeMeters | null },
  outputDir: string,
  { observer, signal, simulated, trace }: Context,
): Promise<Measured> {
  const experimentId = newExperimentId(config.experiment_name ?? config.backend)
  const runDir = createRunDir(outputDir, experimentId)
  const wanted = wantedFiles(runDir, config, meter)
  const { window, reason } = await trace.step('window_begin', () =>
    beginMeterWindow(meter, { ...wanted, folder: runDir }, isElsewhere(members), observer),
  )
  if (nodes !== null) await trace.step('node_clocks', () => nodes.begin())
  const suspension = watchSuspension()
  const ended = await trace
    .step('inference', () =>
      runInference(members, prompts, {
        generation: generationOf(config),
        load: loadOf(config),
        slo: config.slo,
        requestsPath: wanted.requests,
        observer,
        signal,
      }),
    )
    .catch((error: unknown) => ({ failure: error }))
  const recorded = await trace.step('window_end', () => endWindow(window, reason, observer))
  const suspendedS = suspension()
  const inference = suspendedS > 0 && !('failure' in ended) ? { failure: suspended(suspendedS) } : ended
  if ('failure' in inference) {
    const { start_ns, end_ns } = trace.lastStep('inference')
    // What the nodes measured stays beside what is left of the run.
    if (nodes !== null)
      await energyByNodes(
        nodes,
        runDir,
        { start_ns, end_ns, output_tokens: 0 },
        { observer, trace, timeseries: config.timeseries },
      )
    if (wanted.samples !== null && !keepsSamples(config.timeseries)) await discardSamples(wanted.samples)
    throw await keepIncomplete(runDir, {
      experimentId,
      config,
      simulated,
      energy: config.energy.backend === null ? null : recorded.energy,
      failure: inference.failure,
      interrupted: signal?.aborted === true,
    })
  }
  const { requestsProblem, totals } = inference
  const { energy: observed, energyReason } =
    nodes === null
      ? {
          energy: await cutToInference(recorded.energy, wanted.samples, totals, observer),
          energyReason: recorded.energyReason,
        }
      : await trace.step('node_energy', () =>
          energyByNodes(nodes, runDir, totals, { observer, trace, timeseries: config.timeseries }),
        )
  const energy = config.energy.backend === null ? null : observed
  const files = { samplesPath: wanted.samples, requestsPath: wanted.requests }
  const { attribution, warnings: attributionWarnings } = await trace.step('attribution', () =>
    attributeRun({ energy, ...files, requestsProblem, totals }, config, observer),
  )
  const paths = writtenFiles(wanted)
  return {
    experimentId,
    runDir,
    inference,
    energy,
    observed,
    energyReason,
    attribution,
    attributionWarnings,
    paths,
  }
}

/** Its times, its tokens a second and its joules a token would be of a pause too. */
function suspended(seconds: number): LlemError {
  return new LlemError(`the run was suspended for ${seconds.toFixed(1)} s while it was measured`, {
    code: 'RUN_SUSPENDED',
    hint: 'Measure it again. On Slurm, use a partition whose jobs are not suspended for others (`scontrol show partition`, PreemptMode).',
  })
}

/** The energy over the inference alone: from the workers' own first stamp to their last. */
async function cutToInference(
  energy: Energy | null,
  samplesPath: string | null,
  { start_ns, end_ns }: Inference['totals'],
  observer: Observer,
): Promise<Energy | null> {
  if (energy === null || samplesPath === null || !existsSync(samplesPath)) return energy
  return await cutTo(energy, samplesPath, { start_ns, end_ns }).catch((error: unknown) => {
    observer.note(`The window could not be cut to the inference (non-fatal): ${messageOf(error)}`)
    return energy
  })
}

/** Whether a server that llem has not started computes. */
export function isElsewhere(members: readonly Pick<Member, 'session'>[]): boolean {
  return members.some(({ session: { info } }) => info.compute === 'server' && info.pid === null)
}

/** How tokens are chosen, in the worker's words. */
export function generationOf({ generation }: ExperimentConfig): Generation {
  // The worker's 0 keeps the whole vocabulary, which is what null says in the configuration.
  return { ...generation, top_k: generation.top_k ?? 0 }
}

function wantedFiles(runDir: string, config: ExperimentConfig, meter: Meter | null): FilePaths {
  const { enabled, save } = config.timeseries
  const isOpen = meter?.opened != null
  return {
    timeseries: isOpen && enabled && save ? join(runDir, 'timeseries.parquet') : null,
    // Always recorded, for all joules rest on it; what is not kept is removed once they are known.
    samples: isOpen ? join(runDir, 'samples.parquet') : null,
    requests: join(runDir, 'requests.jsonl'),
  }
}

/** A result names no file that is not there. */
function writtenFiles({ timeseries, samples, requests }: FilePaths): FilePaths {
  const present = (path: string | null) => (path !== null && existsSync(path) ? path : null)
  return { timeseries: present(timeseries), samples: present(samples), requests }
}

async function beginMeterWindow(
  meter: Meter | null,
  { timeseries, samples, folder }: FilePaths & { folder: string },
  isServerElsewhere: boolean,
  observer: Observer,
): Promise<{ window: MeterWindow | null; reason: string | null }> {
  if (meter === null) return { window: null, reason: null }
  try {
    const files = { timeseriesPath: timeseries ?? undefined, samplesPath: samples ?? undefined, folder }
    return { window: await meter.begin({ ...files, isServerElsewhere }), reason: null }
  } catch (error) {
    return { window: null, reason: notMeasured(error, observer) }
  }
}

async function endWindow(
  window: MeterWindow | null,
  reason: string | null,
  observer: Observer,
): Promise<{ energy: Energy | null; energyReason: string | null }> {
  if (window === null) return { energy: null, energyReason: reason }
  try {
    const energy = await window.end()
    if (energy.selection?.failure != null)
      observer.note(`Warning (non-fatal): ${describeFailedBackend(energy.selection)}`)
    return { energy, energyReason: null }
  } catch (error) {
    return { energy: null, energyReason: notMeasured(error, observer) }
  }
}

function notMeasured(error: unknown, observer: Observer): string {
  const reason = messageOf(error)
  observer.note(`Energy could not be measured (non-fatal): ${reason}`)
  return reason
}
