// The daemon's own loop, store and files, under a clock that the test moves. Only the experiments are not there: what
// stands for their executor takes as long as it is told to, and leaves a result.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runDaemon } from '../../dist/campaign/daemon.js'
import type { Clock } from '../../dist/campaign/daemon-clock.js'
import { type DaemonState, readDaemon } from '../../dist/campaign/daemon-file.js'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import { type Manifest, manifestOf } from '../../dist/campaign/manifest.js'
import { RunRecords } from '../../dist/campaign/records.js'
import { runCampaign } from '../../dist/campaign/run.js'
import { statisticsOf } from '../../dist/campaign/statistics.js'
import { type DaemonKeys, daemonSchema } from '../../dist/config/schema-daemon.js'
import type { Executor } from '../../dist/executors/executor.js'
import { interrupted } from '../../dist/progress/wait.js'
import { scratchFolder } from '../native/scenario.js'
import { PLAIN, UNTOLD } from './plain.js'
import { loaded, planned, problemsOf } from './written.js'

const START = Date.parse('2026-01-01T00:00:00Z')

/** A campaign of two experiments and one cycle, in a folder and a world of its own. */
async function world({ cycles = 1, maxEqualFailures = 5 } = {}) {
  const plan = planned(`campaign_name: c
grid: { models: [A, B] }
execution: { cycles: ${cycles}, config_gap_seconds: 0, cycle_gap_seconds: 0, max_equal_failures: ${maxEqualFailures} }
`)
  const dir = await openCampaignFolder(scratchFolder(), plan)
  let nowMs = START
  let runs = 0
  const told: string[] = []
  const controller = { current: new AbortController() }
  /** What happens when it sleeps: the moments of sleep, by their end. */
  const sleeps: number[] = []
  const behaviour = {
    /** Seconds that a run takes, and what it ends with. */
    run: (_run: number): { takesS: number; error?: Error } => ({ takesS: 1 }),
    /** What passes whenever the clock is looked at. */
    lookMs: 0,
    /** When a sleep ends. */
    wake: (atMs: number): number => atMs,
  }
  const clock: Clock = {
    nowMs: () => {
      const shown = nowMs
      nowMs += behaviour.lookMs
      return shown
    },
    sleepUntil: async (atMs) => {
      if (controller.current.signal.aborted) throw interrupted(null)
      sleeps.push(atMs)
      nowMs = Math.max(nowMs, behaviour.wake(atMs))
      if (controller.current.signal.aborted) throw interrupted(null)
    },
  }
  const executor: Executor = {
    name: 'instant',
    run: async ({ output_dir }) => {
      runs += 1
      const { takesS, error } = behaviour.run(runs)
      nowMs += takesS * 1000
      if (error !== undefined) throw error
      const result_path = join(output_dir, `attempt-${runs}`, 'result.json')
      mkdirSync(join(output_dir, `attempt-${runs}`))
      writeFileSync(result_path, '{}')
      return {
        ...UNTOLD,
        experiment_id: `run-${runs}`,
        result_path,
        config_hash: 'x',
        energy_j: 100 + runs,
        energy_problem: null,
        energy_reason: null,
        energy_per_output_token_j: 1 + runs / 100,
        tokens_per_second: 1,
        output_tokens: 100,
        inference_s: takesS,
        e2e_p50_ms: 1,
        warnings: 0,
        load_s: null,
        load_energy_j: null,
        disk_bytes: 1,
      }
    },
    close: async () => undefined,
    responds: async () => null,
    restart: async () => undefined,
  }
  const shared = {
    dir,
    executor,
    ...PLAIN,
  }
  return {
    plan,
    dir,
    told,
    sleeps,
    behaviour,
    records: () => new RunRecords(dir, plan, { isLive: false }),
    goForward: (seconds: number) => {
      nowMs += seconds * 1000
    },
    interrupt: () => controller.current.abort(new Error('SIGTERM')),
    plainly: () => runCampaign(plan, { ...shared, signal: undefined }),
    daemon: (keys: Partial<DaemonKeys>): Promise<Manifest> => {
      controller.current = new AbortController()
      return runDaemon(plan, {
        ...shared,
        daemon: daemonSchema.parse({ enabled: true, time_zone: 'UTC', ...keys }),
        clock,
        signal: controller.current.signal,
        tell: (text) => told.push(text),
      })
    },
    state: (): DaemonState => {
      const state = readDaemon(dir)
      if (state === null) throw new Error('there is no daemon.json')
      return state
    },
    /** Seconds since the beginning at which each round was due and began. */
    rounds: () =>
      (readDaemon(dir)?.rounds ?? []).map(({ round, scheduled_at, started_at, state }) => ({
        round,
        dueS: (Date.parse(scheduled_at) - START) / 1000,
        startedS: (Date.parse(String(started_at)) - START) / 1000,
        state,
      })),
  }
}

