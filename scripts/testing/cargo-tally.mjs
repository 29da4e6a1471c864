import { stripVTControlCharacters } from 'node:util'

/** Ignored because they are no tests by themselves: another test starts each as a process of its own. */
const PARTS_OF_OTHER_TESTS = ['child_that_initialises']

/**
 * Counts what `cargo test -- --show-output` printed. Libtest cannot skip at run time, so a test that misses
 * something prints `SKIPPED: its_name: the reason` and returns; it counts as skipped, not as passed.
 *
 * @returns {{ passed: number, failed: number, skipped: { name: string, reason: string }[] }}
 */
export function cargoTally(output) {
  const lines = stripVTControlCharacters(output).split('\n')
  const tally = { passed: 0, failed: 0, skipped: [] }
  for (const line of lines) {
    const result = /^test result: .*? (\d+) passed; (\d+) failed;/.exec(line)
    if (result) {
      tally.passed += Number(result[1])
      tally.failed += Number(result[2])
    }
    const ignored = /^test (.+?) \.\.\. ignored(?:, (.*))?$/.exec(line)
    if (ignored && !PARTS_OF_OTHER_TESTS.includes(ignored[1])) {
      tally.skipped.push({ name: ignored[1], reason: ignored[2] ?? 'ignored without a reason' })
    }
    const skipped = /^SKIPPED: ([\w:]+): (.*)$/.exec(line)
    if (skipped) {
      tally.passed -= 1
      tally.skipped.push({ name: skipped[1], reason: skipped[2] })
    }
  }
  return tally
}
