// llem campaign as a daemon: what it says, where it writes it down, and when its rounds will be.

import { join } from 'node:path'
import type { DaemonOptions } from '../campaign/daemon.js'
import { readDaemon } from '../campaign/daemon-file.js'
import type { Manifest } from '../campaign/manifest.js'
import type { CampaignPlan } from '../campaign/plan.js'
import type { CampaignOptions } from '../campaign/run.js'
import { scheduleOf, startMs } from '../campaign/schedule.js'
import { timeText } from '../campaign/wall-clock.js'
import { type DaemonKeys, daemonProblems } from '../config/schema-daemon.js'
import { LlemError, messageOf } from '../core/errors.js'
import { say } from './screen.js'

const SHOWN = 5

/** The daemon's keys with what was typed laid over them. Throws DAEMON_WITHOUT_ROUNDS where they make no daemon. */
export function daemonKeys(written: DaemonKeys, typed: boolean | undefined): DaemonKeys {
  const keys = { ...written, enabled: typed ?? written.enabled }
  const [problem] = daemonProblems(keys)
  if (problem === undefined) return keys
  throw new LlemError(problem.message, {
    code: 'DAEMON_WITHOUT_ROUNDS',
    hint: 'Write it into the campaign, as in `daemon: { at: "02:00", interval: 1d }`.',
    kind: 'usage',
  })
}

/** What a daemon that were started now would do: "Rounds: every 6h, ..." and the first few starts. */
export function showRounds(daemon: DaemonKeys): string {
  const { interval, total_duration, missed_rounds } = daemon
  const how =
    interval === null
      ? 'Rounds: one'
      : `Rounds: every ${interval}${total_duration === null ? '' : `, for ${total_duration}`}, missed ones: ${missed_rounds}`
  const { starts, zone, more } = nextStarts(daemon)
  return [`${how}. Started now, it would begin them at`, ...starts.map((atMs) => `  ${timeText(zone, atMs)}`)]
    .concat(more ? ['  ...'] : [])
    .join('\n')
}

/** The same for programs. */
export function nextRounds(daemon: DaemonKeys): string[] {
  return nextStarts(daemon).starts.map((atMs) => new Date(atMs).toISOString())
}

/** Runs the rounds of a campaign. */
export async function runRounds(
  plan: CampaignPlan,
  options: Omit<CampaignOptions, 'observer'> & { daemon: DaemonKeys },
  { quiet, verbose }: { quiet: boolean; verbose: boolean },
): Promise<Manifest> {
  // Imported here, so that looking at a plan answers at once.
  const [{ runDaemon }, { wallClock }, { bothObservers, DaemonLog, loggingObserver }, { terminalObserver }] =
    await Promise.all([
      import('../campaign/daemon.js'),
      import('../campaign/daemon-clock.js'),
      import('../campaign/daemon-log.js'),
      import('./progress.js'),
    ])
  const log = new DaemonLog(join(options.dir, 'daemon.log'))
  const logging = loggingObserver(log)
  const observer = options.daemon.quiet
    ? logging
    : bothObservers(logging, terminalObserver({ quiet, verbose }))
  const tell: DaemonOptions['tell'] = (text) => {
    log.write(text)
    if (!quiet) say(text)
  }
  try {
    return await runDaemon(plan, { ...options, observer, clock: wallClock(), tell })
  } catch (error) {
    log.write(messageOf(error))
    throw error
  }
}

/** "Daemon: waiting, 3 rounds begun, 1 missed, every 6h; next at ..."; null where there is none. */
export function showDaemon(dir: string, { state }: Manifest): string | null {
  const daemon = readDaemon(dir)
  if (daemon === null) return null
  const { rounds_begun, rounds_missed, interval, next_at, time_zone, rounds } = daemon
  const parts = [
    `${rounds_begun} ${rounds_begun === 1 ? 'round' : 'rounds'} begun`,
    ...(rounds_missed === 0 ? [] : [`${rounds_missed} missed`]),
    ...(interval === null ? [] : [`every ${interval}`]),
  ]
  const next =
    state === 'waiting' && next_at !== null ? `; next at ${timeText(time_zone, Date.parse(next_at))}` : ''
  const troubled = rounds
    .filter(({ state: each }) => each === 'paused' || each === 'failed')
    .slice(-SHOWN)
    .map(({ round, state: each, reason }) => `\n  round ${round} ${each}: ${reason}`)
  return `Daemon: ${parts.join(', ')}${next}${troubled.join('')}`
}

function nextStarts(daemon: DaemonKeys): { starts: number[]; zone: string; more: boolean } {
  const schedule = scheduleOf(daemon, { nowMs: Date.now(), firstMs: null })
  const { zone, intervalMs, endMs } = schedule
  const starts: number[] = []
  for (let index = 0; index === 0 || intervalMs !== null; index++) {
    const atMs = startMs(schedule, index)
    if (endMs !== null && atMs >= endMs) break
    if (starts.length === SHOWN) return { starts, zone, more: true }
    starts.push(atMs)
  }
  return { starts, zone, more: false }
}
