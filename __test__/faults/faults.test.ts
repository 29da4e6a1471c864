// A file-system call that fails, at each place where one can: shim.c makes it do so in the real llem. A sample of all
// calls; LLEM_TEST_FAULTS=all takes every one of them, which takes an hour.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startPortServer } from '../backends/port-server.js'
import { resultsIn } from '../campaign/running.js'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 120_000 })

const RUNS = 2
const CALLS = ['open', 'write', 'fsync', 'rename', 'mkdir', 'unlink', 'flock'] as const
const KINDS = ['EIO', 'ENOSPC', 'EROFS', 'EMFILE', 'EINTR', 'short', 'kill'] as const
const PROCESSES = ['llem.js', 'runner.js'] as const
/** A call, its number, what becomes of it, and where. */
type Fault = [
  call: (typeof CALLS)[number],
  number: number,
  kind: (typeof KINDS)[number],
  of: (typeof PROCESSES)[number],
]

const SAMPLE: Fault[] = [
  ['open', 3, 'EMFILE', 'llem.js'],
  // After the last run, as its result is looked at.
  ['open', 21, 'EIO', 'llem.js'],
  ['open', 14, 'EROFS', 'llem.js'],
  ['open', 2, 'EROFS', 'runner.js'],
  ['write', 2, 'ENOSPC', 'llem.js'],
  ['write', 1, 'short', 'runner.js'],
  ['fsync', 4, 'EIO', 'llem.js'],
  ['rename', 3, 'kill', 'llem.js'],
  ['rename', 2, 'EIO', 'runner.js'],
  ['unlink', 1, 'EROFS', 'llem.js'],
  ['mkdir', 3, 'EROFS', 'llem.js'],
  ['flock', 1, 'EIO', 'llem.js'],
]

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const folder = scratchFolder()
const shim = join(folder, 'shim.so')
let server: Awaited<ReturnType<typeof startPortServer>>

beforeAll(async () => {
  const source = fileURLToPath(new URL('shim.c', import.meta.url))
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl'])
  server = await startPortServer('../backends/fake-openai.mjs', ['good'], { forAll: true })
})
afterAll(() => server.end())

/** A campaign of short runs in a folder of its own. */
function campaign() {
  const dir = scratchFolder()
  const results = join(dir, 'results')
  const path = join(dir, 'campaign.yaml')
  writeFileSync(
    path,
    `campaign_name: faults
model: fake
backend: server
n_prompts: 2
server: { base_url: "http://127.0.0.1:${server.port}" }
baseline: { enabled: false }
warmup: { enabled: false }
generation: { max_tokens: 2 }
health_check: { enabled: false }
experiments: [{}]
execution: { cycles: ${RUNS}, config_gap_seconds: 0, cycle_gap_seconds: 0 }
io: { results_dir: ${results} }
`,
  )
  const run = (env: NodeJS.ProcessEnv = {}) =>
    llem(['campaign', path, '--simulate', '--yes', '-q', '--json'], { env })
  /** Its own folder, null where there is none yet. */
  const own = () => {
    const [name] = existsSync(results) ? readdirSync(results) : []
    return name === undefined ? null : join(results, name)
  }
  return { path, results, run, own, log: join(dir, 'calls.log') }
}

const faulty = (results: string, fault: string, of: string) => ({
  LD_PRELOAD: shim,
  LLEM_FAULT_DIR: results,
  LLEM_FAULT_IN: of,
  LLEM_FAULT: fault,
})

/** Identities of the results by run, each of which has one. */
function identities(dir: string | null): Map<string, string> {
  const found = dir === null ? [] : [...resultsIn(dir)]
  return new Map(
    found.map(([run, results]) => {
      expect(results, `${run} has one result`).toHaveLength(1)
      return [run, String(results[0]?.id)]
    }),
  )
}

async function check([call, number, kind, of]: Fault): Promise<void> {
  const { results, run, own } = campaign()
  const what = kind === 'short' || kind === 'kill' ? kind : String(constants.errno[kind])
  const { stdout, stderr, signal } = await run(faulty(results, `${call}:${number}:${what}`, of))
  const said = `${stdout}${stderr}`
  expect(said).not.toMatch(/bug in llem|"BUG"|\[BUG\]/)
  if (signal !== null) expect([kind, of]).toEqual(['kill', 'llem.js'])
  const before = identities(own())
  // The first cause, or it did not matter.
  const failed = before.size < RUNS
  if (failed && kind.startsWith('E') && kind !== 'EINTR') expect(said).toMatch(causeOf(kind))
  const again = await run()
  expect(again, again.stderr).toMatchObject({ code: 0 })
  const dir = own()
  const after = identities(dir)
  expect(after.size).toBe(RUNS)
  for (const [name, id] of before) expect(after.get(name), `${name} is kept`).toBe(id)
  const left = execFileSync('find', [String(dir), '-name', '*.json.*.partial']).toString()
  expect(left).toBe('')
}

