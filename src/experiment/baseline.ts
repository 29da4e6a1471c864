import { LlemError, messageOf } from '../core/errors.js'
import { describeForeignProcess } from '../energy/contamination.js'
import type { OpenedSampler } from '../energy/open.js'
import { beginEnergyWindow } from '../energy/window.js'
import type { Device } from '../native/addon.js'
import type { Energy } from '../results/energy.js'
import type { EnergyBreakdown } from '../results/experiment.js'
import { ageOf, type BaselineEntry, cachedBaseline, storeBaseline } from './baseline-cache.js'
import type { Observer } from './observer.js'
import { waitVisibly } from './wait.js'

/** Idle power of all devices together, before any model is loaded. */
export interface Baseline {
  powerW: number
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
  return {
    powerW: known.reduce((sum, entry) => sum + entry.power_w, 0),
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
  let powerW = 0
  for (const [position, { mean_power_w: meanW, reason }] of measured.entries()) {
    const device = opened.devices[position]
    if (meanW === null || device === undefined) throw new Error(`no idle power: ${reason}`)
    powerW += meanW
    if (!simulated && disturbances.length === 0)
      await keep(device, driver, { power_w: meanW, measured_at: measuredAt }, observer)
  }
  return { powerW, method: 'fresh', measuredAt, ageS: 0, disturbances }
}

/** A baseline that cannot be kept is still one: the next run just measures it again. */
async function keep(device: Device, driver: string, entry: BaselineEntry, observer: Observer): Promise<void> {
  try {
    await storeBaseline(device, driver, entry)
  } catch (error) {
    observer.detail(`The baseline is not kept for later runs (non-fatal): ${messageOf(error)}`)
  }
}

/** Takes the baseline off, over the same window and devices. Null where there is no energy to take it off. */
export function breakDown(energy: Energy | null, baseline: Baseline | null): EnergyBreakdown | null {
  if (energy === null || energy.total_j === null) return null
  return {
    raw_j: energy.total_j,
    adjusted_j: baseline === null ? null : energy.total_j - baseline.powerW * energy.duration_sec,
    baseline_power_w: baseline?.powerW ?? null,
    baseline_method: baseline?.method ?? 'unavailable',
    baseline_timestamp: baseline?.measuredAt ?? null,
    baseline_cache_age_sec: baseline?.ageS ?? null,
  }
}
