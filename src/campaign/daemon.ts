// A campaign over and over: wait for the next start, run one round, until the time is over or somebody says stop. All
// rounds are of one store: their cycles go on counting.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DaemonKeys } from '../config/schema-daemon.js'
import { LlemError, messageOf } from '../core/errors.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { claimCampaign } from './claim.js'
import type { Clock } from './daemon-clock.js'
import { DaemonFile, type DaemonState, LATEST_ROUNDS, type Round, readDaemon } from './daemon-file.js'
import { HealthChecks } from './health.js'
import { type Manifest, ManifestFile, viewOf } from './manifest.js'
import { roundOrder } from './order.js'
import type { CampaignPlan } from './plan.js'
import { DAEMON_FILE, RunRecords, setAside } from './records.js'
import { type CampaignOptions, runThese } from './run.js'
import { type Choice, graceMs, nextStart, type Schedule, scheduleOf, startFrom, startMs } from './schedule.js'
import type { CampaignState } from './state.js'
import { machineZone, timeText } from './wall-clock.js'

export interface DaemonOptions extends CampaignOptions {
  daemon: DaemonKeys
  clock: Clock
  /** Says the few sentences about rounds. */
  tell: (text: string) => void
}

/**
 * Runs the rounds of a daemon. Resolves with the manifest when its time is over; a round that fails or pauses does not
 * end it. Throws CAMPAIGN_RUNNING, and INTERRUPTED after everything that is known was written.
 */
export async function runDaemon(plan: CampaignPlan, options: DaemonOptions): Promise<Manifest> {
  const { dir, observer, signal } = options
  const claim = await claimCampaign(dir)
  const records = new RunRecords(dir, plan, { isLive: false, isRunner: true, isDaemon: true })
  for (const problem of records.problems) observer.note(`Note: ${problem}`)
  const daemon = new Daemon(plan, records, options)
  try {
    return viewOf(plan, records, await daemon.run(), daemon.restarts)
  } catch (error) {
    if (!signal?.aborted) throw error
    const where = await daemon.interrupted()
    throw new LlemError(`the daemon was stopped ${where}`, {
      code: 'INTERRUPTED',
      hint: 'Run it again to go on: its rounds keep their schedule.',
      cause: error,
    })
  } finally {
    claim.release()
  }
}

class Daemon {
  readonly #plan: CampaignPlan
  readonly #records: RunRecords
  readonly #options: DaemonOptions
  readonly #manifest: ManifestFile
  readonly #health: HealthChecks
  readonly #file: DaemonFile
  readonly #schedule: Schedule
  readonly #state: DaemonState
  /** When it was started: a round that is to begin at once must not be late for what is written first. */
  readonly #startedMs: number
  /** The last start that was dealt with. */
  #last: number
  /** A round that was cut short and whose time is not over. */
  #unfinished: Round | null

  constructor(plan: CampaignPlan, records: RunRecords, options: DaemonOptions) {
    const { dir, observer, daemon, clock } = options
    this.#plan = plan
    this.#records = records
    this.#options = options
    this.#manifest = new ManifestFile(dir, plan, records)
    this.#health = new HealthChecks({ ...options, config: options.healthCheck })
    this.#file = new DaemonFile(dir, (error) => observer.note(`Note: ${messageOf(error)}`))
    const before = this.#before()
    const nowMs = clock.nowMs()
    this.#startedMs = nowMs
    this.#schedule = scheduleOf(daemon, { nowMs, firstMs: before.first_at })
    const rounds = before.rounds.map(ended).slice(-LATEST_ROUNDS)
    this.#state = { ...before, rounds, daemon_version: 1, state: 'waiting', ...this.#written() }
    const latest = rounds.at(-1)
    const own = before.rounds_begun > 0 && latest !== undefined ? latest : null
    this.#last = own === null ? -1 : startFrom(this.#schedule, Date.parse(own.scheduled_at))
    this.#unfinished = own?.state === 'interrupted' && this.#isTimeOf(nowMs) ? own : null
  }

  get restarts(): number {
    return this.#health.restarts
  }

