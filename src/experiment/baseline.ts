import { LlemError, messageOf } from '../core/errors.js'
import { describeForeignProcess } from '../energy/contamination.js'
import type { OpenedSampler } from '../energy/open.js'
import { beginEnergyWindow } from '../energy/window.js'
import type { Device } from '../native/addon.js'
import type { Energy } from '../results/energy.js'
import type { EnergyBreakdown } from '../results/experiment.js'
import { joulesOfDevices } from '../results/shares.js'
import { ageOf, type BaselineEntry, cachedBaseline, storeBaseline } from './baseline-cache.js'
import type { Observer } from './observer.js'
import { waitVisibly } from './wait.js'

/** Idle power before any model is loaded. */
export interface Baseline {
  /** Of all devices together. */
  powerW: number
  /** UUID -> its own. */
  devicesW: ReadonlyMap<string, number>
  method: 'fresh' | 'cached'
  measuredAt: string
  ageS: number
  /** Who computed while it was measured, in words. */
  disturbances: string[]
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
}

/**
 * Takes the baseline from the cache or measures it. Null where it could not be had, which is not fatal unless it
 * is required: then BASELINE_FAILED is thrown.
 */
export async function takeBaseline(
  opened: OpenedSampler | null,
  config: BaselineConfig,
  context: Context,
): Promise<Baseline | null> {
  if (!config.enabled) return null
  try {
    if (opened === null) throw new Error('no GPU is being measured')
    const driver = opened.machine.driverVersion ?? 'unknown'
    const cached = context.simulated ? null : await fromCache(opened, driver, config.cache_ttl_sec)
    const baseline = cached ?? (await measure(opened, driver, config.duration_sec, context))
    context.observer.note(`Baseline power: ${baseline.powerW.toFixed(1)}W`)
    return baseline
  } catch (error) {
    if (error instanceof LlemError && error.code === 'INTERRUPTED') throw error
    if (config.required) {
      throw new LlemError(`Baseline measurement required but failed: ${messageOf(error)}.`, {
        code: 'BASELINE_FAILED',
        hint: 'Free the GPU and try again, or set baseline.required to false.',
        cause: error,
      })
    }
    if (opened !== null)
      context.observer.note(
        `Baseline measurement failed, continuing with raw energy only (non-fatal): ${messageOf(error)}`,
      )
    return null
  }
}

async function fromCache(opened: OpenedSampler, driver: string, maxAgeS: number): Promise<Baseline | null> {
  const entries = await Promise.all(opened.devices.map((device) => cachedBaseline(device, driver, maxAgeS)))
  const known = entries.filter((entry) => entry !== null)
  const [oldest] = [...known].sort((a, b) => a.measured_at.localeCompare(b.measured_at))
  if (known.length < entries.length || oldest === undefined) return null
  const watts = known.map(({ power_w }) => power_w)
  return {
    powerW: sumOf(watts),
    devicesW: byUuid(opened, watts),
    method: 'cached',
    measuredAt: oldest.measured_at,
    ageS: ageOf(oldest),
    // One that was disturbed is never kept.
    disturbances: [],
  }
}

async function measure(
  opened: OpenedSampler,
  driver: string,
  durationS: number,
  { observer, signal, simulated }: Context,
): Promise<Baseline> {
  await opened.sampler.ready()
  const window = beginEnergyWindow(opened)
  try {
    await waitVisibly('Measuring idle power', durationS, { observer, signal })
  } catch (error) {
    window.cancel()
    throw error
  }
  const { devices: measured, contamination } = await window.end()
  const disturbances = (contamination.foreign_processes ?? []).map(describeForeignProcess)
  const measuredAt = new Date().toISOString()
  const watts: number[] = []
  for (const [position, { mean_power_w: meanW, reason }] of measured.entries()) {
    const device = opened.devices[position]
    if (meanW === null || device === undefined) throw new Error(`no idle power: ${reason}`)
    watts.push(meanW)
    if (!simulated && disturbances.length === 0)
      await keep(device, driver, { power_w: meanW, measured_at: measuredAt }, observer)
  }
  return {
    powerW: sumOf(watts),
    devicesW: byUuid(opened, watts),
    method: 'fresh',
    measuredAt,
    ageS: 0,
    disturbances,
  }
}

function sumOf(watts: readonly number[]): number {
  return watts.reduce((sum, each) => sum + each, 0)
}

/** Watts in the order of the devices. */
function byUuid({ devices }: OpenedSampler, watts: readonly number[]): Map<string, number> {
  return new Map(devices.flatMap(({ uuid }, position) => [[uuid, watts[position] ?? Number.NaN] as const]))
}

/** A baseline that cannot be kept is still one: the next run just measures it again. */
async function keep(device: Device, driver: string, entry: BaselineEntry, observer: Observer): Promise<void> {
  try {
    await storeBaseline(device, driver, entry)
  } catch (error) {
    observer.detail(`The baseline is not kept for later runs (non-fatal): ${messageOf(error)}`)
  }
}

/**
 * Takes the baseline off, over the same window and devices: all of them, or those of one process. Null where there is
 * no energy to take it off.
 */
export function breakDown(
  energy: Energy | null,
  baseline: Baseline | null,
  uuids: readonly string[] | null = null,
): EnergyBreakdown | null {
  const rawJ = energy === null ? null : joulesOfDevices(energy, uuids)
  if (energy === null || rawJ === null) return null
  const powerW = baseline === null ? null : idlePowerW(baseline, uuids)
  return {
    raw_j: rawJ,
    adjusted_j: powerW === null ? null : rawJ - powerW * energy.duration_sec,
    baseline_power_w: powerW,
    baseline_method: powerW === null ? 'unavailable' : (baseline?.method ?? 'unavailable'),
    baseline_timestamp: baseline?.measuredAt ?? null,
    baseline_cache_age_sec: baseline?.ageS ?? null,
  }
}

/** Null where one of the devices has none. */
function idlePowerW({ powerW, devicesW }: Baseline, uuids: readonly string[] | null): number | null {
  if (uuids === null) return powerW
  const watts = [...new Set(uuids)].map((uuid) => devicesW.get(uuid))
  return watts.every((each) => each !== undefined) ? sumOf(watts) : null
}
