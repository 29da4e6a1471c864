// The commands whose file-system calls go wrong, and what must hold of each whatever call that was.

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { readResult } from '../../dist/results/read.js'
import { resultsIn } from '../campaign/running.js'
import { type Ended, startLlem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { causeOf, type Fault } from './shim.js'

/** Longer is a hang: none of the commands takes a tenth of it. */
const HANG_MS = 120_000
export const CYCLES = 2

/** A command in a folder of its own. */
export interface Scene {
  /** Calls on what is below it go wrong. */
  folder: string
  run(env?: NodeJS.ProcessEnv): Promise<Ended>
  /** What must hold after a run with one fault. */
  check(ended: Ended, fault: Fault): Promise<void> | void
}

export interface FaultyCommand {
  name: string
  /** Parts of the command lines of its processes that write. */
  processes: readonly string[]
  scene(serverPort: number): Scene
}

const QUICK = (serverPort: number) => `model: fake
backend: server
n_prompts: 2
server: { base_url: "http://127.0.0.1:${serverPort}" }
baseline: { enabled: false }
warmup: { enabled: false }
generation: { max_tokens: 2 }
`

export const COMMANDS: readonly FaultyCommand[] = [
  { name: 'campaign', processes: ['llem.js', 'runner.js'], scene: campaign },
  { name: 'run', processes: ['llem.js'], scene: run },
  { name: 'exec', processes: ['llem.js'], scene: exec },
  { name: 'verify', processes: ['llem.js'], scene: verify },
  { name: 'export', processes: ['llem.js'], scene: exported },
]

/** Runs llem, and ends it where it hangs. */
async function limited(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const { child, ended } = startLlem(args, { env })
  const timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS)
  const end = await ended.finally(() => clearTimeout(timer))
  expect(end.tookMs, `llem ${args[0]} hangs`).toBeLessThan(HANG_MS)
  return end
}

/** The first cause of a failure is told, or it did not matter; it is never called a bug. */
function checkTold({ stdout, stderr, signal }: Ended, [, , kind, of]: Fault, hasFailed: boolean): void {
  const said = `${stdout}${stderr}`
  expect(said).not.toMatch(/bug in llem|"BUG"|\[BUG\]/)
  if (signal !== null) expect([kind, of]).toEqual(['kill', 'llem.js'])
  const cause = causeOf(kind)
  if (hasFailed && signal === null && cause !== null) expect(said).toMatch(cause)
}

function campaign(serverPort: number): Scene {
  const dir = scratchFolder()
  const folder = join(dir, 'results')
  const path = join(dir, 'campaign.yaml')
  writeFileSync(
    path,
    `campaign_name: faults
${QUICK(serverPort)}health_check: { enabled: false }
experiments: [{}]
execution: { cycles: ${CYCLES}, config_gap_seconds: 0, cycle_gap_seconds: 0 }
io: { results_dir: ${folder} }
`,
  )
  const start = (env?: NodeJS.ProcessEnv) =>
    limited(['campaign', path, '--simulate', '--yes', '-q', '--json'], env)
  return {
    folder,
    run: start,
    async check(ended, fault) {
      const before = identities(folder)
      checkTold(ended, fault, before.size < CYCLES)
      const again = await start()
      expect(again, again.stderr).toMatchObject({ code: 0 })
      const after = identities(folder)
      expect(after.size).toBe(CYCLES)
      for (const [name, id] of before) expect(after.get(name), `${name} is kept`).toBe(id)
      expect(filesBelow(folder).filter((name) => /\.json\..*\.partial$/.test(name))).toEqual([])
    },
  }
}

/** Identities of the results of a campaign by run, each of which has one. */
export function identities(resultsDir: string): Map<string, string> {
  const [name] = existsSync(resultsDir) ? readdirSync(resultsDir) : []
  const found = name === undefined ? [] : [...resultsIn(join(resultsDir, name))]
  return new Map(
    found.map(([run, results]) => {
      expect(results, `${run} has one result`).toHaveLength(1)
      return [run, String(results[0]?.id)]
    }),
  )
}