  async run(): Promise<CampaignState> {
    const { clock, signal, tell } = this.#options
    let nowMs = this.#startedMs
    this.#expect(this.#unfinished === null ? this.#next(nowMs).atMs : null)
    await this.#file.write(this.#state)
    if (this.#unfinished !== null) {
      await this.#goOn(this.#unfinished)
      nowMs = clock.nowMs()
    }
    for (;;) {
      stopIfInterrupted(signal)
      const { start, atMs, missed } = this.#next(nowMs)
      if (missed > 0) {
        this.#state.rounds_missed += missed
        tell(`Daemon: ${missed} ${missed === 1 ? 'round was' : 'rounds were'} missed`)
      }
      if (start === null) return await this.#end()
      this.#last = start - 1
      await this.#waitUntil(atMs)
      nowMs = clock.nowMs()
      // The machine was asleep, or its clock was set. What was missed on purpose is begun however late.
      if (nowMs - atMs > graceMs(this.#schedule) && this.#next(nowMs).start !== start) continue
      this.#last = start
      await this.#begin(atMs, missed)
      nowMs = clock.nowMs()
    }
  }

  /** Writes down that it was stopped, and answers where. */
  async interrupted(): Promise<string> {
    const { state } = this.#state
    const latest = this.#state.rounds.at(-1)
    this.#state.state = 'interrupted'
    this.#expect(null)
    if (latest?.state === 'running') latest.state = 'interrupted'
    await this.#file.write(this.#state)
    await this.#manifest.write({ state: 'interrupted', reason: null }).catch(() => undefined)
    if (state === 'running' && latest !== undefined) return `in round ${latest.round}`
    return this.#state.rounds_begun === 0 ? 'before its first round' : 'between rounds'
  }

  #next(nowMs: number): Choice {
    const policy = this.#options.daemon.missed_rounds
    return nextStart(this.#schedule, { last: this.#last, nowMs, policy })
  }

  /** Waits for a start; returns at once where it has passed. */
  async #waitUntil(atMs: number): Promise<void> {
    const { clock, daemon, signal, tell } = this.#options
    if (atMs <= clock.nowMs()) return
    const text = timeText(this.#schedule.zone, atMs)
    const round = this.#records.rounds + 1
    // The words of the Python tool that llem re-creates, with the day beside the time of day.
    if (this.#state.rounds_begun === 0 && daemon.at !== null)
      tell(`Daemon: waiting until ${daemon.at} to start campaign (${text})`)
    else tell(`Daemon: round ${round} begins at ${text}`)
    this.#expect(atMs)
    await this.#file.write(this.#state)
    await this.#manifest
      .write({ state: 'waiting', reason: `round ${round} begins at ${text}` })
      .catch(this.#noted)
    await clock.sleepUntil(atMs, signal)
  }

  async #begin(scheduledMs: number, missed: number): Promise<void> {
    const round: Round = {
      round: this.#records.rounds + 1,
      scheduled_at: isoOf(scheduledMs),
      started_at: isoOf(this.#options.clock.nowMs()),
      completed_at: null,
      state: 'running',
      reason: null,
      missed_before: missed,
    }
    this.#records.rounds = round.round
    this.#state.rounds.push(round)
    if (this.#state.rounds.length > LATEST_ROUNDS) this.#state.rounds.shift()
    this.#state.rounds_begun += 1
    this.#options.tell(`Daemon: round ${round.round} begins`)
    await this.#run(round)
  }

  async #goOn(round: Round): Promise<void> {
    this.#options.tell(`Daemon: round ${round.round} goes on where it was stopped`)
    round.state = 'running'
    await this.#run(round)
  }

  async #run(round: Round): Promise<void> {
    const { clock, executor, observer, signal, tell } = this.#options
    const runs = [...roundOrder(this.#plan, round.round)]
    this.#state.state = 'running'
    this.#expect(null)
    // Not waited for: a slow disk must not make the round late.
    void this.#file.write(this.#state)
    try {
      round.reason = await runThese(runs, this.#plan, {
        ...this.#options,
        records: this.#records,
        manifest: this.#manifest,
        health: this.#health,
      })
      round.state = round.reason === null ? 'completed' : 'paused'
    } catch (error) {
      stopIfInterrupted(signal)
      round.reason = `${messageOf(error)} [${error instanceof LlemError ? error.code : 'BUG'}]`
      round.state = 'failed'
    } finally {
      // Nothing stays loaded on a GPU until the next round, and no container up.
      await executor.close()
      await executor.end?.(observer)
    }
    round.completed_at = isoOf(clock.nowMs())
    this.#state.state = 'waiting'
    await this.#file.write(this.#state)
    const count = (status: string) => runs.filter((run) => this.#records.of(run).status === status).length
    const failed = count('failed')
    const told = `${count('completed')} of ${runs.length} runs completed${failed === 0 ? '' : `, ${failed} failed`}`
    const why = round.reason === null ? '' : ` (${round.state}: ${round.reason})`
    tell(`Daemon: round ${round.round} ended: ${told}${why}`)
  }

  async #end(): Promise<CampaignState> {
    const { daemon, tell } = this.#options
    const { rounds_begun: rounds } = this.#state
    const cycles = `${rounds * this.#plan.execution.cycles} cycles in ${rounds} ${rounds === 1 ? 'round' : 'rounds'}`
    if (daemon.total_duration !== null)
      tell(`Daemon: total duration ${daemon.total_duration} reached, stopping after ${cycles}`)
    this.#state.state = 'ended'
    this.#expect(null)
    await this.#file.write(this.#state)
    const latest = this.#state.rounds.at(-1)
    const isPaused = latest?.state === 'paused'
    const state: CampaignState = isPaused
      ? { state: 'paused', reason: latest.reason }
      : { state: 'completed', reason: null }
    await this.#manifest.write(state)
    return state
  }

  /** What is waited for. */
  #expect(atMs: number | null): void {
    this.#state.next_at = atMs === null ? null : isoOf(atMs)
    this.#state.next_round = atMs === null ? null : this.#records.rounds + 1
  }

  /** What is left of the daemon that ran here before: all of it where this one goes on with it. */
  #before(): Before {
    const { dir, daemon, observer, tell } = this.#options
    const path = join(dir, DAEMON_FILE)
    const found = readDaemon(dir)
    if (found === null && existsSync(path))
      observer.note(`Note: ${path} cannot be read; it is now ${setAside(path)}.`)
    if (found === null) return { ...NOTHING, rounds: [] }
    const begun = this.#begunUnnoticed(found)
    const rounds = begun === null ? found.rounds : [...found.rounds, begun]
    const zone = daemon.time_zone ?? machineZone()
    const isSame = found.at === daemon.at && found.interval === daemon.interval && found.time_zone === zone
    if (!isSame && found.state !== 'ended') tell('Daemon: its schedule has changed, so it begins anew')
    if (!isSame || found.state === 'ended') return { ...NOTHING, rounds }
    const rounds_begun = found.rounds_begun + (begun === null ? 0 : 1)
    return { ...found, first_at: Date.parse(found.first_at), rounds, rounds_begun }
  }

  /** A round that has begun when the daemon was killed, before it was written down. */
  #begunUnnoticed({ next_at, next_round }: DaemonState): Round | null {
    if (next_at === null || next_round === null || this.#records.rounds < next_round) return null
    const runs = [...roundOrder(this.#plan, next_round)].map((run) => this.#records.of(run))
    const started_at = runs.map((run) => run.started_at).find((at) => at !== null) ?? null
    const open = { completed_at: null, state: 'running', reason: null, missed_before: 0 } as const
    return { round: next_round, scheduled_at: next_at, started_at, ...open }
  }

  /** What its configuration says of it. */
  #written() {
    const { at, interval, total_duration, missed_rounds } = this.#options.daemon
    const { zone: time_zone, firstMs, endMs } = this.#schedule
    const ends_at = endMs === null ? null : isoOf(endMs)
    return { at, time_zone, interval, total_duration, missed_rounds, first_at: isoOf(firstMs), ends_at }
  }

  /** Whether the last round's time is not over: neither has the next one's come, nor the daemon's end. */
  #isTimeOf(nowMs: number): boolean {
    const { intervalMs, endMs } = this.#schedule
    if (endMs !== null && nowMs >= endMs) return false
    return intervalMs === null || startMs(this.#schedule, this.#last + 1) > nowMs
  }

  readonly #noted = (error: unknown) => this.#options.observer.note(`Note: ${messageOf(error)}`)
}

type Before = Pick<DaemonState, 'next_at' | 'next_round' | 'rounds_begun' | 'rounds_missed' | 'rounds'> & {
  first_at: number | null
}

const NOTHING = {
  first_at: null,
  next_at: null,
  next_round: null,
  rounds_begun: 0,
  rounds_missed: 0,
} as const

/** A round of a daemon that does not run any more. */
function ended(round: Round): Round {
  return round.state === 'running' ? { ...round, state: 'interrupted' } : round
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}