const onTime = (round: number, atS: number) => ({
  round,
  dueS: atS,
  startedS: atS,
  state: 'completed' as const,
})

describe('a daemon of three rounds at 10 s', () => {
  it('begins them on schedule, whatever they take, and says when its time is over', async () => {
    const { daemon, rounds, told, behaviour, state } = await world()
    behaviour.run = (run) => ({ takesS: run % 3 })
    expect(await daemon({ interval: '10s', total_duration: '30s' })).toMatchObject({
      state: 'completed',
      rounds: 3,
      counts: { completed: 6 },
    })
    expect(rounds()).toEqual([onTime(1, 0), onTime(2, 10), onTime(3, 20)])
    expect(told).toEqual([
      'Daemon: round 1 begins',
      'Daemon: round 1 ended: 2 of 2 runs completed',
      'Daemon: round 2 begins at 2026-01-01 00:00:10 +00:00 (UTC)',
      'Daemon: round 2 begins',
      'Daemon: round 2 ended: 2 of 2 runs completed',
      'Daemon: round 3 begins at 2026-01-01 00:00:20 +00:00 (UTC)',
      'Daemon: round 3 begins',
      'Daemon: round 3 ended: 2 of 2 runs completed',
      'Daemon: total duration 30s reached, stopping after 3 cycles in 3 rounds',
    ])
    expect(state()).toMatchObject({ state: 'ended', rounds_begun: 3, rounds_missed: 0, next_at: null })
  })

  it('has one store: cycles go on counting, and all of them are one set for the statistics', async () => {
    const { daemon, plan, dir, records } = await world({ cycles: 2 })
    const { entries } = await daemon({ interval: '10s', total_duration: '30s' })
    const ofA = entries.filter(({ name }) => name === plan.experiments[0]?.name)
    expect(ofA.map(({ cycle, round }) => `${cycle} of ${round}`)).toEqual([
      '1 of 1',
      '2 of 1',
      '3 of 2',
      '4 of 2',
      '5 of 3',
      '6 of 3',
    ])
    expect(statisticsOf(plan, records()).map(({ cycles, energy_j }) => [cycles, energy_j?.n])).toEqual([
      [6, 6],
      [6, 6],
    ])
    const [first] = plan.experiments
    const record = readFileSync(join(dir, 'runs', String(first?.name), 'cycle-5', 'run.json'), 'utf8')
    expect(JSON.parse(record)).toMatchObject({ round: 3, status: 'completed' })
    // Looked at from outside it is the same.
    const { manifest } = await manifestOf(dir)
    expect(manifest).toMatchObject({ state: 'completed', rounds: 3, counts: { completed: 12, pending: 0 } })
    const onDisk = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'))
    expect(onDisk.entries).toEqual(manifest.entries)
  })
})

