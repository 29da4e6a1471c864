// Signals of every kind at every process of a campaign, at random moments: nothing that was finished is lost or repeated, no
// process is left, nothing is called a bug. `npm run faults -- --kills 200` for many of them.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { within } from '../backends/processes.js'
import { startProcess } from '../native/llem.js'
import { randomOf, scratchFolder } from '../native/scenario.js'
import { isNight } from '../setup/at-night.js'
import { identities } from './commands.js'

const ENDS = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGSTOP', 'closed terminal'] as const
/** A process, and what its command line holds. */
const TARGETS = {
  campaign: 'bin/llem.js campaign',
  runner: 'dist/bundle/runner.js',
  worker: 'dist/bundle/server-worker.js',
  server: 'telltale-server.mjs',
} as const
type Target = keyof typeof TARGETS
type Kill = [end: (typeof ENDS)[number], target: Target]

const KILLS = Number(process.env.LLEM_TEST_KILLS ?? (isNight ? 12 : 3))
const CYCLES = 2
const STOPPED_MS = 1000
/** What a campaign takes that nothing stops, many times over. */
const HANG_MS = 120_000
/** What a signal interrupts has ended within 5 s; the rest is for a machine that has other work. */
const ORPHAN_MS = 15_000

vi.setConfig({ testTimeout: 120_000 + KILLS * 60_000 })

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const HANG_UP = fileURLToPath(new URL('../cli/hang_up.py', import.meta.url))
const SERVER = fileURLToPath(new URL('../secrets/telltale-server.mjs', import.meta.url))

/** Only the campaign has a terminal; all others are ended by each of the signals. */
const MATRIX: Kill[] = ENDS.flatMap((end) =>
  (Object.keys(TARGETS) as Target[])
    .filter((target) => end !== 'closed terminal' || target === 'campaign')
    .map((target): Kill => [end, target]),
)

function campaign() {
  const dir = scratchFolder()
  const results = join(dir, 'results')
  const path = join(dir, 'campaign.yaml')
  writeFileSync(
    path,
    `campaign_name: kills
model: fake
backend: server
n_prompts: 2
server: { command: [${process.execPath}, ${SERVER}, good, --port, "{port}", --model, "{model}"] }
baseline: { enabled: false }
warmup: { enabled: false }
generation: { max_tokens: 4 }
health_check: { enabled: false }
experiments: [{}]
execution: { cycles: ${CYCLES}, config_gap_seconds: 0, cycle_gap_seconds: 0 }
io: { results_dir: ${results} }
`,
  )
  const args = [BIN, 'campaign', path, '--simulate', '--yes', '-q', '--json', '--force-cold-start']
  // Whatever descends from it has this in its environment.
  const tag = `KILLS_TAG=${dir}`
  const env = { KILLS_TAG: dir }
  return {
    results,
    start: () => startProcess(process.execPath, args, { env }),
    startOnTerminal: (seconds: number) =>
      startProcess('python3', [HANG_UP, String(seconds), process.execPath, ...args], { env }),
    /** Its processes, as far as they hold a text. */
    processes: (text = '') => pidsOf(tag, text),
  }
}

function pidsOf(tag: string, text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [line, env, status] = ['cmdline', 'environ', 'status'].map((file) =>
          readFileSync(`/proc/${pid}/${file}`, 'utf8'),
        )
        const isOwn = env?.split('\0').includes(tag) === true
        return (
          isOwn &&
          line?.replaceAll('\0', ' ').includes(text) === true &&
          !/^State:\s+[ZX]/m.test(status ?? '')
        )
      } catch {
        return false
      }
    })
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It was faster.
  }
}

/** Answers whether anything was there to be killed. */
async function killed([end, target]: Kill, waitMs: number): Promise<boolean> {
  const { results, start, startOnTerminal, processes } = campaign()
  let wasHit = true
  const isClosed = end === 'closed terminal'
  const { child, ended } = isClosed ? startOnTerminal(waitMs / 1000) : start()
  const timer = setTimeout(() => child.kill('SIGKILL'), HANG_MS)
  if (!isClosed) {
    // The campaign may be hit at any moment of its life, the others once they are there.
    const isThere = () => child.exitCode !== null || processes(TARGETS[target]).length > 0
    if (target !== 'campaign') await within(HANG_MS, isThere)
    await sleep(waitMs)
    const [pid] = processes(TARGETS[target])
    wasHit = pid !== undefined
    if (pid !== undefined) signal(pid, end)
    if (pid !== undefined && end === 'SIGSTOP') await sleep(STOPPED_MS).then(() => signal(pid, 'SIGCONT'))
  }
  const { stdout, stderr, tookMs } = await ended.finally(() => clearTimeout(timer))
  expect(tookMs, 'it hangs').toBeLessThan(HANG_MS)
  const isAlone = await within(ORPHAN_MS, () => processes().length === 0)
  const left = processes()
  for (const pid of left) signal(pid, 'SIGKILL')
  expect({ isAlone, left }, 'orphans').toEqual({ isAlone: true, left: [] })
  expect(`${stdout}${stderr}`).not.toMatch(/bug in llem|"BUG"|\[BUG\]/)
  const before = identities(results)
  checkTold({ stdout, stderr }, [end, target], before.size)
  const again = await start().ended
  expect(again, again.stderr).toMatchObject({ code: 0 })
  const after = identities(results)
  expect(after.size).toBe(CYCLES)
  for (const [run, id] of before) expect(after.get(run), `${run} is kept`).toBe(id)
  return wasHit
}

/** A campaign that goes on says of a run that failed why it did. */
function checkTold(
  { stdout }: { stdout: string; stderr: string },
  [end, target]: Kill,
  finished: number,
): void {
  if (target === 'campaign' || end === 'SIGSTOP' || finished === CYCLES) return
  const { entries } = JSON.parse(stdout) as {
    entries: { status: string; error: { message: string } | null }[]
  }
  const errors = entries.flatMap(({ status, error }) => (status === 'failed' ? [error?.message ?? ''] : []))
  expect(errors.length).toBeGreaterThan(0)
  for (const message of errors) expect(message).toMatch(/worker|server|runner|experiment|was killed by/)
}

it(`${KILLS} ends of processes lose nothing, repeat nothing and leave no process`, { retry: 0 }, async () => {
  const random = randomOf(Number(process.env.LLEM_TEST_SEED ?? 13))
  const problems: string[] = []
  let hits = 0
  for (let index = 0; index < KILLS; index++) {
    // In steps of 5, which has no divisor in common with the number of kinds, so that a sample has some of each.
    const kill = MATRIX[(index * 5) % MATRIX.length]
    if (kill === undefined) throw new Error('there is no such kill')
    const waitMs = Math.round(random() * (kill[1] === 'campaign' ? 3000 : 500))
    await killed(kill, waitMs).then(
      (wasHit) => {
        hits += wasHit ? 1 : 0
      },
      (error: Error) => {
        problems.push(`${kill.join(' at ')} after ${waitMs} ms: ${error.message}`)
        console.log(problems.at(-1))
      },
    )
  }
  console.log(`${KILLS} kills, ${hits} met a process, ${problems.length} problems`)
  expect(problems).toEqual([])
})
