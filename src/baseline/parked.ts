// What the GPUs draw while the model is in memory and nothing runs. It is measured in the thermal floor, from when the
// power is flat; where there is none, or it never is, in a few seconds before the window.

import type { ExperimentConfig } from '../config/schema.js'
import { LlemError, messageOf } from '../core/errors.js'
import type { OpenedSampler } from '../energy/open.js'
import type { Observer } from '../progress/observer.js'
import type { PARKED_SOURCES } from '../results/breakdown.js'
import { FloorWatch } from './floor-watch.js'
import { measureIdlePower } from './idle-power.js'
import type { DeviceLevel } from './level.js'
import { thermalFloor } from './thermal-floor.js'

/** Where there is no flat thermal floor; no longer than the bare level was measured. */
const BEFORE_WINDOW_S = 5
/** By how much the level may move within those seconds: less where it went one way in the floor, and may go on. */
const STEADY_PCT = 2
const STEADY_AFTER_DRIFT_PCT = 1

export interface Parked {
  /** Null where it was not measured. */
  devices: DeviceLevel[] | null
  source: (typeof PARKED_SOURCES)[number] | null
  durationS: number | null
  /** Why nobody subtracts it: it was not measured, or it drifted, or somebody else computed. Null where it is sound. */
  reason: string | null
}

interface Context {
  observer: Observer
  signal: AbortSignal | undefined
  /** A server that llem has not started holds the model, which nobody can tell from a stranger. */
  isServerElsewhere: boolean
}

/** Waits for the thermal floor, and measures the parked power in it or after it. Throws INTERRUPTED. */
export async function parkInFloor(
  opened: OpenedSampler | null,
  { warmup, baseline }: Pick<ExperimentConfig, 'warmup' | 'baseline'>,
  context: Context,
): Promise<{ floorS: number; parked: Parked }> {
  if (opened === null)
    return { floorS: await thermalFloor(warmup, context), parked: unmeasured('no GPU is being measured') }
  const watch = new FloorWatch(opened, context)
  let floorS: number
  try {
    floorS = await thermalFloor(warmup, context)
  } catch (error) {
    watch.cancel()
    throw error
  }
  const flat = await watch.end()
  const steadyPct = (await watch.drifts()) ? STEADY_AFTER_DRIFT_PCT : STEADY_PCT
  if (flat !== null) return { floorS, parked: told(flat, 'thermal_floor', context) }
  if (!baseline.enabled)
    return {
      floorS,
      parked: unmeasured('the power was not flat in a thermal floor, and baseline.enabled is false'),
    }
  const seconds = Math.min(BEFORE_WINDOW_S, baseline.duration_sec)
  return { floorS, parked: await beforeWindow(opened, seconds, { ...context, steadyPct }) }
}

async function beforeWindow(
  opened: OpenedSampler,
  seconds: number,
  context: Context & { steadyPct: number },
): Promise<Parked> {
  try {
    const label = 'Measuring parked power'
    const idle = await measureIdlePower(opened, seconds, { ...context, label })
    return told(idle, 'before_window', context)
  } catch (error) {
    if (error instanceof LlemError && error.code === 'INTERRUPTED') throw error
    return unmeasured(messageOf(error))
  }
}

function told(
  {
    devices,
    durationS,
    disturbances,
  }: { devices: DeviceLevel[]; durationS: number; disturbances: readonly string[] },
  source: NonNullable<Parked['source']>,
  { observer }: Context,
): Parked {
  const powerW = devices.reduce((sum, each) => sum + each.powerW, 0)
  const [disturbance] = disturbances
  observer.note(`Parked power: ${powerW.toFixed(1)}W${disturbance === undefined ? '' : ' (disturbed)'}`)
  const reason = disturbance === undefined ? null : `while parked power was measured, ${disturbance}`
  return { devices, source, durationS, reason }
}

function unmeasured(reason: string): Parked {
  return { devices: null, source: null, durationS: null, reason }
}
