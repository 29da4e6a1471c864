// One experiment, from the look at the machine to result.json. The order is the contract:
//
//   preflight -> fetch or verify -> environment -> baseline -> load model -> prompts -> warmup -> thermal floor -> window begins
//     -> inference -> window ends -> FLOPs -> warnings -> result.json -> cleanup, always
//
// `steps` of the result says when each of them was.

import { join } from 'node:path'
import { findBackend } from '../backends/registry.js'
import { takeBaseline } from '../baseline/bare.js'
import { type BareLevel, breakDown, idleOfBare } from '../baseline/breakdown.js'
import { parkInFloor } from '../baseline/parked.js'
import type { ExperimentConfig } from '../config/schema.js'
import { LlemError, messageOf } from '../core/errors.js'
import { learnEnvironment, learnSecrets } from '../core/secrets.js'
import { claimGpus, type GpuClaims, waitTeller } from '../energy/claims.js'
import { withMigShares } from '../energy/mig.js'
import type { Snapshot } from '../native/addon.js'
import type { NodeMeters } from '../nodes/session.js'
import { nonFatal } from '../progress/non-fatal.js'
import { type Observer, silentObserver, tolerant } from '../progress/observer.js'
import { interrupted, shownWhileWaiting } from '../progress/wait.js'
import type { Energy } from '../results/energy.js'
import type { ExperimentResult, Load } from '../results/experiment.js'
import { prepareOutputDir, writeJsonAtomically } from '../results/files.js'
import type { Service } from '../workers/service.js'
import { findingsOfLists, gpusForChildren, listsOrNothing, refuseUnmeasured } from './computing.js'
import { takeEnvironment } from './environment.js'
import { type Fleet, startFleet } from './fleet.js'
import { flopsOf } from './flops.js'
import { prepareInference } from './inference.js'
import type { KeptFleet } from './kept-fleet.js'
import { KEPT, measuredLoad } from './load-energy.js'
import { generationOf, isElsewhere, measurePrompts } from './measurement.js'
import { fetchPlaced, type PlacedModel } from './model.js'
import { openNodeMeters } from './node-meters.js'
import { openEnergyMeter } from './open-meter.js'
import { visibleDevicesOf } from './preflight/devices.js'
import { ifReady, lookAhead } from './preflight/preflight.js'
import { type Findings, resultOf } from './result.js'
import { runsHereAlready } from './running-server.js'
import { findingsOfRoot } from './served-root.js'
import { Trace } from './trace.js'
import { warmUp } from './warmup-run.js'
import { findingsFailed, findingsOfExperiment } from './warnings.js'

export interface RunOptions {
  /** The management library; undefined: the driver's own. */
  libraryPath?: string | undefined
  /** Marks the result: the numbers come from a simulated GPU. */
  simulated?: boolean
  observer?: Observer
  /** Ends the experiment early; what was measured by then is kept in incomplete.json. */
  signal?: AbortSignal | undefined
  /** Where loaded workers may come from, and where they go when all went well; without one they are ended. */
  kept?: KeptFleet | undefined
  /** The container in which the inference runs; null or absent: this machine. */
  service?: Service | null | undefined
}

export interface ExperimentOutcome {
  result: ExperimentResult
  /** The folder with result.json. */
  runDir: string
}

