import { watchSuspension } from '../core/suspension.js'
import type { WindowFiles } from '../native/sampler.js'
import type { NativeEnergy } from '../results/energy.js'
import { readCray } from './cray.js'
import { findingsOfSuspension, type GpuSetting } from './findings.js'
import type { OpenedSampler } from './open.js'
import { watchOtherSamplers } from './other-samplers.js'
import { watchSlurm } from './slurm-job.js'
import { energyOf } from './window-energy.js'

/** An interval that is being measured, and a look at who disturbs it. End it once, or cancel it. */
export interface EnergyWindow {
  readonly startNs: number
  end(): Promise<NativeEnergy>
  /** Drops the window and the files that it began; closing the sampler does the same. */
  cancel(): void
}

/** How the GPUs of a sampler are set up. */
export function settingsOf({ devices }: Pick<OpenedSampler, 'devices'>): GpuSetting[] {
  return devices.map(({ persistenceMode = null, migMode = null, migInstances, migSlices }) => ({
    persistenceMode,
    migMode,
    migInstances,
    migSlices,
  }))
}

/** Opens a window now. `helperPid`: the process of the backend that measures beside it. */
export function beginEnergyWindow(
  opened: OpenedSampler,
  files: WindowFiles = {},
  helperPid?: number,
): EnergyWindow {
  const window = opened.sampler.beginWindow(files)
  // Nobody else polls a GPU that is simulated here.
  const isAlone = opened.machine.simulated && !process.env.LLEM_PROC_ROOT
  const otherSamplers = isAlone ? async () => null : watchOtherSamplers(helperPid)
  const [cray, slurm, suspension] = [readCray(), watchSlurm(), watchSuspension()]
  return {
    startNs: window.startNs,
    async end() {
      // The right edge first: the last look for others takes its time in the post-roll.
      const report = window.end()
      const ofCray = cray()
      const [ended, others, ofJob] = await Promise.all([report, otherSamplers(), slurm()])
      // After a pause the end of the load may be told before the pause itself is.
      const suspended = findingsOfSuspension(suspension())
      await opened.learn(ended)
      return energyOf(ended, opened.sampler, {
        otherSamplers: others,
        ownContainer: opened.ownContainer,
        settings: settingsOf(opened),
        unmeasured: opened.unmeasured,
        withoutGpus: opened.withoutGpus,
        untrusted: [...ofCray, ...ofJob.untrusted],
        ofSurroundings: [...suspended, ...opened.findings, ...ofJob.findings],
      })
    },
    cancel: () => {
      suspension()
      window.cancel()
    },
  }
}
