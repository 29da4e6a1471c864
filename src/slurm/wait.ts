import { setTimeout as sleep } from 'node:timers/promises'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { type SlurmStatus, slurmStatus } from './status.js'

/** The controller is everybody's: asked more rarely the longer it takes. */
const FIRST_MS = 2000
const MOST_MS = 30_000

/** Waits until no task of a campaign waits or runs. Ends with INTERRUPTED when aborted: tasks go on. */
export async function waitForCampaign(
  dir: string,
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<SlurmStatus> {
  const first = await slurmStatus(dir)
  const progress = observer.progress({ label: 'Campaign', total: first.manifest.entries.length, unit: 'run' })
  try {
    let pauseMs = FIRST_MS
    for (let status = first; ; status = await slurmStatus(dir)) {
      const { counts, state, reason } = status.manifest
      const words = `${counts.running} running, ${counts.pending} pending, ${counts.failed} failed`
      progress.update(counts.completed, state === 'waiting' ? `${words}; ${reason}` : words)
      // Where Slurm does not answer nothing is known to be over.
      if (status.alive === 0 && status.isAsked) return status
      await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
      stopIfInterrupted(signal)
      pauseMs = Math.min(MOST_MS, pauseMs * 1.25)
    }
  } finally {
    progress.stop()
  }
}