/** What a helper process may take to start and to open its devices. */
const ENERGY_BACKEND_LIMIT_S = 90
/** What importing a backend's libraries may take, which is the longest of what is looked at. */
const PREFLIGHT_LIMIT_S = 120

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
  {
    libraryPath,
    simulated = false,
    observer: listener = silentObserver,
    signal,
    kept,
    service = null,
  }: RunOptions = {},
): Promise<ExperimentOutcome> {
  // A program that uses llem as a library has learnt none yet.
  learnEnvironment(process.env)
  learnSecrets(config)
  const observer = tolerant(listener)
  const startedAt = new Date()
  const trace = new Trace()
  const backend = findBackend(config.backend)
  // What is in the way is told before anything takes time, all of it at once.
  const { prompts, model: found } = await trace.step('preflight', async () => {
    // An import that fails costs the baseline; where there is none it is told as early by the load itself.
    const imports = config.baseline.enabled && kept?.isEmpty !== false ? 'unproven' : 'never'
    const looked = await shownWhileWaiting('Preflight', PREFLIGHT_LIMIT_S, observer, (_, onWaiting) =>
      lookAhead(config, { libraryPath, observer, signal, service, imports, onWaiting }),
    )
    return ifReady(looked)
  })
  const outputDir = prepareOutputDir(config.output_dir)
  const model =
    found.located === null
      ? found
      : await trace.step(found.absent === null ? 'verify' : 'fetch', () =>
          fetchModel(found, { observer, signal }),
        )
  /** With the model as the backend gets it; results and identity have it as it was asked for. */
  const placed = model.config

  const { meter, reason } = await trace.step('sampler', () =>
    // The Python of an energy backend takes seconds to start.
    shownWhileWaiting('Opening the energy backend', ENERGY_BACKEND_LIMIT_S, observer, () =>
      openEnergyMeter(config, {
        libraryPath,
        simulated,
        observer,
        signal,
        ownContainer: service?.container_id ?? null,
        cudaVisibleDevices: visibleDevicesOf(config),
      }),
    ),
  )
  // The driver may turn out to be the simulated one although nobody asked for it here.
  const opened = meter?.opened ?? null
  // Without accounting, the sampler only looks on: there is nothing to take a level off.
  const accounted = config.energy.backend === null ? null : opened
  const context = { observer, signal, simulated: opened?.machine.simulated ?? simulated, trace }
  observer.metering?.(opened === null ? null : () => powerNowW(opened.sampler.snapshot()))
  let fleet: Fleet | undefined
  let nodes: NodeMeters | null = null
  let claims: GpuClaims | undefined
  try {
    if (opened !== null) {
      const onWait = waitTeller(observer.note)
      claims = await claimGpus(opened.devices, { simulated: context.simulated, signal, onWait })
    }
    const machine = opened?.machine ?? null
    const devices = opened?.devices ?? []
    const environment = await trace.step('environment', () => takeEnvironment(machine, devices, service))
    const uuids = devices.map(({ uuid }) => uuid)
    // Before a model is loaded for minutes, as a node without a meter costs the run its total.
    if (config.energy.nodes !== null)
      nodes = await trace.step('node_meters', () => openNodeMeters(config, outputDir, context))
    // Other workers than those that fit are ended before idle power is measured.
    const loaded = (await kept?.take(placed, uuids, service)) ?? undefined
    fleet = loaded
    const serverRuns = await runsHereAlready(config)
    const baseline = await trace.step('baseline', () =>
      takeBaseline(accounted, config.baseline, { ...context, modelLoaded: loaded !== undefined, serverRuns }),
    )
    let load: Promise<Load> | Load = KEPT
    if (fleet === undefined) {
      const ofCpu =
        meter?.selection?.chosen === 'rapl' ? 'RAPL is read at the edges of the measurement only' : null
      const why = reason ?? ofCpu ?? meter?.openedError?.message ?? 'nothing reads the power of the GPUs'
      const keptTo = opened === null ? null : gpusForChildren(opened)
      const start = () => startFleet(backend, placed, uuids, { ...context, service, keptTo })
      const started = await trace.step('load', () => measuredLoad(accounted, why, start))
      fleet = started.value
      load = started.load
    }
    const { members } = fleet
    if (opened !== null) refuseUnmeasured(members, opened)
    const generation = generationOf(config)
    await trace.step('prepare', () => prepareInference(members, prompts.prompts, { generation, signal }))
    const warmups = await trace.step('warmup', () => warmUp(members, prompts.warmup, config, context))
    const isServerElsewhere = isElsewhere(members)
    const { floorS, parked } = await trace.step('thermal_floor', () =>
      parkInFloor(accounted, config, { ...context, isServerElsewhere }),
    )
    // Once it computes, and before anything is measured.
    const ofLists =
      opened === null
        ? []
        : await listsOrNothing(() => findingsOfLists(config, members, opened, libraryPath), observer.detail)
    const recorded = await measurePrompts(
      members,
      prompts.prompts,
      config,
      { meter, nodes },
      outputDir,
      context,
    )
    const measured = { ...recorded, energy: withSharesOfInstances(recorded.energy, baseline) }
    const memory = await Promise.all(members.map(({ session }) => session.memory(signal).catch(() => null)))
    const flops = await trace.step('flops', () => flopsOf(members, measured.inference, observer))
    const findings: Findings = {
      startedAt,
      keptLoaded: loaded !== undefined,
      load: await load,
      config,
      source: model.source,
      simulated: context.simulated,
      baseline,
      parked,
      breakdown: breakDown(measured.energy, baseline, {
        parked,
        outputTokens: measured.inference.totals.output_tokens,
      }),
      environment,
      members,
      memory,
      prompts,
      warmups: warmups.map((warmup) => ({ ...warmup, thermal_floor_wait_s: floorS })),
      flops,
      ofLists: [...findingsOfRoot(config, members), ...ofLists, ...(claims?.findings() ?? [])],
      ...measured,
      energyReason: (nodes === null ? reason : null) ?? measured.energyReason,
    }
    const told = await trace.step('warnings', () =>
      nonFatal(
        'Warnings about the measurement',
        observer,
        () => findingsOfExperiment({ ...findings, energyProblem: energyProblem(findings) }),
        (text) => [findingsFailed(text)],
      ),
    )
    const outcome = await trace.step('write', () =>
      save({ result: resultOf(findings, told, trace.steps), runDir: measured.runDir }),
    )
    if (kept !== undefined) {
      kept.keep(placed, uuids, service, fleet)
      fleet = undefined
    }
    return outcome
  } catch (error) {
    const said = error instanceof LlemError && error.code === 'INTERRUPTED'
    throw signal?.aborted && !said ? interrupted(error) : error
  } finally {
    await cleanUp('The workers', () => fleet?.close(), observer)
    await cleanUp('The meters of the nodes', () => nodes?.close(), observer)
    claims?.release()
    observer.metering?.(null)
    await cleanUp('The sampler', () => meter?.close(), observer)
  }
}

