// How a run ended whose task is over without a record of its end: by Slurm's word, or by the log of the task.

import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { ManifestEntry, SlurmEntry } from '../campaign/manifest.js'
import { ENDED_ADVICE } from './advice.js'
import { latestClaim } from './claim.js'
import { logsFolder } from './folder.js'

/** Status and error of such a run. `folder`: of the run; `dir`: of the campaign. */
export function endedBy(
  { task, state, node }: SlurmEntry,
  exit: string | null,
  entry: ManifestEntry,
  { folder, dir }: { folder: string; dir: string },
): Pick<ManifestEntry, 'status' | 'error'> {
  const hasBegun = entry.status === 'running' || (existsSync(folder) && latestClaim(folder) !== null)
  const log = join(logsFolder(dir), `${task}.log`)
  const why = state ?? reasonInLog(log)
  if (!hasBegun && (why === null || why === 'COMPLETED') && hasNotReached(log)) {
    const message = `its task ${task} ended before it started llem: look into slurm/logs/${task}.log, and whether a line of slurm.setup ends the script`
    return { status: 'failed', error: { code: 'SLURM_NOT_STARTED', message } }
  }
  // It was not needed, or somebody else did it; or it was cancelled while it waited.
  if (why === 'COMPLETED' || (why === 'CANCELLED' && !hasBegun)) return { status: 'pending', error: null }
  if (why === null && !hasBegun) return { status: 'pending', error: null }
  const where = node === null ? '' : ` on ${node}`
  if (why === null) {
    const message = `its task ${task}${where} is gone, and Slurm no longer tells why`
    return { status: 'failed', error: { code: 'SLURM_GONE', message } }
  }
  const advice = ENDED_ADVICE[why] ?? 'its log says more'
  const ended = exit === null ? '' : `, exit code ${exit}`
  const message = `Slurm ended task ${task}${where} with ${why}${ended}: ${advice} (slurm/logs/${task}.log)`
  return { status: 'failed', error: { code: `SLURM_${why}`, message } }
}

/** The last lines that slurmstepd and the kernel's helper leave in the log of a task, where there is no accounting. */
const IN_LOG: readonly [RegExp, string][] = [
  [/oom.kill event/i, 'OUT_OF_MEMORY'],
  [/DUE TO TIME LIMIT/, 'TIMEOUT'],
  [/DUE TO PREEMPTION/, 'PREEMPTED'],
  [/DUE TO NODE FAILURE/, 'NODE_FAIL'],
  [/\*\*\* (JOB|STEP) \S+ ON \S+ CANCELLED AT/, 'CANCELLED'],
]
const TAIL_BYTES = 4096

function reasonInLog(path: string): string | null {
  if (!existsSync(path)) return null
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES))
    readSync(file, tail, 0, tail.length, size - tail.length)
    // What a task that was started anew says comes after what ended it before.
    const text =
      tail
        .toString('utf8')
        .split(/^Task \d+_\d+ on /m)
        .at(-1) ?? ''
    return IN_LOG.find(([matches]) => matches.test(text))?.[1] ?? null
  } finally {
    closeSync(file)
  }
}

/** Whether a task has a log in which llem says nothing, as it does first of all. */
function hasNotReached(path: string): boolean {
  return existsSync(path) && !/^Task \d+_\d+ on /m.test(readFileSync(path, 'utf8'))
}
