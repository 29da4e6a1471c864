import type { Sampler, WindowFiles } from '../native/sampler.js'
import type { Energy } from '../results/energy.js'
import { energyOf } from './measured.js'
import { watchOtherSamplers } from './other-samplers.js'

/** An interval that is being measured, and a look at who disturbs it. End it once; closing the sampler drops it. */
export interface EnergyWindow {
  end(): Promise<Energy>
}

/** Opens a window now. */
export function beginEnergyWindow(sampler: Sampler, files: WindowFiles = {}): EnergyWindow {
  const window = sampler.beginWindow(files)
  const otherSamplers = watchOtherSamplers()
  return {
    async end() {
      // The right edge first: the last look for others takes its time in the post-roll.
      const report = window.end()
      const [ended, others] = await Promise.all([report, otherSamplers()])
      return energyOf(ended, sampler, others)
    },
  }
}
