// The idle power of a model: bare -> with a CUDA context -> cold start -> loaded -> unloaded. No prompt runs.

import { findBackend } from '../backends/registry.js'
import { FloorWatch, PIECE_S } from '../baseline/floor-watch.js'
import { measureIdlePower } from '../baseline/idle-power.js'
import { type DeviceLevel, wattsOf } from '../baseline/level.js'
import type { ExperimentConfig } from '../config/schema.js'
import { type OpenedSampler, openSampler } from '../energy/open.js'
import type { Observer } from '../progress/observer.js'
import { waitVisibly } from '../progress/wait.js'
import { type BreakEven, breakEven, type Uncertain } from '../results/break-even.js'
import { type Load, SCHEMA_VERSION } from '../results/experiment.js'
import type { IdleLevel, IdleReport, IdleState } from '../results/idle.js'
import { holdCudaContexts } from './cuda-context.js'
import { type Fleet, startFleet } from './fleet.js'
import { measuredLoad } from './load-energy.js'
import { fetchPlaced, placeModel } from './model.js'

export interface IdleWishes {
  /** For how long each level has to be flat, in seconds. */
  durationS: number
  libraryPath: string | undefined
  observer: Observer
  signal: AbortSignal | undefined
}

/** A level that is not flat by then is measured as it is, and told to drift. */
const PATIENCE = 5

/** Measures them. Throws what opening the GPUs and loading the model throw, and INTERRUPTED. */
export async function studyIdle(written: ExperimentConfig, wishes: IdleWishes): Promise<IdleReport> {
  const backend = findBackend(written.backend)
  const found = await placeModel(written, { ...wishes, service: null })
  const { config } = await fetchPlaced(found, wishes)
  await backend.checkModel(config.model)
  const startedAt = new Date()
  const { devices: wanted, interval_ms, slow_interval_ms } = config.energy
  const opened = await openSampler({
    devices: wanted,
    intervalMs: interval_ms,
    slowIntervalMs: slow_interval_ms,
    libraryPath: wishes.libraryPath,
  })
  const study = new Study(opened, config, wishes)
  try {
    for (const note of opened.notes) wishes.observer.note(`Note: ${note}.`)
    const levels = { bare: await study.level('bare', 'Bare power'), context: await study.context() }
    const { load, loaded } = await study.loadModel()
    const after_unload = await study.unload()
    return {
      kind: 'idle',
      schema_version: SCHEMA_VERSION,
      simulated: opened.machine.simulated,
      model: written.model,
      backend: config.backend,
      started_at: startedAt.toISOString(),
      levels: { ...levels, loaded, after_unload },
      cold_start: coldStartOf(load),
      unloading_pays: payingOf(loaded, after_unload, load),
    }
  } finally {
    await study.close()
    opened.sampler.close()
  }
}

class Study {
  readonly #opened: OpenedSampler
  readonly #config: ExperimentConfig
  readonly #wishes: IdleWishes
  /** A server that runs already is neither loaded nor unloaded. */
  readonly #isElsewhere: boolean
  #fleet: Fleet | null = null

  constructor(opened: OpenedSampler, config: ExperimentConfig, wishes: IdleWishes) {
    this.#opened = opened
    this.#config = config
    this.#wishes = wishes
    const { base_url = null } = config[config.backend] as { base_url?: string | null }
    this.#isElsewhere = base_url !== null
  }

  async close(): Promise<void> {
    await this.#fleet?.close()
    this.#fleet = null
  }

  /** Waits until the power is flat, and measures it. */
  async level(state: IdleState, label: string): Promise<IdleLevel> {
    if (this.#isElsewhere && state !== 'loaded')
      return unmeasured('the server runs already and has the model in memory; llem does not end it')
    const { durationS, observer } = this.#wishes
    await this.#opened.sampler.ready()
    const flat = await this.#flat(label, durationS)
    const found =
      flat ??
      (await measureIdlePower(this.#opened, durationS, {
        ...this.#wishes,
        label,
        isServerElsewhere: this.#isElsewhere,
      }))
    const level = levelOf(found)
    observer.detail(`${label}: ${level.power_w?.toFixed(1)}W`)
    return level
  }

