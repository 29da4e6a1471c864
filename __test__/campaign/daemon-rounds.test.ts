// The daemon as a process, in real time, over a simulated GPU and a tiny model.

import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { type DaemonState, readDaemon } from '../../dist/campaign/daemon-file.js'
import type { Manifest } from '../../dist/campaign/manifest.js'
import { isRunning, within } from '../backends/processes.js'
import { childrenOf } from '../cli/experiment.js'
import type { Ended } from '../native/llem.js'
import { atNight, byDay } from '../setup/at-night.js'
import {
  type CampaignUnderTest,
  campaignOf,
  processesWith,
  resultsIn,
  runs,
  shortCampaign,
} from './running.js'

vi.setConfig({ testTimeout: 120_000 })

interface DaemonUnderTest extends CampaignUnderTest {
  begin(...args: string[]): Begun
  state(): DaemonState
}

interface Begun {
  child: ChildProcess
  ended: Promise<Ended>
  /** Resolves once stderr has this text; fails when llem ends before. */
  says(text: string): Promise<void>
  /** Ends it by a signal, and says how long that took and what it left. */
  stop(signal: NodeJS.Signals): Promise<Ended & { stopMs: number }>
}

const children = new Set<ChildProcess>()
// Of a test that fails nothing is to be left.
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

function daemonOf(
  daemon: string,
  { experiments = 1, execution = 'cycles: 1', prompts = 2 } = {},
): DaemonUnderTest {
  const text = shortCampaign(experiments, execution, `daemon: { enabled: true, ${daemon} }`)
  const campaign = campaignOf(text.replace('n_prompts: 2', `n_prompts: ${prompts}`))
  const begin = (...args: string[]): Begun => {
    const { child, ended } = campaign.start(...args)
    children.add(child)
    let stderr = ''
    child.stderr?.on('data', (part: string) => {
      stderr += part
    })
    return {
      child,
      ended,
      says: async (part) => {
        const said = await within(30_000, () => stderr.includes(part) || child.exitCode !== null)
        if (!said || !stderr.includes(part)) throw new Error(`llem did not say ${part}, but: ${stderr}`)
      },
      stop: async (signal) => {
        const startMs = performance.now()
        child.kill(signal)
        return { ...(await ended), stopMs: performance.now() - startMs }
      },
    }
  }
  const state = () => {
    const found = readDaemon(campaign.dir())
    if (found === null) throw new Error('there is no daemon.json')
    return found
  }
  return { ...campaign, begin, state }
}

/** Ends a daemon by a signal, and holds it against what every end must be. */
async function stopped(
  daemon: DaemonUnderTest,
  { stop }: Pick<Begun, 'stop'>,
  signal: NodeJS.Signals,
  where: string,
): Promise<{ status: Manifest; stdout: string; stderr: string }> {
  const { code, stdout, stderr, stopMs } = await stop(signal)
  console.info(`${signal} ${where}: ${stopMs.toFixed(0)} ms`)
  expect({ code, stderr }).toMatchObject({ code: 130 })
  expect(stopMs).toBeLessThan(5000)
  expect(stderr).toContain(
    `llem: the daemon was stopped ${where}. Run it again to go on: its rounds keep their schedule. [INTERRUPTED]\n`,
  )
  expect(daemon.state()).toMatchObject({ state: 'interrupted', next_at: null })
  const status = await daemon.status()
  expect(status).toMatchObject({ state: 'interrupted', counts: { running: 0, failed: 0 } })
  expect(processesWith(daemon.resultsDir)).toEqual([])
  return { status, stdout, stderr }
}

/** When the first run of each cycle began, by its own record. */
function runStarts(dir: string): string[] {
  const [name = ''] = readdirSync(join(dir, 'runs'))
  const cycles = readdirSync(join(dir, 'runs', name)).sort()
  return cycles.map(
    (cycle) => JSON.parse(readFileSync(join(dir, 'runs', name, cycle, 'run.json'), 'utf8')).started_at,
  )
}

