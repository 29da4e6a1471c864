// npm run mutation [-- FILE...]: small mistakes are put into the arithmetic one by one, and the tests that run in a process of
// vitest must notice each (Stryker). FILE: a file of src/, e.g. src/results/student.ts. Without any: those of FLOORS, where
// a share of noticed mistakes below the floor is an error.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// The last that runs on every Node 20. In a folder of its own, as it brings a hundred packages that no build needs.
const VERSION = '9.6.1'
const PACKAGES = ['core', 'vitest-runner'].map((name) => `@stryker-mutator/${name}@${VERSION}`)
/** The least share of mistakes that the tests must notice, in percent; 0 where nobody has measured it yet. */
const FLOORS = {
  'src/results/student.ts': 0,
  'src/verify/arithmetic.ts': 85,
  'src/baseline/breakdown.ts': 80,
  'src/energy/findings.ts': 0,
}

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, '.cache/stryker')
const report = join(folder, 'report.json')
const asked = process.argv.slice(2)
const files = asked.length > 0 ? asked : Object.keys(FLOORS)

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

function install() {
  const installed = join(folder, 'node_modules/@stryker-mutator/core/package.json')
  if (existsSync(installed) && JSON.parse(readFileSync(installed, 'utf8')).version === VERSION) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  // vitest itself is the one of the tests.
  run('npm', ['install', '--prefix', folder, '--legacy-peer-deps', '--no-save', ...PACKAGES])
}

function mutate() {
  const settings = join(folder, 'settings.json')
  const content = {
    plugins: [join(folder, 'node_modules/@stryker-mutator/vitest-runner/dist/src/index.js')],
    testRunner: 'vitest',
    vitest: { configFile: 'scripts/testing/vitest.mutation.mjs', related: false },
    // The tests run what is built.
    mutate: files.map((file) => file.replace(/^src\//, 'dist/').replace(/\.ts$/, '.js')),
    ignorePatterns: ['/target', '/.cache', '/bench', '/docs', '/coverage', '/npm'],
    // TypeScript 7 has no API that Stryker could rewrite it with, and nothing is compiled.
    tsconfigFile: 'no-tsconfig.json',
    tempDirName: join(folder, 'copy'),
    reporters: ['clear-text', 'json', 'progress-append-only'],
    clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
    jsonReporter: { fileName: report },
    coverageAnalysis: 'perTest',
    concurrency: 2,
    allowConsoleColors: false,
  }
  writeFileSync(settings, JSON.stringify(content, null, 2))
  rmSync(report, { force: true })
  run(process.execPath, [join(folder, 'node_modules/@stryker-mutator/core/bin/stryker.js'), 'run', settings])
}

/** Of each file: how many mistakes the tests have noticed, of how many. */
function scores() {
  const found = Object.entries(JSON.parse(readFileSync(report, 'utf8')).files)
  return found.map(([path, { mutants }]) => {
    const count = (...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length
    const noticed = count('Killed', 'Timeout')
    const all = noticed + count('Survived', 'NoCoverage')
    const file = path.replace(/^dist\//, 'src/').replace(/\.js$/, '.ts')
    return { file, noticed, all, percent: (100 * noticed) / all }
  })
}

install()
mutate()
for (const { file, noticed, all, percent } of scores()) {
  const floor = asked.length > 0 ? 0 : FLOORS[file]
  console.log(`${file}: ${noticed} of ${all} mistakes noticed, ${percent.toFixed(1)} %`)
  if (percent < floor) {
    console.error(`${file}: below its floor of ${floor} %`)
    process.exitCode = 1
  }
}