describe('a round that takes longer than the interval', () => {
  it('remembers no more of each than its statistics and its manifest need', async () => {
    const { daemon, dir, records, rounds, plan } = await world()
    await daemon({ interval: '10s', total_duration: '1050s' })
    expect(rounds().map(({ round }) => round)).toEqual(Array.from({ length: 100 }, (_, index) => index + 6))
    const kept = records()
    const all = [...kept.runs()].map((run) => kept.of(run))
    expect(all).toHaveLength(105 * plan.experiments.length)
    const { summary } = all[0] ?? {}
    expect(Object.values(summary ?? {}).filter((value) => typeof value === 'string')).toEqual([])
    // The file has all of it.
    const folder = join(dir, 'runs', String(plan.experiments[0]?.name), 'cycle-1')
    const written = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8'))
    expect(written.summary).toMatchObject({ experiment_id: 'run-1', config_hash: 'x', inference_s: 1 })
  })

  it('but one that begins at once is not missed for what is written before', async () => {
    const { daemon, behaviour, state } = await world()
    behaviour.lookMs = 30
    await daemon({ interval: '10s', total_duration: '30s' })
    expect(state()).toMatchObject({ rounds_begun: 3, rounds_missed: 0 })
  })

  it('makes the starts that passed be skipped, and counted', async () => {
    const { daemon, rounds, told, behaviour, state } = await world()
    behaviour.run = (run) => ({ takesS: run <= 2 ? 12.5 : 1 })
    await daemon({ interval: '10s', total_duration: '50s' })
    expect(rounds()).toEqual([onTime(1, 0), onTime(2, 30), onTime(3, 40)])
    expect(told).toContain('Daemon: 2 rounds were missed')
    expect(state()).toMatchObject({ rounds_missed: 2 })
    expect(state().rounds.map(({ missed_before }) => missed_before)).toEqual([0, 2, 0])
  })

  it('with `missed_rounds: once` is followed by one at once, and the schedule stays', async () => {
    const { daemon, rounds, behaviour, state } = await world()
    behaviour.run = (run) => ({ takesS: run <= 2 ? 12.5 : 1 })
    await daemon({ interval: '10s', total_duration: '50s', missed_rounds: 'once' })
    expect(rounds().map(({ dueS, startedS }) => [dueS, startedS])).toEqual([
      [0, 0],
      [20, 25],
      [30, 30],
      [40, 40],
    ])
    expect(state()).toMatchObject({ rounds_missed: 1 })
  })

  it('and passes the end of the total duration is finished, and is the last', async () => {
    const { daemon, rounds, behaviour } = await world()
    behaviour.run = () => ({ takesS: 20 })
    const { counts } = await daemon({ interval: '10s', total_duration: '15s' })
    expect(rounds()).toHaveLength(1)
    expect(counts.completed).toBe(2)
  })
})

describe('`at`', () => {
  it('is waited for, and told', async () => {
    const { daemon, told, rounds, sleeps } = await world()
    await daemon({ at: '02:30', time_zone: 'Asia/Kolkata', interval: '6h', total_duration: '12h' })
    expect(told[0]).toBe(
      'Daemon: waiting until 02:30 to start campaign (2026-01-02 02:30:00 +05:30 (Asia/Kolkata))',
    )
    expect(rounds().map(({ dueS }) => dueS / 3600)).toEqual([21, 27])
    expect(sleeps[0]).toBe(Date.parse('2026-01-01T21:00:00Z'))
  })

  it('without an interval is one round', async () => {
    const { daemon, rounds, state } = await world()
    await daemon({ at: '05:00' })
    expect(rounds()).toEqual([onTime(1, 5 * 3600)])
    expect(state().state).toBe('ended')
  })

  it('is waited for by a campaign that has no run yet, and none that is pending', async () => {
    const { daemon, dir, behaviour, interrupt } = await world()
    let during: Manifest | undefined
    const seen = (async () => {
      behaviour.wake = (atMs) => {
        interrupt()
        return atMs - 1000
      }
      await expect(daemon({ at: '05:00' })).rejects.toMatchObject({
        code: 'INTERRUPTED',
        message: 'the daemon was stopped before its first round',
      })
      during = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8'))
    })()
    await seen
    expect(during).toMatchObject({ state: 'interrupted', rounds: 0, entries: [] })
    expect((await manifestOf(dir)).manifest).toMatchObject({ state: 'interrupted', rounds: 0, entries: [] })
  })
})

