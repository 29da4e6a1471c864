// npm run bench [-- PART...] [--quick] [--out FOLDER]: measures llem against its peers on simulated GPUs and prints
// tables. Parts: accuracy (17 min), sampling (3 min), parquet, startup; by default all. The results go to
// bench/results.json and, as tables, to bench/RESULTS.md; a part that does not run keeps what it measured before.
// --quick: fewer and shorter windows, to see that all of it works; the results go to .cache/bench/quick instead.
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
  options: { quick: { type: 'boolean', default: false }, out: { type: 'string' } },
})
const folder = values.out ?? (values.quick ? join(CACHE, 'quick') : join(ROOT, 'bench'))

try {
  const names = positionals.length > 0 ? positionals : Object.keys(PARTS)
  const unknown = names.filter((name) => !(name in PARTS))
  if (unknown.length > 0) {
    throw new Error(`no such part: ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}`)
  }
  if (!isBuilt()) throw new Error('llem is not built; run `npm run build`')
  // What an earlier quick run left is worth nothing.
  if (values.quick) rmSync(join(folder, 'results.json'), { force: true })
  for (const name of names) {
    console.error(`bench: ${name} ...`)
    const surroundings = { date: new Date().toISOString(), isQuick: values.quick, machine: machine() }
    const measured = await PARTS[name]({ isQuick: values.quick })
    // After every part, so that a later failure loses nothing.
    console.log(saveResults(folder, name, { ...surroundings, ...measured }))
  }
  console.error(`bench: ${join(folder, 'RESULTS.md')} has all of it`)
} catch (error) {
  // What is missing or failed is in the message; a stack trace would only push it off the screen.
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
}
