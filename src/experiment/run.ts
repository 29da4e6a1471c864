// One experiment, from the look at the machine to result.json. The order is the contract:
//
//   environment -> baseline -> load model -> prompts -> warmup -> thermal floor -> window begins
//     -> inference -> window ends -> FLOPs -> warnings -> result.json -> cleanup, always

import { join } from 'node:path'
import type { InferenceBackend, InferenceSession } from '../backends/backend.js'
import { findBackend } from '../backends/registry.js'
import type { ExperimentConfig } from '../config/schema.js'
import { LlemError } from '../core/errors.js'
import { dataDir } from '../core/paths.js'
import type { ExperimentResult, WarmupResult } from '../results/experiment.js'
import { prepareOutputDir, writeJsonAtomically } from '../results/files.js'
import { WorkerError } from '../workers/worker-error.js'
import { breakDown, takeBaseline } from './baseline.js'
import { openEnergyMeter } from './energy-meter.js'
import { takeEnvironment } from './environment.js'
import { estimateFlopsPalm } from './flops.js'
import { generationOf, measurePrompts } from './measurement.js'
import { type Observer, silentObserver } from './observer.js'
import { loadPrompts, type PromptSet } from './prompts/load.js'
import { resultOf } from './result.js'
import { interrupted, stopIfInterrupted, waitVisibly } from './wait.js'
import { warmupUntilConverged } from './warmup.js'

export interface RunOptions {
  /** The management library; undefined: the driver's own. */
  libraryPath?: string | undefined
  /** Marks the result: the numbers come from a simulated GPU. */
  simulated?: boolean
  observer?: Observer
  /** Ends the experiment early; what was measured by then is kept in incomplete.json. */
  signal?: AbortSignal | undefined
}

export interface ExperimentOutcome {
  result: ExperimentResult
  /** The folder with result.json. */
  runDir: string
}

/** RESULT_NOT_WRITTEN: the experiment is done and its result is here, but not on the disk. */
export class UnsavedResultError extends LlemError {
  readonly outcome: ExperimentOutcome

  constructor({ message, code, hint, kind, cause }: LlemError, outcome: ExperimentOutcome) {
    super(message, { code, hint, kind, cause })
    this.outcome = outcome
  }
}

/**
 * Runs one experiment. An experiment whose inference worked always resolves, with null where something else
 * failed. Throws when the configuration asks for what is not there, when inference fails, when a required
 * baseline fails, when the result cannot be written (UnsavedResultError), and INTERRUPTED.
 */
export async function runExperiment(
  config: ExperimentConfig,
  { libraryPath, simulated = false, observer = silentObserver, signal }: RunOptions = {},
): Promise<ExperimentOutcome> {
  const startedAt = new Date()
  const outputDir = prepareOutputDir(config.output_dir)
  const backend = findBackend(config.backend)
  await backend.checkModel(config.model)
  const prompts = await promptsOf(config, observer)

  const { meter, reason } = await openEnergyMeter(config, {
    libraryPath,
    simulated,
    observer,
    signal,
  })
  // The driver may turn out to be the simulated one although nobody asked for it here.
  const opened = meter?.opened ?? null
  const context = { observer, signal, simulated: opened?.machine.simulated ?? simulated }
  let session: InferenceSession | undefined
  try {
    const environment = takeEnvironment(opened?.machine ?? null, opened?.devices ?? [])
    const baseline = await takeBaseline(opened, config.baseline, context)
    session = await loadModel(backend, config, context)
    const warmup = await warmUp(session, prompts, config, context)
    const measured = await measurePrompts(session, prompts.prompts, config, meter, outputDir, context)
    const { totals, attentionFlops } = measured.inference
    const result = resultOf({
      startedAt,
      config,
      simulated: context.simulated,
      baseline,
      environment,
      info: session.info,
      memory: await session.memory(signal).catch(() => null),
      prompts,
      warmup,
      breakdown: breakDown(measured.energy, baseline),
      flops: estimateFlopsPalm(session.info.facts, totals.input_tokens, totals.output_tokens, attentionFlops),
      ...measured,
      energyReason: reason ?? measured.energyReason,
    })
    return await save({ result, runDir: measured.runDir })
  } catch (error) {
    const said = error instanceof LlemError && error.code === 'INTERRUPTED'
    throw signal?.aborted && !said ? interrupted(error) : error
  } finally {
    await session?.close()
    await meter?.close()
  }
}

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
}

async function promptsOf(config: ExperimentConfig, observer: Observer): Promise<PromptSet> {
  const prompts = await loadPrompts(config.prompts, {
    count: config.n_prompts,
    warmup: Math.max(config.warmup.max_prompts, config.warmup.n_warmup ?? 0),
  })
  for (const note of prompts.notes) observer.note(`Note: ${note}.`)
  return prompts
}

function loadModel(
  backend: InferenceBackend,
  config: ExperimentConfig,
  { observer, signal }: Context,
): Promise<InferenceSession> {
  observer.detail(`Loading ${config.model}`)
  return backend.start({
    model: config.model,
    options: config[config.backend],
    dataDir: dataDir(),
    python: config.python,
    timeouts: {
      loadMs: config.load_timeout_sec * 1000,
      requestMs: config.request_timeout_sec * 1000,
    },
    log: (line) => observer.detail(line),
    signal,
  })
}

async function warmUp(
  session: InferenceSession,
  { warmup }: PromptSet,
  config: ExperimentConfig,
  { observer, signal }: Context,
): Promise<WarmupResult> {
  const generation = generationOf(config)
  let ended: WorkerError | undefined
  const result = await warmupUntilConverged(
    async (index) => {
      const prompt = warmup[index % warmup.length] ?? { text: 'Hello' }
      try {
        return (await session.inferOne(prompt, { generation, signal })).latency_ms
      } catch (error) {
        if (error instanceof WorkerError) ended = error
        throw error
      }
    },
    config.warmup,
    {
      observer,
      checkpoint: () => {
        stopIfInterrupted(signal)
        // A failing prompt may be one of a kind; a worker that is gone fails every prompt.
        if (ended !== undefined) throw ended
      },
    },
  )
  const floorS = config.warmup.thermal_floor_seconds
  if (!config.warmup.enabled || floorS === 0) return result
  observer.note(`Thermal stabilisation: waiting ${floorS}s...`)
  const waitedS = await waitVisibly('Thermal stabilisation', floorS, { observer, signal })
  return { ...result, thermal_floor_wait_s: waitedS }
}

async function save(outcome: ExperimentOutcome): Promise<ExperimentOutcome> {
  try {
    await writeJsonAtomically(join(outcome.runDir, 'result.json'), outcome.result)
    return outcome
  } catch (error) {
    throw error instanceof LlemError ? new UnsavedResultError(error, outcome) : error
  }
}
