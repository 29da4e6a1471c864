// npm test: installs and builds what the tests need, runs the checks and the tests of both languages, and ends with
// the line `N passed, N failed` on stdout; a check counts as one test. With CI=true a skipped test is a failure.
//
// npm test -- FILTER...: after installing and building only the tests of vitest whose path contains a filter.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cargoTally } from './testing/cargo-tally.mjs'
import { runStep } from './testing/run-step.mjs'
import { summarise } from './testing/summary.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const filters = process.argv.slice(2)
const node = process.execPath
const tallyFile = join(tmpdir(), `llem-test-tally-${process.pid}.json`)
const vitest = [
  'node_modules/.bin/vitest',
  'run',
  '--reporter=default',
  '--reporter=./scripts/testing/vitest-tally.mjs',
]

const PREPARATIONS = [
  { name: 'packages', command: [node, 'scripts/node-modules.mjs'], shown: true },
  { name: 'build', command: [node, 'scripts/build.mjs'], shown: true },
]
const CHECKS = [
  { name: 'rustfmt', command: ['cargo', 'fmt', '--all', '--check'] },
  { name: 'biome', command: ['node_modules/.bin/biome', 'check', '--error-on-warnings'] },
  { name: 'types of the tests', command: ['node_modules/.bin/tsc', '-p', '__test__/tsconfig.json'] },
  { name: 'generated files', command: [node, 'scripts/generated-files.mjs', '--check'] },
  {
    name: 'clippy',
    command: ['cargo', 'clippy', '--workspace', '--all-targets', '--locked', '--', '-D', 'warnings'],
  },
]
const TESTS = [
  {
    name: 'cargo test',
    command: ['cargo', 'test', '--workspace', '--locked', '--no-fail-fast', '--', '--show-output'],
    count: cargoTally,
  },
  {
    name: 'vitest',
    command: [...vitest, ...filters],
    env: { LLEM_TEST_TALLY: tallyFile, ...(filters.length === 0 ? { LLEM_TEST_WHOLE: '1' } : {}) },
    shown: filters.length > 0,
    count: () => JSON.parse(readFileSync(tallyFile, 'utf8')),
  },
]

const results = []
let isReady = true
for (const step of PREPARATIONS) {
  isReady = isReady && (await run(step))
}
if (isReady) {
  for (const step of filters.length > 0 ? TESTS.slice(-1) : [...CHECKS, ...TESTS]) await run(step)
}
rmSync(tallyFile, { force: true })
const { table, lastLine, ok } = summarise(results, process.env.CI === 'true')
process.stderr.write(table)
process.stdout.write(`${lastLine}\n`)
process.exitCode = ok ? 0 : 1

async function run(step) {
  const { ok, output, durationS } = await runStep(step, root)
  results.push({ name: step.name, ok, durationS, ...counted(step, ok, output) })
  return ok
}

/** A step that fails without a failing test, as one that does not compile, is one failure. */
function counted(step, ok, output) {
  const isPreparation = PREPARATIONS.includes(step)
  if (!step.count) return { passed: ok && !isPreparation ? 1 : 0, failed: ok ? 0 : 1, skipped: [] }
  const none = { passed: 0, failed: 0, skipped: [] }
  const tally = step.name === 'vitest' && !existsSync(tallyFile) ? none : step.count(output)
  return { ...tally, failed: ok ? tally.failed : Math.max(tally.failed, 1) }
}
