// One experiment, from the look at the machine to result.json. The order is the contract:
//
//   environment -> baseline -> load model -> prompts -> warmup -> thermal floor -> window begins
//     -> inference -> window ends -> FLOPs -> warnings -> result.json -> cleanup, always

import { rmSync } from 'node:fs'
import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { InferenceSession } from '../backends/backend.js'
import type { Generation } from '../backends/protocol.js'
import { findBackend } from '../backends/registry.js'
import type { ExperimentConfig } from '../config/schema.js'
import { LlemError, messageOf } from '../core/errors.js'
import { dataDir } from '../core/paths.js'
import { energyOf } from '../energy/measured.js'
import type { OpenedSampler } from '../energy/open.js'
import type { Energy } from '../results/energy.js'
import type { ExperimentResult, WarmupResult } from '../results/experiment.js'
import { createRunDir, newExperimentId, prepareOutputDir, writeJsonAtomically } from '../results/files.js'
import { breakDown, takeBaseline } from './baseline.js'
import { openEnergyMeter } from './energy-meter.js'
import { takeEnvironment } from './environment.js'
import { estimateFlopsPalm } from './flops.js'
import { type Inference, runInference } from './inference.js'
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

/**
 * Runs one experiment. An experiment whose inference worked always resolves, with null where something else
 * failed. Throws when the configuration asks for what is not there, when inference fails, when a required
 * baseline fails, and INTERRUPTED.
 */
export async function runExperiment(
  config: ExperimentConfig,
  { libraryPath, simulated = false, observer = silentObserver, signal }: RunOptions = {},
): Promise<ExperimentOutcome> {
  const context = { observer, signal, simulated }
  const startedAt = new Date()
  const outputDir = prepareOutputDir(config.output_dir)
  const backend = findBackend(config.backend)
  await backend.checkModel(config.model)
  const prompts = await loadPrompts(config.prompts, {
    count: config.n_prompts,
    warmup: Math.max(config.warmup.max_prompts, config.warmup.n_warmup ?? 0),
  })
  for (const note of prompts.notes) observer.note(`Note: ${note}`)

  const meter = await openEnergyMeter(config.energy, { libraryPath, simulated, observer })
  let session: InferenceSession | undefined
  try {
    const environment = takeEnvironment(meter.opened?.machine ?? null, meter.opened?.devices ?? [])
    const baseline = await takeBaseline(meter.opened, config.baseline, context)
    observer.detail(`Loading ${config.model}`)
    session = await backend.start({
      model: config.model,
      options: config[config.backend],
      dataDir: dataDir(),
      timeouts: {
        loadMs: config.load_timeout_sec * 1000,
        requestMs: config.request_timeout_sec * 1000,
      },
      log: (line) => observer.detail(line),
      signal,
    })
    const warmup = await warmUp(session, prompts, config, context)
    const measured = await measure(session, prompts, config, meter.opened, outputDir, context)
    const memory = await session.memory(signal).catch(() => null)
    const breakdown = breakDown(measured.energy, baseline)
    const { input_tokens, output_tokens } = measured.inference.totals
    const result = resultOf({
      startedAt,
      config,
      simulated,
      environment,
      info: session.info,
      memory,
      prompts,
      warmup,
      breakdown,
      flops: estimateFlopsPalm(session.info.facts, input_tokens, output_tokens),
      ...measured,
      energyReason: meter.reason ?? measured.energyReason,
    })
    await writeJsonAtomically(join(measured.runDir, 'result.json'), result)
    return { result, runDir: measured.runDir }
  } catch (error) {
    if (signal?.aborted) throw interrupted(error)
    throw error
  } finally {
    await session?.close()
    meter.opened?.sampler.close()
  }
}

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
}