describe('a daemon of three rounds at 10 s', () => {
  it('begins each within 100 ms of its schedule, and ends within 5 s of SIGTERM', async () => {
    const daemon = daemonOf('interval: 10s')
    const { says, stop } = daemon.begin()
    await says('Daemon: round 3 ended')
    const { status, stdout, stderr } = await stopped(daemon, { stop }, 'SIGTERM', 'between rounds')
    const { rounds, first_at, rounds_missed } = daemon.state()
    expect(rounds.map((round) => round.state)).toEqual(['completed', 'completed', 'completed'])
    const starts = runStarts(daemon.dir())
    let start = 0
    const lateMs = rounds.flatMap(({ scheduled_at, started_at, missed_before }, index) => {
      // On a machine that others use too a round may take longer than 10 s; then the next is one start later.
      start += missed_before + (index === 0 ? 0 : 1)
      const dueMs = Date.parse(first_at) + start * 10_000
      expect(Date.parse(scheduled_at)).toBe(dueMs)
      return [Date.parse(String(started_at)) - dueMs, Date.parse(String(starts[index])) - dueMs]
    })
    expect(start).toBe(2 + rounds_missed)
    console.info(`rounds and their first runs began late by ${lateMs.join(', ')} ms`)
    for (const late of lateMs) {
      expect(late).toBeGreaterThanOrEqual(0)
      expect(late).toBeLessThan(100)
    }
    // One store, and one set of results.
    expect([...resultsIn(daemon.dir()).values()].map((results) => results.length)).toEqual([1, 1, 1])
    expect(stdout).toBe('')
    expect(status).toMatchObject({ state: 'interrupted', rounds: 3, counts: { completed: 3, pending: 0 } })
    // Quiet: the terminal has lines about rounds, the log everything.
    const others = /^(SIMULATED|Generated|Campaign folder|SIGTERM|llem: the daemon was stopped|$)/
    const lines = stderr.split('\n').filter((line) => !others.test(line))
    expect(lines.filter((line) => !line.startsWith('Daemon: '))).toEqual([])
    const log = readFileSync(join(daemon.dir(), 'daemon.log'), 'utf8')
    for (const line of lines) expect(log).toContain(` ${line}\n`)
    expect(log).toMatch(/ Campaign: 1\/1, llamacpp_tiny_max_tokens=4, cycle 3/)
  })
})

describe.concurrent('--require-energy of a daemon', () => {
  // Two prompts of a tiny model last a few milliseconds, which is too short for an energy.
  const lost =
    /^llem: The energy was not measured, .* completed runs have none: the window of .* \[ENERGY_LOST\]$/m

  atNight('is exit code 1 where joules were lost: at its own end, and where a signal ends it', async () => {
    const own = daemonOf('interval: 1h, total_duration: 1s')
    const { code, stderr } = await own.begin('--require-energy').ended
    expect(stderr).toMatch(lost)
    expect(code).toBe(1)
    const daemon = daemonOf('interval: 1h')
    const begun = daemon.begin('--require-energy')
    await begun.says('Daemon: round 1 ended')
    const ended = await begun.stop('SIGTERM')
    expect(ended.stderr).toContain('[INTERRUPTED]')
    expect(ended.stderr).toMatch(lost)
    expect(ended.code).toBe(1)
  })

  it('is no exit code of its own where nothing was lost', async () => {
    const daemon = daemonOf(`at: "${new Date(Date.now() + 6 * 3600_000).toISOString().slice(11, 16)}"`)
    const begun = daemon.begin('--require-energy')
    await begun.says('Daemon: waiting until')
    await begun.stop('SIGTERM').then(({ code }) => expect(code).toBe(130))
  })
})

