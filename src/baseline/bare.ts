import { LlemError, messageOf } from '../core/errors.js'
import type { OpenedSampler } from '../energy/open.js'
import type { Device } from '../native/addon.js'
import type { Observer } from '../progress/observer.js'
import { ageOf, type BaselineEntry, cachedBaseline, storeBaseline } from './cache.js'
import { measureIdlePower } from './idle-power.js'
import type { DeviceLevel } from './level.js'
import { withBaselineLock } from './lock.js'

/** Idle power, before any model is loaded. */
export interface Baseline {
  /** Of all devices together. */
  powerW: number
  method: 'fresh' | 'cached'
  /** Of the oldest device. */
  measuredAt: string
  ageS: number
  /** What makes it doubtful: who computed while it was measured, or a power that drifted; in sentences. */
  disturbances: string[]
  /** A model was in memory already: it is no bare power. */
  modelLoaded?: boolean
  /** It is in the memory of a server that ran before llem did. */
  serverRuns?: boolean
  devices: DeviceLevel[]
}

export interface BaselineConfig {
  enabled: boolean
  required: boolean
  duration_sec: number
  cache_ttl_sec: number
}

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
  /** A simulated GPU's idle power must not be kept for a real one. */
  simulated: boolean
  /** A model is in memory already, so that what is measured is more than idle and must not be kept for others. */
  modelLoaded?: boolean
  /** In that of a server which llem has not started, on this machine. */
  serverRuns?: boolean
}

/**
 * Takes the baseline from the cache or measures it. Null where it could not be had, which is not fatal unless it
 * is required: then BASELINE_FAILED is thrown, also for one that was disturbed.
 */
export async function takeBaseline(
  opened: OpenedSampler | null,
  config: BaselineConfig,
  context: Context,
): Promise<Baseline | null> {
  if (!config.enabled) return null
  try {
    if (opened === null) throw new Error('no GPU is being measured')
    const { duration_sec: durationS, cache_ttl_sec: ttlS } = config
    const baseline = await baselineOf(opened, { durationS, maxAgeS: () => ttlS }, context)
    if (config.required && baseline.disturbances.length > 0)
      throw new Error(`while idle power was measured, ${baseline.disturbances.join(' ')}`)
    context.observer.note(`Baseline power: ${baseline.powerW.toFixed(1)}W`)
    return baseline
  } catch (error) {
    if (error instanceof LlemError && error.code === 'INTERRUPTED') throw error
    if (config.required) {
      throw new LlemError(
        `Baseline measurement required but failed: ${messageOf(error).replace(/\.$/, '')}.`,
        {
          code: 'BASELINE_FAILED',
          hint: 'Free the GPU and try again, or set baseline.required to false.',
          cause: error,
        },
      )
    }
    if (opened !== null)
      context.observer.note(
        `Baseline measurement failed, continuing with raw energy only (non-fatal): ${messageOf(error)}`,
      )
    return null
  }
}

/**
 * The baseline from the cache, if it is young enough, else measured. Of two processes that want it at once one
 * measures, and the other one takes what it finds; `maxAgeS` is asked again after the wait. Throws INTERRUPTED, and an
 * error where a GPU has no idle power.
 */
export async function baselineOf(
  opened: OpenedSampler,
  { durationS, maxAgeS }: { durationS: number; maxAgeS: () => number },
  context: Context,
): Promise<Baseline> {
  if (context.simulated) return measure(opened, durationS, context)
  const driver = driverOf(opened)
  const cached = await fromCache(opened, driver, maxAgeS())
  if (cached !== null) return cached
  const wait = { ...context, limitS: durationS }
  return withBaselineLock(opened.devices, driver, wait, async () => {
    return (await fromCache(opened, driver, maxAgeS())) ?? measure(opened, durationS, context)
  })
}

async function fromCache(opened: OpenedSampler, driver: string, maxAgeS: number): Promise<Baseline | null> {
  const entries = await Promise.all(opened.devices.map((device) => cachedBaseline(device, driver, maxAgeS)))
  const known = entries.filter((entry) => entry !== null)
  const [oldest] = [...known].sort((a, b) => a.measured_at.localeCompare(b.measured_at))
  if (known.length < entries.length || oldest === undefined) return null
  const devices = known.map(({ power_w, uncertainty_w }, position) => ({
    device: opened.devices[position] as Device,
    powerW: power_w,
    uncertaintyW: uncertainty_w,
  }))
  return {
    powerW: totalOf(devices),
    method: 'cached',
    measuredAt: oldest.measured_at,
    ageS: ageOf(oldest),
    // One that was disturbed is never kept.
    disturbances: [],
    devices,
  }
}

async function measure(
  opened: OpenedSampler,
  durationS: number,
  { observer, signal, simulated, modelLoaded = false, serverRuns = false }: Context,
): Promise<Baseline> {
  const idle = await measureIdlePower(opened, durationS, { observer, signal, isServerElsewhere: serverRuns })
  const { devices, disturbances, measuredAt } = idle
  const isKept = !simulated && !modelLoaded && !serverRuns && disturbances.length === 0
  for (const { device, powerW, uncertaintyW } of isKept ? devices : []) {
    const entry = {
      power_w: powerW,
      uncertainty_w: uncertaintyW,
      measured_at: measuredAt,
      duration_sec: durationS,
    }
    await keep(device, driverOf(opened), entry, observer)
  }
  return {
    powerW: totalOf(devices),
    method: 'fresh',
    measuredAt,
    ageS: 0,
    disturbances,
    modelLoaded,
    serverRuns,
    devices,
  }
}

/** A baseline that cannot be kept is still one: the next run just measures it again. */
async function keep(device: Device, driver: string, entry: BaselineEntry, observer: Observer): Promise<void> {
  try {
    await storeBaseline(device, driver, entry)
  } catch (error) {
    observer.detail(`The baseline is not kept for later runs (non-fatal): ${messageOf(error)}`)
  }
}

function driverOf({ machine }: OpenedSampler): string {
  return machine.driverVersion ?? 'unknown'
}

function totalOf(devices: readonly { powerW: number }[]): number {
  return devices.reduce((sum, { powerW }) => sum + powerW, 0)
}