describe('a machine that was asleep', () => {
  it('past a start has missed it, and the next are on schedule', async () => {
    const { daemon, rounds, behaviour, state } = await world()
    let sleep = 0
    behaviour.wake = (atMs) => {
      sleep += 1
      return sleep === 1 ? atMs + 2.5 * 3600_000 : atMs
    }
    await daemon({ interval: '1h', total_duration: '6h' })
    expect(rounds().map(({ dueS, startedS }) => [dueS / 3600, startedS / 3600])).toEqual([
      [0, 0],
      [4, 4],
      [5, 5],
    ])
    expect(state().rounds_missed).toBe(3)
  })

  it('with `once` makes up for it as soon as it is awake', async () => {
    const { daemon, rounds, behaviour } = await world()
    let sleep = 0
    behaviour.wake = (atMs) => {
      sleep += 1
      return sleep === 1 ? atMs + 2.5 * 3600_000 : atMs
    }
    await daemon({ interval: '1h', total_duration: '6h', missed_rounds: 'once' })
    expect(rounds().map(({ dueS, startedS }) => [dueS / 3600, startedS / 3600])).toEqual([
      [0, 0],
      [3, 3.5],
      [4, 4],
      [5, 5],
    ])
  })

  it('for some seconds only begins the round late', async () => {
    const { daemon, rounds, behaviour } = await world()
    behaviour.wake = (atMs) => atMs + 8000
    await daemon({ interval: '1h', total_duration: '2h' })
    expect(rounds().map(({ dueS, startedS }) => [dueS, startedS])).toEqual([
      [0, 0],
      [3600, 3608],
    ])
  })
})

describe('a round that goes wrong', () => {
  const failure = () => Object.assign(new Error('the worker died'), { code: 'WORKER_DIED' })

  it('by runs that fail does not end the daemon', async () => {
    const { daemon, behaviour, told } = await world()
    behaviour.run = (run) => (run <= 2 ? { takesS: 1, error: failure() } : { takesS: 1 })
    const { counts, state } = await daemon({ interval: '10s', total_duration: '20s' })
    expect({ counts, state }).toMatchObject({ state: 'completed', counts: { failed: 2, completed: 2 } })
    expect(told).toContain('Daemon: round 1 ended: 0 of 2 runs completed, 2 failed')
  })

  it('by as many equal failures as pause a campaign ends that round only; what it left is skipped', async () => {
    const { daemon, behaviour, state } = await world({ maxEqualFailures: 1 })
    behaviour.run = (run) => (run === 1 ? { takesS: 1, error: failure() } : { takesS: 1 })
    const { counts, entries } = await daemon({ interval: '10s', total_duration: '20s' })
    expect(counts).toMatchObject({ failed: 1, skipped: 1, completed: 2, pending: 0 })
    expect(entries.map(({ round, status }) => `${round} ${status}`)).toEqual([
      '1 failed',
      '1 skipped',
      '2 completed',
      '2 completed',
    ])
    expect(state().rounds.map((round) => round.state)).toEqual(['paused', 'completed'])
    expect(state().rounds[0]?.reason).toBe('1 runs in a row failed: the worker died [BUG]')
  })

  it('by something that nobody expected does not end the daemon either', async () => {
    const { daemon, behaviour, dir, plan, state } = await world()
    let sleep = 0
    const blocked = join(dir, 'runs', String(plan.experiments[0]?.name), 'cycle-2')
    behaviour.wake = (atMs) => {
      sleep += 1
      // A file where the folder of the second round's run should be.
      if (sleep === 1) writeFileSync(blocked, '')
      return atMs
    }
    await daemon({ interval: '10s', total_duration: '30s' })
    expect(state().rounds.map((round) => round.state)).toEqual(['completed', 'failed', 'completed'])
    expect(state().rounds[1]?.reason).toMatch(/EEXIST|ENOTDIR/)
  })
})

