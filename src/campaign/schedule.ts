// When the rounds of a daemon begin: start k is the first one plus k intervals, whatever the rounds before took. Pure:
// the time is handed in.

import { type DaemonKeys, secondsOf } from '../config/schema-daemon.js'
import { daysLater, instantOf, localTime, machineZone } from './wall-clock.js'

const DAY_S = 86_400

/** The starts of a daemon's rounds, counted from 0. */
export interface Schedule {
  /** What times are shown in. */
  zone: string
  firstMs: number
  /** Null: there is one round. */
  intervalMs: number | null
  /** Starts keep this time of day, every so many days; null: they are intervals apart, whatever clocks show. */
  daily: { at: string; days: number } | null
  /** No round begins then or later; null: for ever. */
  endMs: number | null
}

/** What is to be done next. */
export interface Choice {
  /** The start to begin a round for; null: there is none any more. */
  start: number | null
  atMs: number
  /** Starts that have passed and get no round. */
  missed: number
}

type ScheduleKeys = Pick<DaemonKeys, 'at' | 'time_zone' | 'interval' | 'total_duration'>

/** The schedule of a daemon that is started now, or whose first round began at `firstMs`. */
export function scheduleOf(
  { at, time_zone, interval, total_duration }: ScheduleKeys,
  { nowMs, firstMs }: { nowMs: number; firstMs: number | null },
): Schedule {
  const zone = time_zone ?? machineZone()
  // At the next full second rather than now, because files are written first and would make the first round late.
  const first = firstMs ?? (at === null ? Math.ceil(nowMs / 1000) * 1000 : nextAt(zone, at, nowMs))
  const intervalS = interval === null ? null : secondsOf(interval)
  const wholeDays = intervalS !== null && intervalS % DAY_S === 0
  return {
    zone,
    firstMs: first,
    intervalMs: intervalS === null ? null : intervalS * 1000,
    daily: at !== null && wholeDays ? { at, days: intervalS / DAY_S } : null,
    endMs: total_duration === null ? null : first + secondsOf(total_duration) * 1000,
  }
}

/** When start `index` is. */
export function startMs({ zone, firstMs, intervalMs, daily }: Schedule, index: number): number {
  // The first stays what it was: it may have been the moment after a time of day that there was not.
  if (daily === null || index === 0) return firstMs + index * (intervalMs ?? 0)
  return instantOf(zone, daysLater(atOn(localTime(zone, firstMs), daily.at), index * daily.days))
}

/** The first start that is not before a moment. */
export function startFrom(schedule: Schedule, atMs: number): number {
  const { firstMs, intervalMs } = schedule
  if (intervalMs === null || atMs <= firstMs) return 0
  // Days are an hour or so shorter or longer where clocks change, so this is at most one too late.
  let index = Math.max(0, Math.ceil((atMs - firstMs) / intervalMs) - 1)
  while (startMs(schedule, index) < atMs) index += 1
  return index
}

/** What is next after `last` was dealt with (-1: nothing was), by the policy for starts that have passed. */
export function nextStart(
  schedule: Schedule,
  { last, nowMs, policy }: { last: number; nowMs: number; policy: DaemonKeys['missed_rounds'] },
): Choice {
  const { intervalMs, endMs } = schedule
  const due = last + 1
  // With one round only there is no next one to wait for, so it is late rather than missed.
  if (intervalMs === null)
    return due > 0
      ? { start: null, atMs: nowMs, missed: 0 }
      : { start: 0, atMs: startMs(schedule, 0), missed: 0 }
  const coming = Math.max(due, startFrom(schedule, nowMs))
  const isOver = endMs !== null && nowMs >= endMs
  if (policy === 'once' && coming > due && !isOver)
    return { start: coming - 1, atMs: startMs(schedule, coming - 1), missed: coming - 1 - due }
  const atMs = startMs(schedule, coming)
  if (endMs === null || atMs < endMs) return { start: coming, atMs, missed: coming - due }
  return { start: null, atMs, missed: Math.max(0, startFrom(schedule, endMs) - due) }
}

/** Later than this a machine that was asleep has missed a start: a tenth of the interval, at most a minute. */
export function graceMs({ intervalMs }: Schedule): number {
  return intervalMs === null ? Number.POSITIVE_INFINITY : Math.min(60_000, intervalMs / 10)
}

/** The next moment, this one included, at which clocks in a zone show a time of day. */
function nextAt(zone: string, at: string, nowMs: number): number {
  const today = atOn(localTime(zone, nowMs), at)
  for (let days = 0; ; days++) {
    const atMs = instantOf(zone, daysLater(today, days))
    if (atMs >= nowMs) return atMs
  }
}

function atOn<T extends { hour: number; minute: number }>(day: T, at: string): T {
  const [hour = 0, minute = 0] = at.split(':').map(Number)
  return { ...day, hour, minute }
}