async function warmUp(
  session: InferenceSession,
  { warmup }: PromptSet,
  config: ExperimentConfig,
  { observer, signal }: Context,
): Promise<WarmupResult> {
  const generation = generationOf(config)
  const result = await warmupUntilConverged(
    async (index) => {
      const prompt = warmup[index % warmup.length] ?? { text: 'Hello' }
      return (await session.inferOne(prompt, { generation, signal })).latency_ms
    },
    config.warmup,
    { observer, checkpoint: () => stopIfInterrupted(signal) },
  )
  const floorS = config.warmup.thermal_floor_seconds
  if (!config.warmup.enabled || floorS === 0) return result
  observer.note(`Thermal stabilisation: waiting ${floorS}s...`)
  return {
    ...result,
    thermal_floor_wait_s: await waitVisibly('Thermal stabilisation', floorS, { observer, signal }),
  }
}

interface Measured {
  experimentId: string
  runDir: string
  inference: Inference
  energy: Energy | null
  energyReason: string | null
  paths: { timeseries: string | null; samples: string | null; requests: string }
}

/** The window: everything whose energy counts happens in here, and nothing else. */
async function measure(
  session: InferenceSession,
  prompts: PromptSet,
  config: ExperimentConfig,
  opened: OpenedSampler | null,
  outputDir: string,
  { observer, signal }: Context,
): Promise<Measured> {
  const experimentId = newExperimentId(config.experiment_name ?? config.backend)
  const runDir = createRunDir(outputDir, experimentId)
  const { enabled, save, full_rate } = config.timeseries
  const keeps = opened !== null && enabled
  const paths = {
    timeseries: keeps && save ? join(runDir, 'timeseries.parquet') : null,
    samples: keeps && full_rate ? join(runDir, 'samples.parquet') : null,
    requests: join(runDir, 'requests.jsonl'),
  }
  await opened?.sampler.ready()
  const window = opened?.sampler.beginWindow({
    timeseriesPath: paths.timeseries ?? undefined,
    samplesPath: paths.samples ?? undefined,
  })
  let inference: Inference | null = null
  let failure: unknown
  try {
    inference = await runInference(session, prompts.prompts, {
      generation: generationOf(config),
      requestsPath: paths.requests,
      observer,
      signal,
    })
  } catch (error) {
    failure = error
  }
  let energy: Energy | null = null
  let energyReason: string | null = null
  if (opened !== null && window !== undefined) {
    try {
      energy = energyOf(await window.end(), opened.sampler)
    } catch (error) {
      energyReason = messageOf(error)
      observer.note(`Energy could not be measured (non-fatal): ${energyReason}`)
    }
  }
  if (inference !== null) return { experimentId, runDir, inference, energy, energyReason, paths }
  await keepIncomplete(runDir, {
    experimentId,
    config,
    energy,
    failure,
    interrupted: signal?.aborted === true,
  })
  throw withPlace(failure, runDir)
}

/** What there is of a failed measurement; never under the name of a result. */
async function keepIncomplete(
  runDir: string,
  { experimentId, config, energy, failure, interrupted }: IncompleteRun,
): Promise<void> {
  const incomplete = {
    experiment_id: experimentId,
    status: interrupted ? 'interrupted' : 'failed',
    error: messageOf(failure),
    model: config.model,
    backend: config.backend,
    energy,
  }
  try {
    await writeJsonAtomically(join(runDir, 'incomplete.json'), incomplete)
  } catch {
    // The failure itself is what the person must hear about; an empty folder is not worth keeping.
    rmSync(join(runDir, 'requests.jsonl'), { force: true })
    await rmdir(runDir).catch(() => undefined)
  }
}

interface IncompleteRun {
  experimentId: string
  config: ExperimentConfig
  energy: Energy | null
  failure: unknown
  interrupted: boolean
}

function withPlace(failure: unknown, runDir: string): unknown {
  if (!(failure instanceof LlemError)) return failure
  const { code, hint, kind, cause } = failure
  const place = `What was measured by then is in ${runDir}.`
  return new LlemError(failure.message, {
    code,
    hint: hint === null ? place : `${hint} ${place}`,
    kind,
    cause,
  })
}

function generationOf({ generation }: ExperimentConfig): Generation {
  // The worker's 0 keeps the whole vocabulary, which is what null says in the configuration.
  return { ...generation, top_k: generation.top_k ?? 0 }
}
