// What is said of the results below some folders.

import { LlemError } from '../core/errors.js'
import { missingResult } from '../results/missing.js'

/** There is no result in any of them, and perhaps some incomplete runs. */
export function nothingBelow(paths: readonly string[], incomplete: number): LlemError {
  const [first = '.'] = paths
  if (incomplete === 0 && paths.length === 1) return missingResult(first)
  return new LlemError(
    `There is no result.json below ${paths.join(', ')}${incomplete === 0 ? '' : `, only ${count(incomplete, 'incomplete run')}`}.`,
    { code: 'RESULT_MISSING', hint: 'Give the folder that -o of `llem run` named.', kind: 'usage' },
  )
}

/** "3 results", "1 result" */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