function run(serverPort: number): Scene {
  const dir = scratchFolder()
  const folder = join(dir, 'results')
  const path = join(dir, 'experiment.yaml')
  writeFileSync(path, QUICK(serverPort))
  const start = (env?: NodeJS.ProcessEnv) => limited(['run', path, '--simulate', '-q', '-o', folder], env)
  return {
    folder,
    run: start,
    async check(ended, fault) {
      checkTold(ended, fault, ended.code !== 0)
      const before = checkResults(folder)
      if (ended.code === 0) expect(before).toHaveLength(1)
      expect(await start()).toMatchObject({ code: 0 })
      expect(checkResults(folder)).toHaveLength(before.length + 1)
    },
  }
}

function exec(): Scene {
  const folder = join(scratchFolder(), 'results')
  const marker = join(scratchFolder(), 'ran')
  const command = ['sh', '-c', `touch ${marker}; exit 7`]
  return {
    folder,
    run: (env) => limited(['exec', '--simulate', '-q', '--json', '-o', folder, '--', ...command], env),
    check(ended, fault) {
      const hasRun = existsSync(marker)
      checkTold(ended, fault, !hasRun)
      // Once the command has run, nothing hides its exit code.
      if (ended.signal === null) expect(hasRun ? [7] : [1, 2]).toContain(ended.code)
      const found = checkResults(folder)
      const said = ended.stdout === '' ? null : JSON.parse(ended.stdout).result_dir
      // The folder may have samples only, where it is told why it has no result.
      if (said !== null && !ended.stderr.includes('result.json could not be written'))
        expect(found).toEqual([said])
    },
  }
}

/** A result with samples, made once: nothing changes it. */
let measured: Promise<string> | undefined

async function copyOfMeasured(to: string): Promise<void> {
  measured ??= (async () => {
    const folder = join(scratchFolder(), 'results')
    const { code } = await limited(['exec', '--simulate', '-q', '-o', folder, '--', 'sleep', '1'])
    expect(code).toBe(0)
    return folder
  })()
  cpSync(await measured, to, { recursive: true })
}

function verify(): Scene {
  const folder = join(scratchFolder(), 'results')
  let before: string
  return {
    folder,
    async run(env) {
      await copyOfMeasured(folder)
      before = digests(folder)
      const [name = ''] = readdirSync(folder)
      return limited(['verify', join(folder, name)], env)
    },
    check(ended, fault) {
      checkTold(ended, fault, ended.code !== 0)
      // What cannot be read is no difference.
      expect(ended.stdout).not.toMatch(/differ/i)
      expect(digests(folder)).toBe(before)
    },
  }
}

function exported(): Scene {
  const folder = join(scratchFolder(), 'results')
  const table = join(folder, 'table.csv')
  return {
    folder,
    async run(env) {
      await copyOfMeasured(folder)
      return limited(['export', folder, '-o', table], env)
    },
    async check(ended, fault) {
      checkTold(ended, fault, ended.code !== 0)
      const lines = existsSync(table) ? readFileSync(table, 'utf8').trimEnd().split('\r\n').length : null
      // A table that is there is whole, and one that is promised is there.
      if (ended.code === 0) expect(lines).toBe(2)
      else if (lines !== null && ended.signal === null) expect(lines).toBeLessThanOrEqual(2)
      expect(await limited(['export', folder, '-o', table])).toMatchObject({ code: 0 })
      expect(readFileSync(table, 'utf8').trimEnd().split('\r\n')).toHaveLength(2)
    },
  }
}

/** The folders with a result, each of which can be read. */
function checkResults(folder: string): string[] {
  const dirs = filesBelow(folder)
    .filter((path) => path.endsWith('/result.json'))
    .map((path) => path.slice(0, -'/result.json'.length))
  for (const dir of dirs) readResult(dir)
  return dirs
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
}

function digests(folder: string): string {
  return filesBelow(folder)
    .sort()
    .map((path) => execFileSync('sha256sum', [path], { encoding: 'utf8' }))
    .join('')
}
