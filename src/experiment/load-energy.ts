// What it takes to load the model: a window of its own around the load, in which no prompt runs.

import { messageOf } from '../core/errors.js'
import type { OpenedSampler } from '../energy/open.js'
import { energyOf } from '../energy/window-energy.js'
import type { Load } from '../results/experiment.js'

/** Nothing was loaded. */
export const KEPT: Load = {
  kept: true,
  seconds: null,
  energy_j: null,
  uncertainty_j: null,
  absolute_uncertainty_j: null,
  method: null,
  coverage: null,
  window: null,
  devices: [],
  reason: 'the model was kept from the experiment before',
}

/**
 * Loads, and measures the GPUs meanwhile; several workers load at once, so it is one window for all of them. `load` of what
 * it resolves with comes later, as its right edge is judged by readings after it, and never rejects. `whyNot`: why there
 * is no sampler.
 */
export async function measuredLoad<T>(
  opened: OpenedSampler | null,
  whyNot: string,
  work: () => Promise<T>,
): Promise<{ value: T; load: Promise<Load> }> {
  await opened?.sampler.ready()
  const startMs = performance.now()
  const window = opened?.sampler.beginWindow()
  try {
    const value = await work()
    const seconds = (performance.now() - startMs) / 1000
    if (opened === null || window === undefined)
      return { value, load: Promise.resolve(unmeasured(seconds, whyNot)) }
    const load = window
      .end()
      .then((report): Load => {
        const energy = energyOf(report, opened.sampler)
        const { total_j, uncertainty_j, absolute_uncertainty_j, method, coverage, duration_sec } = energy
        const { start_ns, end_ns } = energy.window
        return {
          kept: false,
          seconds: duration_sec,
          energy_j: total_j,
          uncertainty_j,
          absolute_uncertainty_j,
          method,
          coverage,
          window: { start_ns, end_ns },
          devices: energy.devices.map(({ index, uuid, total_j: energy_j }) => ({ index, uuid, energy_j })),
          reason: total_j === null ? energy.reason : null,
        }
      })
      // Also where the sampler was closed meanwhile, as by an experiment that failed.
      .catch((error: unknown) => unmeasured(seconds, messageOf(error)))
    return { value, load }
  } catch (error) {
    window?.cancel()
    throw error
  }
}

function unmeasured(seconds: number, reason: string): Load {
  return { ...KEPT, kept: false, seconds, reason }
}
