// The tests of llama-bench on the clock: each ended when it was printed, and began as much before as its repetitions took. That
// holds where llem reads it as it is printed; what shows that it does not makes all places unknown.

import type { ExecResult } from '../results/exec.js'
import type { Problems } from './benchmark.js'
import type { WallClock } from './clock.js'
import type { Placed } from './join.js'
import { type PrintedTest, printsStraight, readLlamaBench } from './llama-bench.js'
import type { Printed } from './printed.js'

/** What its text is read late by, and where clocks differ. */
const LATE_NS = 100e6
/** A window that is known less well than this has no joules. */
const MOST_UNCERTAINTY = 0.01
/** Before its first repetition a test warms up, which is at most as long as some repetitions, or the build of its kernels. */
const WARMUP = { repetitions: 3, ns: 10e9 }

export interface PrintedTests {
  version: string | null
  tests: PrintedTest[]
  placed: Placed[]
}

export function placePrinted(
  printed: Printed,
  args: readonly string[],
  { energy }: ExecResult,
  wall: WallClock,
  problems: Problems,
): PrintedTests {
  const { version, tests } = readLlamaBench(printed.text, 'stdout', args, problems)
  if (printed.wasCut) problems.missing('stdout', 'it is longer than what is kept, so its end is not read')
  const ends = tests.map(({ endsAt }) => printed.cameAt(endsAt))
  const late = whyLate(tests, ends, args, wall)
  const startNs = energy?.window.start_ns ?? null
  const placed = tests.map((test, index): Placed => {
    const { lastNs, lastUncertainty, placed: count, repetitions } = test
    const endNs = ends[index] ?? null
    const nowhere = (reason: string): Placed => ({ span: null, clock: null, reason, share: 1 })
    if (startNs === null) return nowhere('nothing was measured')
    if (late !== null) return nowhere(late)
    if (test.benchmark.tokensReason !== null) return nowhere(test.benchmark.tokensReason)
    if (endNs === null || lastNs === null || lastUncertainty > MOST_UNCERTAINTY)
      return nowhere(
        'how long it took is not known to 1 %, as the table has a mean of speeds alone: let it print with -o jsonl',
      )
    if (endNs - lastNs < startNs) return nowhere('it says that it took longer than the command ran')
    const span = { clock: 'monotonic' as const, startNs: endNs - lastNs, endNs }
    return { span, clock: 'output', reason: null, share: count / repetitions, uncertainty: lastUncertainty }
  })
  return { version, tests, placed }
}

/** Why when the tests were seen is not when they ended; null where nothing says so. */
function whyLate(
  tests: readonly PrintedTest[],
  ends: readonly (number | null)[],
  args: readonly string[],
  { toMonotonic }: WallClock,
): string | null {
  const advice =
    'let llama-bench itself run under llem attach and print to its stdout, without a pipe or a file between'
  if (!printsStraight(args)) return `when each test ended is not known: ${advice}`
  for (const [index, { allNs, begunMs, repetitions }] of tests.entries()) {
    const endNs = ends[index] ?? null
    if (endNs === null) continue
    const before = ends[index - 1] ?? null
    if (before !== null && endNs - before < allNs - LATE_NS)
      return `several tests came at once, so that when each ended is not known: ${advice}`
    if (begunMs === null || toMonotonic === null) continue
    const begunNs = toMonotonic(begunMs * 1e6)
    const beforeNs = endNs - allNs - begunNs
    const most = 1e9 + WARMUP.ns + (WARMUP.repetitions * allNs) / repetitions
    const isFilled =
      tests[index]?.benchmark.name?.includes('@ d') === true || args.join(' ').includes('--delay')
    if (beforeNs < -LATE_NS || (beforeNs > most && !isFilled))
      return `its test_time and when it was printed do not fit what its repetitions took: ${advice}`
    // The one before it had ended by then.
    if (before !== null && before > begunNs + 1e9 + LATE_NS)
      return `a test was printed after the next one had begun, so that when it ended is not known: ${advice}`
  }
  return null
}
