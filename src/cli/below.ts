// What is said of the results below some folders.

import { LlemError } from '../core/errors.js'
import { missingResult } from '../results/missing.js'
import { EXIT, Exit } from './exit.js'

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

/** How a command ends that got nothing from its folders: of names alone that are wrong as a wrong option does. */
export function endWithout(problems: readonly unknown[]): Exit {
  const isWrongName = (problem: unknown) =>
    problem instanceof LlemError && problem.code === 'FOLDER_UNREADABLE'
  return new Exit(problems.every(isWrongName) ? EXIT.usage : EXIT.failed)
}
