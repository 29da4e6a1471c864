// npm run bench [-- PART...] [--quick] [--classes A,B] [--windows N] [--out FOLDER]: measures llem against its peers on
// simulated GPUs and prints tables. Parts: accuracy (20 min), sampling (3 min), parquet, startup; by default all. The
// results go to bench/results.json and, as tables, to bench/RESULTS.md; a part that does not run keeps what it measured
// before. --quick: fewer and shorter windows, to see that all of it works. --classes: only these kinds of boards, and
// --windows: so many windows of each length, of accuracy. With any of these the results go to .cache/bench/quick instead.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { measureAccuracy } from './accuracy/measure.mjs'
import { CACHE, isBuilt, ROOT } from './folders.mjs'
import { machine } from './machine.mjs'
import { measureParquet } from './parquet/measure.mjs'
import { saveResults } from './results-file.mjs'
import { measureSampling } from './sampling/measure.mjs'
import { measureStartup } from './startup/measure.mjs'

const PARTS = {
  accuracy: measureAccuracy,
  sampling: measureSampling,
  parquet: measureParquet,
  startup: measureStartup,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    classes: { type: 'string' },
    windows: { type: 'string' },
    out: { type: 'string' },
  },
})
const isPartial = values.quick || values.classes !== undefined || values.windows !== undefined
const folder = values.out ?? (isPartial ? join(CACHE, 'quick') : join(ROOT, 'bench'))

try {
  const names = positionals.length > 0 ? positionals : Object.keys(PARTS)
  const unknown = names.filter((name) => !(name in PARTS))
  if (unknown.length > 0) {
    throw new Error(`no such part: ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`)
  }
  if (!isBuilt()) throw new Error('llem is not built; run `npm run build`')
  const windowsOfEach = values.windows === undefined ? undefined : Number(values.windows)
  if (windowsOfEach !== undefined && !(Number.isInteger(windowsOfEach) && windowsOfEach > 0)) {
    throw new Error(`--windows takes a whole number from 1 on, not ${values.windows}`)
  }
  const choice = { isQuick: values.quick, classes: values.classes?.split(','), windowsOfEach }
  // What an earlier partial run left is worth nothing.
  if (isPartial) rmSync(join(folder, 'results.json'), { force: true })
  for (const name of names) {
    console.error(`bench: ${name} ...`)
    const surroundings = { date: new Date().toISOString(), isQuick: isPartial, machine: machine() }
    const measured = await PARTS[name](choice)
    // After every part, so that a later failure loses nothing.
    console.log(saveResults(folder, name, { ...surroundings, ...measured }))
  }
  console.error(`bench: ${join(folder, 'RESULTS.md')} has all of it`)
} catch (error) {
  // What is missing or failed is in the message; a stack trace would only push it off the screen.
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
}