describe('a daemon that is stopped', () => {
  const keys = { interval: '10s', total_duration: '60s' }

  it('in a run and started again in time goes on with its round, and keeps the schedule', async () => {
    const { daemon, behaviour, interrupt, goForward, rounds, told, state, dir } = await world()
    behaviour.run = (run) => {
      if (run === 4) interrupt()
      return run === 4 ? { takesS: 1, error: new Error('ended') } : { takesS: 1 }
    }
    await expect(daemon(keys)).rejects.toMatchObject({
      code: 'INTERRUPTED',
      message: 'the daemon was stopped in round 2',
      hint: 'Run it again to go on: its rounds keep their schedule.',
    })
    expect(state()).toMatchObject({ state: 'interrupted', rounds_begun: 2 })
    expect((await manifestOf(dir)).manifest).toMatchObject({
      state: 'interrupted',
      rounds: 2,
      counts: { completed: 3, failed: 0, pending: 1 },
    })
    goForward(3)
    const { counts } = await daemon(keys)
    expect(told).toContain('Daemon: round 2 goes on where it was stopped')
    expect(rounds()).toEqual([1, 2, 3, 4, 5, 6].map((round) => onTime(round, (round - 1) * 10)))
    expect(counts).toMatchObject({ completed: 12 })
  })

  it('and started again when the time of its round is over leaves the rest of it', async () => {
    const { daemon, behaviour, interrupt, goForward, rounds, state } = await world()
    behaviour.run = (run) => {
      if (run === 4) interrupt()
      return run === 4 ? { takesS: 1, error: new Error('ended') } : { takesS: 1 }
    }
    await expect(daemon(keys)).rejects.toMatchObject({ code: 'INTERRUPTED' })
    goForward(21)
    const { counts } = await daemon(keys)
    expect(rounds()).toEqual([
      onTime(1, 0),
      { ...onTime(2, 10), state: 'interrupted' },
      onTime(3, 40),
      onTime(4, 50),
    ])
    expect(state()).toMatchObject({ rounds_missed: 2 })
    expect(counts).toMatchObject({ completed: 7, skipped: 1, pending: 0 })
  })

  it('between two rounds says so and keeps the schedule', async () => {
    const { daemon, behaviour, interrupt, rounds } = await world()
    behaviour.wake = (atMs) => {
      interrupt()
      return atMs - 4000
    }
    await expect(daemon(keys)).rejects.toMatchObject({ message: 'the daemon was stopped between rounds' })
    behaviour.wake = (atMs) => atMs
    await daemon(keys)
    expect(rounds()).toEqual([1, 2, 3, 4, 5, 6].map((round) => onTime(round, (round - 1) * 10)))
  })

  it('with another total duration goes on, with another interval begins anew', async () => {
    const { daemon, behaviour, interrupt, rounds, told } = await world()
    behaviour.wake = (atMs) => {
      interrupt()
      return atMs - 4000
    }
    await expect(daemon(keys)).rejects.toThrow()
    behaviour.wake = (atMs) => atMs
    await daemon({ ...keys, total_duration: '20s' })
    expect(rounds().map(({ dueS }) => dueS)).toEqual([0, 10])

    behaviour.wake = (atMs) => {
      interrupt()
      return atMs - 4000
    }
    // Its time was over, so it begins anew, at 12 s; and is stopped at 18 s.
    await expect(daemon(keys)).rejects.toThrow()
    behaviour.wake = (atMs) => atMs
    await daemon({ interval: '7s', total_duration: '14s' })
    expect(told).toContain('Daemon: its schedule has changed, so it begins anew')
    expect(rounds().map(({ round, dueS }) => [round, dueS])).toEqual([
      [1, 0],
      [2, 10],
      [3, 12],
      [4, 18],
      [5, 25],
    ])
  })

  it('by a kill before it wrote down that a round has begun goes on with that round', async () => {
    const { daemon, behaviour, interrupt, rounds, state, dir, plan } = await world()
    behaviour.wake = (atMs) => {
      interrupt()
      return atMs - 4000
    }
    await expect(daemon(keys)).rejects.toThrow()
    const { rounds: begun, ...rest } = state()
    const killed = {
      ...rest,
      state: 'waiting',
      next_at: new Date(START + 10_000).toISOString(),
      next_round: 2,
      rounds: begun,
    }
    writeFileSync(join(dir, 'daemon.json'), JSON.stringify(killed))
    const folder = join(dir, 'runs', String(plan.experiments[0]?.name), 'cycle-2')
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'run.json'),
      JSON.stringify({
        status: 'running',
        started_at: '2026-01-01T00:00:10.002Z',
        completed_at: null,
        result_path: null,
        error: null,
        attempts: 1,
        summary: null,
      }),
    )
    behaviour.wake = (atMs) => atMs
    const { counts } = await daemon({ ...keys, total_duration: '30s' })
    expect(rounds().map(({ round, dueS }) => [round, dueS])).toEqual([
      [1, 0],
      [2, 10],
      [3, 20],
    ])
    expect(rounds()[1]?.startedS).toBe(10.002)
    expect(counts).toMatchObject({ completed: 6, skipped: 0 })
  })

  it('and whose file is damaged begins anew and keeps every result', async () => {
    const { daemon, dir, rounds } = await world()
    await daemon({ interval: '10s', total_duration: '20s' })
    writeFileSync(join(dir, 'daemon.json'), '{"daemon_version": 1, "sta')
    const { counts, rounds: all } = await daemon({ interval: '10s', total_duration: '20s' })
    expect(existsSync(join(dir, 'daemon.json.damaged-1'))).toBe(true)
    expect({ counts, all }).toMatchObject({ all: 4, counts: { completed: 8 } })
    expect(rounds().map(({ round }) => round)).toEqual([3, 4])
  })
})

