import type { LlemError } from '../core/errors.js'

/** Why a campaign should not go on; null where it should. */
export interface Breaker {
  /** After a run that failed. */
  failed(error: Pick<LlemError, 'code' | 'message'>): string | null
  succeeded(): void
}

/** What the next run would meet too. */
const HOPELESS: readonly { matches: RegExp; sentence: string }[] = [
  { matches: /ENOSPC|no space left/i, sentence: 'the disk is full' },
  { matches: /ENOMEM|cannot allocate memory/i, sentence: 'the machine is out of memory' },
  { matches: /GPU_LOST|gpu is lost|fallen off the bus/i, sentence: 'a GPU is lost' },
]

/** Stops after what no other run can survive, or after so many runs in a row that failed in the same way. */
export function breaker(maxEqualFailures: number): Breaker {
  let last = ''
  let equal = 0
  return {
    failed({ code, message }) {
      const hopeless = HOPELESS.find(({ matches }) => matches.test(`${code} ${message}`))
      if (hopeless !== undefined) return hopeless.sentence
      const kind = `${code} ${alike(message)}`
      equal = kind === last ? equal + 1 : 1
      last = kind
      return equal < maxEqualFailures ? null : `${equal} runs in a row failed: ${message} [${code}]`
    },
    succeeded() {
      last = ''
      equal = 0
    },
  }
}

/** A message without what differs from run to run: numbers, and paths of its own folder. */
function alike(message: string): string {
  return message.replace(/\/\S+/g, '/').replace(/\d+/g, '#')
}
