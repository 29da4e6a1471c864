import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { campaignStatistics, STATISTICS_FILE } from '../campaign/statistics.js'
import { messageOf } from '../core/errors.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { writeJsonAtomically } from '../results/files.js'
import { type SlurmStatus, slurmStatus } from './status.js'

/** The controller is everybody's: asked more rarely the longer it takes. */
const FIRST_MS = 2000
const MOST_MS = 30_000

/** Waits until no task of a campaign waits or runs. Ends with INTERRUPTED when aborted: tasks go on. */
export async function waitForCampaign(
  dir: string,
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<SlurmStatus> {
  const first = await slurmStatus(dir, observer)
  const progress = observer.progress({ label: 'Campaign', total: first.manifest.entries.length, unit: 'run' })
  try {
    let pauseMs = FIRST_MS
    const told = new Set<string>()
    for (let status = first; ; status = await slurmStatus(dir)) {
      const { counts, state, reason } = status.manifest
      const words = `${counts.running} running, ${counts.pending} pending, ${counts.failed} failed`
      const more = status.isAsked ? (state === 'waiting' ? reason : null) : 'Slurm does not answer'
      progress.update(counts.completed, more === null ? words : `${words}; ${more}`)
      for (const problem of status.problems) if (!told.has(problem)) observer.note(`Note: ${problem}`)
      for (const problem of status.problems) told.add(problem)
      // Where Slurm does not answer nothing is known to be over.
      if (status.alive === 0 && status.isAsked) {
        await keepStatistics(dir, status, observer)
        return status
      }
      await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
      stopIfInterrupted(signal)
      pauseMs = Math.min(MOST_MS, pauseMs * 1.25)
    }
  } finally {
    progress.stop()
  }
}

/** No task sees the end of a campaign, and who waits does. */
async function keepStatistics(
  dir: string,
  { plan, records }: SlurmStatus,
  observer: Observer,
): Promise<void> {
  try {
    await writeJsonAtomically(join(dir, STATISTICS_FILE), campaignStatistics(plan, records))
  } catch (error) {
    observer.note(`${STATISTICS_FILE} could not be written (non-fatal): ${messageOf(error)}`)
  }
}