/** A model by name: its bytes are those that it names. One that was not here yet is fetched, and then looked at as any other. */
async function fetchModel(
  found: PlacedModel,
  asking: { observer: Observer; signal: AbortSignal | undefined },
): Promise<PlacedModel> {
  const model = await fetchPlaced(found, asking)
  if (found.absent !== null) await findBackend(model.config.backend).checkModel(model.config.model)
  return model
}

/** Of all GPUs together; null until each has been read. */
function powerNowW({ devices }: Snapshot): number | null {
  const known = devices.flatMap(({ powerW }) => powerW ?? [])
  return known.length === 0 || known.length < devices.length ? null : known.reduce((a, b) => a + b, 0)
}

/** What cannot be ended must not cost the result. */
async function cleanUp(
  what: string,
  close: () => Promise<void> | undefined,
  observer: Observer,
): Promise<void> {
  try {
    await close()
  } catch (error) {
    observer.note(`${what} could not be ended (non-fatal): ${messageOf(error)}`)
  }
}

/** Why an energy that was asked for is null. */
function energyProblem({ config, energy, energyReason }: Findings): string | null {
  if (config.energy.backend === null || energy?.total_j != null) return null
  return energyReason ?? energy?.reason ?? null
}

async function save(outcome: ExperimentOutcome): Promise<ExperimentOutcome> {
  try {
    await writeJsonAtomically(join(outcome.runDir, 'result.json'), outcome.result)
    return outcome
  } catch (error) {
    throw error instanceof LlemError ? new UnsavedResultError(error, outcome) : error
  }
}

/** The same energy; where GPUs are cut into instances, with what a model says of each. */
function withSharesOfInstances(energy: Energy | null, bare: BareLevel | null): Energy | null {
  if (energy === null) return null
  return { ...energy, devices: withMigShares(energy.devices, energy.duration_sec, idleOfBare(bare)) }
}
