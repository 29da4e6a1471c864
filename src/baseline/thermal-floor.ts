import type { ExperimentConfig } from '../config/schema.js'
import type { Observer } from '../progress/observer.js'
import { waitVisibly } from '../progress/wait.js'

/** Waits after the warmup, so that the temperature settles; the seconds that it really took. Throws INTERRUPTED. */
export async function thermalFloor(
  { enabled, thermal_floor_seconds: floorS }: ExperimentConfig['warmup'],
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<number> {
  if (!enabled || floorS === 0) return 0
  observer.note(`Thermal stabilisation: waiting ${floorS}s...`)
  return waitVisibly('Thermal stabilisation', floorS, { observer, signal })
}