describe.concurrent('a daemon ends cleanly within 5 s of', () => {
  it('SIGTERM and SIGINT while it waits for `at`, in which nobody else may run the campaign', async ({
    expect,
  }) => {
    const inSixHours = new Date(Date.now() + 6 * 3600_000).toISOString().slice(11, 16)
    const daemon = daemonOf(`at: "${inSixHours}", time_zone: UTC`)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const begun = daemon.begin()
      await begun.says(`Daemon: waiting until ${inSixHours} to start campaign (`)
      await expect.poll(async () => (await daemon.status()).state).toBe('waiting')
      if (signal === 'SIGTERM') expect(await daemon.run('--no-daemon')).toMatchObject({ code: 2 })
      const { status } = await stopped(daemon, begun, signal, 'before its first round')
      expect(status.entries).toEqual([])
    }
  })

  it('SIGTERM in a run, and a kill there; then it goes on with the same round', async ({ expect }) => {
    const daemon = daemonOf('interval: 1h', { experiments: 2, prompts: 200 })
    const first = daemon.begin()
    await runs(daemon.dir)
    expect(await within(10_000, () => childrenOf(first.child.pid).length > 0)).toBe(true)
    const pids = childrenOf(first.child.pid)
    const { status } = await stopped(daemon, first, 'SIGTERM', 'in round 1')
    expect(status.counts).toMatchObject({ pending: 2 })
    for (const pid of pids) expect(isRunning(pid)).toBe(false)
    const before = daemon.state()

    const second = daemon.begin()
    await second.says('Daemon: round 1 goes on where it was stopped\n')
    const oneDone = () => resultsIn(daemon.dir()).size === 1
    expect(await within(60_000, oneDone)).toBe(true)
    second.child.kill('SIGKILL')
    await second.ended
    expect((await daemon.status()).state).toBe('interrupted')
    const finished = resultsIn(daemon.dir())

    const third = daemon.begin()
    await third.says('Daemon: round 1 goes on where it was stopped\n')
    await third.says('Daemon: round 1 ended: 2 of 2 runs completed\n')
    await third.says('Daemon: round 2 begins at ')
    const after = daemon.state()
    expect(after.first_at).toBe(before.first_at)
    expect(after.rounds).toHaveLength(1)
    expect(after.rounds[0]?.started_at).toBe(before.rounds[0]?.started_at)
    const all = resultsIn(daemon.dir())
    for (const [run, results] of finished) expect(all.get(run)).toEqual(results)
    expect([...all.values()].map((results) => results.length)).toEqual([1, 1])
    await expect.poll(async () => (await daemon.status()).state).toBe('waiting')
    const between = await stopped(daemon, third, 'SIGTERM', 'between rounds')
    expect(between.status).toMatchObject({ rounds: 1, counts: { completed: 2, pending: 0 } })

    // A kill between rounds: the next keeps the schedule.
    const fourth = daemon.begin()
    await fourth.says('Daemon: round 2 begins at ')
    const { next_at } = daemon.state()
    expect(Date.parse(String(next_at)) - Date.parse(before.first_at)).toBe(3600_000)
    fourth.child.kill('SIGKILL')
    await fourth.ended
    expect((await daemon.status()).state).toBe('interrupted')
    const fifth = daemon.begin()
    await fifth.says('Daemon: round 2 begins at ')
    expect(daemon.state().next_at).toBe(next_at)
    await stopped(daemon, fifth, 'SIGINT', 'between rounds')
  })

  it.for(byDay(1, ['the worker', 'the process that runs the experiment']))(
    'SIGTERM while %s hangs',
    async (what) => {
      const daemon = daemonOf('interval: 1h', { prompts: 5000 })
      const begun = daemon.begin()
      await runs(daemon.dir)
      const isWorker = (pid: number) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('llamacpp')
      const workers = () =>
        childrenOf(begun.child.pid).flatMap((runner) => childrenOf(runner).filter(isWorker))
      expect(await within(30_000, () => workers().length > 0)).toBe(true)
      const pids = [...workers(), ...childrenOf(begun.child.pid)]
      process.kill(Number(what === 'the worker' ? pids[0] : pids.at(-1)), 'SIGSTOP')
      await stopped(daemon, begun, 'SIGTERM', 'in round 1')
      expect(await within(5000, () => !pids.some(isRunning))).toBe(true)
    },
  )

  atNight('SIGINT in a gap', async () => {
    const daemon = daemonOf('interval: 1h', { experiments: 2, execution: 'cycles: 1' })
    daemon.rewrite(
      shortCampaign(
        2,
        'cycles: 1, config_gap_seconds: 600',
        'daemon: { enabled: true, interval: 1h }',
      ).replace('config_gap_seconds: 0, ', ''),
    )
    const begun = daemon.begin()
    expect(await within(30_000, () => hasResult(daemon))).toBe(true)
    await sleep(300)
    await stopped(daemon, begun, 'SIGINT', 'in round 1')
  })

  atNight('SIGTERM at any moment of its beginning', async () => {
    const daemon = daemonOf('interval: 1h', { prompts: 500 })
    const moments = [250, 500, 700, 900, 1300].map((ms) => () => sleep(ms))
    // On a machine that others use too there may be nothing of it after a second or two.
    for (const moment of [...moments, () => runs(daemon.dir)]) {
      const { child, stop } = daemon.begin('-q')
      await moment()
      const { code, signal, stopMs } = await stop('SIGTERM')
      // Before it can do anything about it the signal itself ends it.
      expect(code ?? signal).toSatisfy((end) => end === 130 || end === 'SIGTERM')
      expect(stopMs).toBeLessThan(5000)
      expect(isRunning(Number(child.pid))).toBe(false)
      expect(await within(5000, () => processesWith(daemon.resultsDir).length === 0)).toBe(true)
    }
    const { counts } = await daemon.status()
    expect(counts).toMatchObject({ running: 0, failed: 0 })
  })
})