describe('a daemon and a campaign that is none', () => {
  it('share the folder: what a daemon has skipped is made up for, and rounds go on after cycles', async () => {
    const { daemon, behaviour, plainly, rounds } = await world({ maxEqualFailures: 1 })
    expect(await plainly()).toMatchObject({ state: 'completed', rounds: 1, counts: { completed: 2 } })
    behaviour.run = (run) => (run === 3 ? { takesS: 1, error: new Error('once') } : { takesS: 1 })
    await daemon({ interval: '10s', total_duration: '20s' })
    expect(rounds().map(({ round, state }) => `${round} ${state}`)).toEqual(['2 paused', '3 completed'])
    expect(await plainly()).toMatchObject({
      state: 'completed',
      rounds: 3,
      counts: { completed: 6, skipped: 0 },
    })
  })

  it('have the same hash: the daemon is no part of what is measured', () => {
    const text = 'campaign_name: c\ngrid: { models: [A] }\n'
    const daemon = 'daemon: { enabled: true, at: "02:00", interval: 6h }\n'
    expect(planned(text + daemon)).toEqual(planned(text))
  })
})

describe('the keys of a daemon', () => {
  const problems = (daemon: string) =>
    problemsOf(`campaign_name: c\ngrid: { models: [A] }\ndaemon: ${daemon}\n`)

  it('are off by default', () => {
    expect(loaded('campaign_name: c\ngrid: { models: [A] }\n').keys.daemon).toMatchObject({
      enabled: false,
      quiet: true,
      missed_rounds: 'skip',
    })
  })

  it.for([
    [
      '{ enabled: true }',
      'campaign.yaml:3:20: a daemon needs daemon.at, e.g. "02:30", or daemon.interval, e.g. 6h: without both it has no rounds',
    ],
    [
      '{ enabled: true, interval: 30 }',
      'campaign.yaml:3:36: daemon.interval must be a whole number with s, m, h or d, e.g. 30m or 6h, or null, got 30; put it in quotes',
    ],
    [
      '{ enabled: true, at: "24:00" }',
      'campaign.yaml:3:30: daemon.at must be a time from 00:00 to 23:59, e.g. "02:30", or null, got the text "24:00"',
    ],
    [
      '{ enabled: true, at: 02:00, time_zone: Europe/Berln }',
      'campaign.yaml:3:48: daemon.time_zone must be a time zone of the IANA database, e.g. Europe/Berlin or UTC, or null, got the text "Europe/Berln"; did you mean `Europe/Berlin`?',
    ],
    [
      '{ enabled: true, at: "02:00", time_zone: new york }',
      'campaign.yaml:3:50: daemon.time_zone must be a time zone of the IANA database, e.g. Europe/Berlin or UTC, or null, got the text "new york"; did you mean `America/New_York`?',
    ],
    [
      '{ enabled: true, at: "02:00", time_zone: Atlantis/Deepest }',
      'campaign.yaml:3:50: daemon.time_zone must be a time zone of the IANA database, e.g. Europe/Berlin or UTC, or null, got the text "Atlantis/Deepest"',
    ],
    [
      '{ enabled: true, at: "02:00", total_duration: 1d }',
      'campaign.yaml:3:55: daemon.total_duration (1d) has no meaning without daemon.interval: there is one round',
    ],
    [
      '{ enabled: true, intervall: 6h }',
      'campaign.yaml:3:26: unknown key `intervall` under `daemon`; did you mean `interval`?',
    ],
  ] as const)('%s is refused', ([daemon, problem]) => {
    expect(problems(daemon)).toEqual([problem])
  })
})