  async context(): Promise<IdleLevel> {
    // Nothing makes a context on a simulated GPU: its scenario says what is drawn when.
    if (this.#opened.machine.simulated) return await this.level('context', 'Context power')
    if (this.#isElsewhere) return await this.level('context', 'Context power')
    const uuids = this.#opened.devices.map(({ uuid }) => uuid)
    const contexts = await holdCudaContexts(uuids, this.#config.python)
    try {
      if (contexts.reason !== null) return unmeasured(contexts.reason)
      return await this.level('context', 'Context power')
    } finally {
      await contexts.close()
    }
  }

  async loadModel(): Promise<{ load: Load; loaded: IdleLevel }> {
    const { observer, signal } = this.#wishes
    const uuids = this.#opened.devices.map(({ uuid }) => uuid)
    const backend = findBackend(this.#config.backend)
    const start = () => startFleet(backend, this.#config, uuids, { observer, signal })
    const started = await measuredLoad(this.#opened, '', start)
    this.#fleet = started.value
    const loaded = await this.level('loaded', 'Loaded power')
    const load = await started.load
    const elsewhere = { energy_j: null, seconds: null, reason: 'the server runs already; nothing was loaded' }
    return { load: this.#isElsewhere ? { ...load, ...elsewhere } : load, loaded }
  }

  async unload(): Promise<IdleLevel> {
    await this.close()
    return await this.level('after_unload', 'Power after unloading')
  }

  async #flat(label: string, durationS: number) {
    const watch = new FloorWatch(this.#opened, { isServerElsewhere: this.#isElsewhere })
    try {
      for (let waitedS = 0; waitedS < PATIENCE * durationS; waitedS += PIECE_S) {
        await waitVisibly(label, PIECE_S, this.#wishes)
        const level = await watch.level(durationS)
        if (level !== null) return level
      }
      return null
    } finally {
      watch.cancel()
    }
  }
}

function levelOf({
  devices,
  durationS,
  disturbances,
}: {
  devices: DeviceLevel[]
  durationS: number
  disturbances: readonly string[]
}): IdleLevel {
  const watts = wattsOf(devices)
  return {
    power_w: watts?.powerW ?? null,
    uncertainty_w: watts?.uncertaintyW ?? null,
    duration_sec: durationS,
    devices: devices.map(({ device, powerW, uncertaintyW }) => ({
      index: device.index,
      uuid: device.uuid,
      power_w: powerW,
      uncertainty_w: uncertaintyW,
    })),
    reason: disturbances[0] ?? null,
  }
}

function unmeasured(reason: string): IdleLevel {
  return { power_w: null, uncertainty_w: null, duration_sec: null, devices: [], reason }
}

function coldStartOf({ energy_j, uncertainty_j, seconds, reason }: Load): IdleReport['cold_start'] {
  return { energy_j, uncertainty_j: energy_j === null ? null : uncertainty_j, seconds, reason }
}

function payingOf(loaded: IdleLevel, unloaded: IdleLevel, load: Load): IdleReport['unloading_pays'] {
  const [loadedW, unloadedW] = [soundOf(loaded), soundOf(unloaded)]
  const why = reasonOf('loaded', loaded) ?? reasonOf('after unloading', unloaded)
  if (loadedW === null || unloadedW === null)
    return paying(null, null, { seconds: null, low_s: null, high_s: null, reason: why })
  const saved = loadedW.value - unloadedW.value
  const [a, b] = [loadedW.uncertainty, unloadedW.uncertainty]
  const savedUncertainty = a === null || b === null ? null : Math.hypot(a, b)
  if (load.energy_j === null || load.seconds === null)
    return paying(saved, savedUncertainty, {
      seconds: null,
      low_s: null,
      high_s: null,
      reason: `the energy of the cold start is not known: ${load.reason}`,
    })
  const loadJ = { value: load.energy_j, uncertainty: load.uncertainty_j }
  return paying(saved, savedUncertainty, breakEven({ loadedW, unloadedW, loadJ }, load.seconds))
}

function paying(
  saved_w: number | null,
  saved_uncertainty_w: number | null,
  { seconds, low_s, high_s, reason }: BreakEven,
): IdleReport['unloading_pays'] {
  return { after_s: seconds, low_s, high_s, saved_w, saved_uncertainty_w, reason }
}

/** A level that may be subtracted. */
function soundOf({ power_w, uncertainty_w, reason }: IdleLevel): Uncertain | null {
  return power_w === null || reason !== null ? null : { value: power_w, uncertainty: uncertainty_w }
}

function reasonOf(name: string, { reason }: IdleLevel): string | null {
  return reason === null ? null : `the power ${name} cannot be used: ${reason}`
}