function hasResult(daemon: DaemonUnderTest): boolean {
  try {
    return resultsIn(daemon.dir()).size === 1
  } catch {
    return false
  }
}

describe.concurrent('a daemon on the command line', () => {
  it('only looked at tells when its rounds would be, and leaves nothing', async () => {
    const daemon = daemonOf('at: "02:30", time_zone: Europe/Berlin, interval: 1d, total_duration: 30d')
    const { code, stdout } = await daemon.run('--dry-run')
    expect(code).toBe(0)
    expect(stdout).toContain('Left: 1 runs; gaps alone take 0s.')
    expect(stdout).toMatch(
      /\nRounds: every 1d, for 30d, missed ones: skip\. Started now, it would begin them at\n( {2}\d{4}-\d\d-\d\d 02:30:00 \+0[12]:00 \(Europe\/Berlin\)\n){5} {2}\.\.\.\n$/,
    )
    const json = JSON.parse((await daemon.run('--dry-run', '--json')).stdout)
    expect(json.next_rounds).toHaveLength(5)
    expect(json.experiments).toHaveLength(1)
    expect(() => daemon.dir()).toThrow('no such file')
  })

  atNight('runs once with --no-daemon, and is none without rounds', async () => {
    const daemon = daemonOf('interval: 1h')
    expect(await daemon.run('--no-daemon')).toMatchObject({ code: 0 })
    expect(await daemon.status()).toMatchObject({ state: 'completed', rounds: 1, daemon: null })
    const plain = campaignOf(shortCampaign(1))
    const { code, stderr } = await plain.run('--daemon')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^llem: a daemon needs daemon\.at, .* \[DAEMON_WITHOUT_ROUNDS\]\n$/)
  })

  atNight('that is not quiet shows what a campaign shows; its log has it too', async () => {
    const daemon = daemonOf('interval: 1h, total_duration: 1s, quiet: false')
    const { code, stderr } = await daemon.run()
    expect(code).toBe(0)
    expect(stderr).toContain('\nCampaign: 1 run\n')
    const status = await daemon.run('--dry-run')
    expect(status.stdout).toMatch(/^# {2}cycle {2}experiment .*\n1 {6}2 {2}llamacpp_tiny_max_tokens=4/)
  })
})
