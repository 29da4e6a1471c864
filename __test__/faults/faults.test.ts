// A file-system call that fails, at each place where one can: shim.c makes it do so in the real llem. A sample of all
// calls; `npm run faults` takes as many as it is told, or all.

import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { startPortServer } from '../backends/port-server.js'
import { llem } from '../native/llem.js'
import { scratchFolder, textFile } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'
import { COMMANDS, CYCLES, type FaultyCommand, identities } from './commands.js'
import { buildShim, causeOf, errno, everyFault, type Fault, faulty, wrong } from './shim.js'

vi.setConfig({ testTimeout: 240_000 })

/** How many of each command; Infinity for all. */
const ASKED =
  process.env.LLEM_TEST_FAULTS === 'all' ? Number.POSITIVE_INFINITY : Number(process.env.LLEM_TEST_FAULTS)
/** Of several machines the first of 4 takes every fourth fault: "1/4". */
const [SHARD = 1, SHARDS = 1] = (process.env.LLEM_TEST_SHARD ?? '1/1').split('/').map(Number)

const SAMPLES: Record<string, Fault[]> = {
  campaign: byDay<Fault>(3, [
    ['open', 3, 'EMFILE', 'llem.js'],
    // After the last run, as its result is looked at.
    ['open', 21, 'EIO', 'llem.js'],
    ['open', 14, 'EROFS', 'llem.js'],
    ['open', 2, 'EROFS', 'runner.js'],
    // The folder of a result that is in its place already.
    ['open', 9, 'ENOSPC', 'runner.js'],
    ['open', 10, 'kill', 'runner.js'],
    ['write', 2, 'ENOSPC', 'llem.js'],
    ['write', 1, 'short', 'runner.js'],
    ['fsync', 4, 'EIO', 'llem.js'],
    ['rename', 3, 'kill', 'llem.js'],
    ['rename', 2, 'EIO', 'runner.js'],
    ['unlink', 1, 'EROFS', 'llem.js'],
    ['mkdir', 3, 'EROFS', 'llem.js'],
    ['flock', 1, 'EIO', 'llem.js'],
  ]),
  run: [
    ['open', 2, 'EMFILE', 'llem.js'],
    ['write', 1, 'ENOSPC', 'llem.js'],
    ['rename', 1, 'EIO', 'llem.js'],
  ],
  exec: [
    ['write', 1, 'short', 'llem.js'],
    ['rename', 1, 'EROFS', 'llem.js'],
    ['mkdir', 1, 'kill', 'llem.js'],
  ],
  verify: [
    ['open', 1, 'EIO', 'llem.js'],
    ['read', 1, 'short', 'llem.js'],
  ],
  export: [
    ['read', 1, 'EIO', 'llem.js'],
    ['write', 1, 'ENOSPC', 'llem.js'],
  ],
}

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
let server: Awaited<ReturnType<typeof startPortServer>>

beforeAll(async () => {
  buildShim()
  server = await startPortServer('../backends/fake-openai.mjs', ['good'], { forAll: true })
})
afterAll(() => server.end())

async function check({ scene }: FaultyCommand, fault: Fault): Promise<void> {
  const { folder, run, check } = scene(server.port)
  await check(await run(faulty(folder, fault)), fault)
  rmSync(folder, { recursive: true, force: true })
}

async function everyFaultOf({ processes, scene }: FaultyCommand): Promise<Fault[]> {
  const faults: Fault[] = []
  for (const of of processes) {
    const { folder, run } = scene(server.port)
    faults.push(...(await everyFault(folder, of, run)))
  }
  return faults
}

describe.each(COMMANDS)(
  'a file-system call of llem $name that fails loses nothing and is told',
  (command) => {
    if (Number.isNaN(ASKED))
      it.for(SAMPLES[command.name] ?? [])('%s %i: %s in %s', (fault) => check(command, fault))
    else
      it('wherever it is', { timeout: 8 * 3600_000, retry: 0 }, async () => {
        const all = await everyFaultOf(command)
        const step = Math.max(1, all.length / ASKED)
        const chosen = all
          .filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step))
          .filter((_, index) => index % SHARDS === SHARD - 1)
        const problems: string[] = []
        for (const fault of chosen)
          await check(command, fault).catch((error: Error) => {
            problems.push(`${fault.join(' ')}: ${error.message}`)
            console.log(`llem ${command.name}, ${problems.at(-1)}`)
          })
        console.log(
          `llem ${command.name}: ${chosen.length} of ${all.length} faults, ${problems.length} problems`,
        )
        expect(problems).toEqual([])
      })
  },
)

describe('a file system of another kind', () => {
  const campaign = () => {
    const [command] = COMMANDS
    if (command === undefined) throw new Error('there are no commands')
    return command.scene(server.port)
  }

  it('without locks has a lease in their place', async () => {
    const { folder, run } = campaign()
    const env = wrong(folder, ['flock', 0, errno('ENOLCK'), ''])
    expect(await run(env)).toMatchObject({ code: 0 })
    expect(identities(folder).size).toBe(CYCLES)
    expect(await run(env)).toMatchObject({ code: 0 })
  })

  it('that can synchronise nothing is told, and not that room is to be made', async () => {
    const { folder, run } = campaign()
    const { stderr } = await run(wrong(folder, ['fsync', 0, errno('EINVAL'), '']))
    expect(stderr).toMatch(/EINVAL.*choose a folder on a local disk/)
    expect(stderr).not.toMatch(/make room/i)
  })
})

describe('a limit of open files', () => {
  // Node itself needs some twenty, and reading its modules some more.
  it.for([20, 28])('of %i is told as what it is', async (limit) => {
    const path = textFile('campaign.yaml', 'campaign_name: x\nmodel: m\nexperiments: [{}]\n')
    const args = [BIN, 'campaign', path, '--simulate', '--yes', '-q']
    const command = `ulimit -n ${limit}; exec "$@"`
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command, 'sh', process.execPath, ...args], {
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(`${stdout}${stderr}`).toMatch(/EMFILE: too many open files/)
    expect(`${stdout}${stderr}`).not.toContain('[BUG]')
  })
})

describe('each call of a kind of `llem exec` that fails', () => {
  it.for([
    ['mkdir', 'EROFS'],
    ['open', 'ENOSPC'],
    ['rename', 'EIO'],
    ['fsync', 'EIO'],
    ['unlink', 'EROFS'],
  ] as const)('%s: %s never hides the exit code of the command, once it has run', async ([call, kind]) => {
    const results = join(scratchFolder(), 'results')
    const marker = join(scratchFolder(), 'ran')
    const env = faulty(results, [call, 0, kind, 'llem.js'])
    const command = ['sh', '-c', `touch ${marker}; exit 7`]
    const { code, stderr } = await llem(['exec', '--simulate', '-o', results, '--', ...command], { env })
    expect(stderr).not.toContain('[BUG]')
    expect(code).toBe(existsSync(marker) ? 7 : 2)
    if (call !== 'unlink') expect(stderr).toMatch(causeOf(kind) ?? /never/)
  })
})
