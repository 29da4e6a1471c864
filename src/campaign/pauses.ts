import type { LlemError } from '../core/errors.js'
import type { RunSummary } from '../executors/protocol.js'

/** Why a campaign should not go on; null where it should. */
export interface Breaker {
  /** After a run that failed. */
  failed(error: Pick<LlemError, 'code' | 'message'>): string | null
  /** After a run that has a result; null where nothing is known of it. */
  completed(summary: Pick<RunSummary, 'energy_j' | 'energy_problem'> | null): string | null
}

/** What the next run would meet too. */
const HOPELESS: readonly { matches: RegExp; sentence: string }[] = [
  { matches: /ENOSPC|no space left|DISK_FULL/i, sentence: 'the disk is full' },
  { matches: /ENOMEM|cannot allocate memory/i, sentence: 'the machine is out of memory' },
  { matches: /GPU_LOST|gpu is lost|fallen off the bus/i, sentence: 'a GPU is lost' },
]

/**
 * Stops after what no other run can survive, or after so many runs in a row that failed in the same way, or whose energy
 * is not known although that of earlier ones is. `hadEnergy`: an earlier run of the campaign has energy.
 */
export function breaker(maxEqualFailures: number, { hadEnergy = false } = {}): Breaker {
  let last = ''
  let equal = 0
  let energyBefore = hadEnergy
  let without = 0
  return {
    failed({ code, message }) {
      const hopeless = hopelessBy(`${code} ${message}`)
      if (hopeless !== null) return hopeless
      const kind = code === 'OUT_OF_MEMORY' ? code : `${code} ${alike(message)}`
      equal = kind === last ? equal + 1 : 1
      last = kind
      return equal < maxEqualFailures ? null : `${equal} runs in a row failed: ${message} [${code}]`
    },
    completed(summary) {
      last = ''
      equal = 0
      const { energy_j = null, energy_problem = null } = summary ?? {}
      if (energy_j !== null || energy_problem === null) {
        energyBefore ||= energy_j !== null
        without = 0
        return null
      }
      // A machine on which energy was never read is one on which it is not to be had.
      if (!energyBefore) return null
      without += 1
      const hopeless = hopelessBy(energy_problem)
      if (hopeless !== null) return `${hopeless}, so the last run has no energy`
      return without < maxEqualFailures
        ? null
        : `${without} runs in a row have no energy, which earlier ones have: ${energy_problem}`
    },
  }
}

/** Why no other run can go better after this error, which may be the campaign's own; null where one can. */
export function hopelessBy(text: string): string | null {
  return HOPELESS.find(({ matches }) => matches.test(text))?.sentence ?? null
}

/** A message without what differs from run to run: numbers, and paths of its own folder. */
function alike(message: string): string {
  return message.replace(/\/\S+/g, '/').replace(/\d+/g, '#')
}
