import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'

/**
 * A vitest reporter that writes the counts and the files that take longest to the file that LLEM_TEST_TALLY names. The JSON reporter of vitest
 * leaves out why a test was skipped.
 */
export default class VitestTally {
  onTestRunEnd(modules, unhandledErrors) {
    const tally = {
      passed: 0,
      failed: unhandledErrors.length,
      skipped: [],
      repeated: [],
      slowest: slowestOf(modules),
    }
    for (const module of modules) {
      // A file that does not load, or whose beforeAll fails, is a failure; the tests that it kept from running are
      // not skipped for want of something.
      const suites = [module, ...module.children.allSuites()]
      const errors = suites.flatMap((suite) => suite.errors())
      tally.failed += errors.length
      for (const test of module.children.allTests()) count(tally, test, errors.length > 0)
    }
    writeFileSync(process.env.LLEM_TEST_TALLY, JSON.stringify(tally))
  }
}

const SLOWEST = 12

function slowestOf(modules) {
  const files = modules.map((module) => ({
    name: module.relativeModuleId,
    durationS: module.diagnostic().duration / 1000,
  }))
  return files.sort((a, b) => b.durationS - a.durationS).slice(0, SLOWEST)
}

function count(tally, test, isBroken) {
  const { state, note, errors = [] } = test.result()
  if (test.diagnostic()?.flaky) {
    // Vitest keeps what the first try failed with, and does not print it.
    const why = errors[0] === undefined ? '' : `\n    ${firstLine(errors[0])}`
    tally.repeated.push(`${test.fullName}${why}`)
  }
  if (state === 'passed') tally.passed += 1
  else if (state === 'failed') tally.failed += 1
  else if (!isBroken) {
    const reason = test.options.mode === 'todo' ? 'todo' : (note ?? 'skipped without a reason')
    tally.skipped.push({ name: test.fullName, reason })
  }
}

/** What was wrong, and where it was found. */
function firstLine({ message = '', stacks = [] }) {
  const [place] = stacks
  const where = place === undefined ? '' : ` (${basename(place.file)}:${place.line})`
  return `${message.split('\n', 1)[0].slice(0, 300)}${where}`
}