/** As Node, Rust or a person would say it. */
function causeOf(kind: string): RegExp {
  const words: Record<string, string> = {
    EIO: 'Input/output error|i/o error',
    ENOSPC: 'No space left|no space left|disk is full',
    EROFS: 'Read-only file system|read-only file system',
    EMFILE: 'Too many open files|too many open files',
  }
  return new RegExp(`${kind}|${words[kind]}`)
}

/** Every call that a campaign without a fault makes, with everything that can become of it. */
async function everyFault(): Promise<Fault[]> {
  const faults: Fault[] = []
  for (const of of PROCESSES) {
    const { results, run, log } = campaign()
    await run({ ...faulty(results, '', of), LLEM_FAULT_LOG: log })
    const made = readFileSync(log, 'utf8').split('\n')
    for (const call of CALLS) {
      const count = made.filter((each) => each === call).length
      const kinds = KINDS.filter((kind) => kind !== 'short' || call === 'write')
      for (let number = 1; number <= count; number++)
        for (const kind of kinds) faults.push([call, number, kind, of])
    }
  }
  return faults
}

describe('a file-system call of a campaign that fails loses nothing, repeats nothing and is told', () => {
  if (process.env.LLEM_TEST_FAULTS === undefined) it.for(SAMPLE)('%s %i: %s in %s', (fault) => check(fault))
  else
    it('wherever it is', { timeout: 4 * 3600_000, retry: 0 }, async () => {
      const asked = Number(process.env.LLEM_TEST_FAULTS)
      const all = await everyFault()
      const step = Number.isNaN(asked) ? 1 : Math.max(1, Math.floor(all.length / asked))
      const chosen = all.filter((_, index) => index % step === 0)
      const problems: string[] = []
      for (const fault of chosen)
        await check(fault).catch((error: Error) => problems.push(`${fault.join(' ')}: ${error.message}`))
      console.log(`${chosen.length} of ${all.length} faults`)
      expect(problems).toEqual([])
    })

  it('where no lock can be had a lease does it', async () => {
    const { results, run, own } = campaign()
    const env = faulty(results, `flock:0:${constants.errno.ENOLCK}`, '')
    expect(await run(env)).toMatchObject({ code: 0 })
    expect(identities(own()).size).toBe(RUNS)
    rmSync(join(String(own()), 'manifest.json'))
    expect(await run(env)).toMatchObject({ code: 0 })
  })

  it('where nothing can be synchronised that is told, and not that room is to be made', async () => {
    const { results, run } = campaign()
    const { stderr } = await run(faulty(results, `fsync:0:${constants.errno.EINVAL}`, ''))
    expect(stderr).toMatch(/EINVAL.*choose a folder on a local disk/)
    expect(stderr).not.toMatch(/make room/i)
  })
})

describe('a limit of open files', () => {
  // Node itself needs some twenty, and reading its modules some more.
  it.for([20, 28])('of %i is told as what it is', async (limit) => {
    const { path } = campaign()
    const command = `ulimit -n ${limit}; exec "$@"`
    const args = [...[process.execPath, BIN, 'campaign', path], '--simulate', '--yes', '-q']
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command, 'sh', ...args], { encoding: 'utf8' })
    expect(status).toBe(1)
    expect(`${stdout}${stderr}`).toMatch(/EMFILE: too many open files/)
    expect(`${stdout}${stderr}`).not.toContain('[BUG]')
  })
})

describe('a file-system call of `llem exec` that fails', () => {
  it.for([
    ['mkdir', 'EROFS'],
    ['open', 'ENOSPC'],
    ['rename', 'EIO'],
    ['fsync', 'EIO'],
    ['unlink', 'EROFS'],
  ] as const)('%s: %s never hides the exit code of the command, once it has run', async ([call, kind]) => {
    const results = join(scratchFolder(), 'results')
    const marker = join(scratchFolder(), 'ran')
    const env = faulty(results, `${call}:0:${constants.errno[kind]}`, 'llem.js')
    const command = ['sh', '-c', `touch ${marker}; exit 7`]
    const { code, stderr } = await llem(['exec', '--simulate', '-o', results, '--', ...command], { env })
    expect(stderr).not.toContain('[BUG]')
    expect(code).toBe(existsSync(marker) ? 7 : 2)
    if (call !== 'unlink') expect(stderr).toMatch(causeOf(kind))
  })
})
