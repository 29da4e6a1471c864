// Asks a BMC for its power over and over, and prints a line for each reading that is there.

import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError, messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { type RedfishClient, RedfishFailure } from './client.js'
import { type Asking, findPower, type PowerSource, type SourceReading } from './find-power.js'

export interface PollOptions {
  /** Null: the first chassis that shows its power. */
  chassis: string | null
  intervalMs: number
  signal: AbortSignal
  print: (line: Record<string, unknown>) => void
  /** What went wrong with one question and may mend itself. */
  tell: (text: string) => void
}

/** So many failures after one another are no accident. */
const MOST_FAILURES = 10
/** A BMC that wants to be left alone for longer is asked all the same. */
const LONGEST_RETRY_MS = 30_000
/** A value that is null for so long is told. */
const NULL_TOLD = 5

/**
 * Until the signal. A reading whose time the BMC tells is printed once; where it tells none each answer is, and whether it is
 * new its reader has to find out. Throws where the BMC refuses, has no power, or fails ten times in a row.
 */
export async function pollPower(client: RedfishClient, options: PollOptions): Promise<void> {
  const { chassis, intervalMs, signal, print, tell } = options
  const source = await findPower(patient(client, options), chassis, signal)
  tell(`reads ${source.what}`)
  let isHelloSaid = false
  let before: Timed | null = null
  let isStillTold = false
  let failures = 0
  let nulls = 0
  let nextMs = performance.now()
  while (!signal.aborted) {
    try {
      const reading = await ask(client, source, signal)
      failures = 0
      nulls = reading === null ? nulls + 1 : 0
      if (nulls === NULL_TOLD) tell(`${source.what} is null`)
      if (reading !== null) {
        if (!isHelloSaid) print(helloOf(source, reading.time !== null))
        isHelloSaid = true
        if (reading.time === null || isNew(reading, before)) print({ t_ns: reading.tNs, ...reading.value })
        if (
          !isStillTold &&
          reading.time !== null &&
          reading.time === before?.time &&
          isNew(reading, before)
        ) {
          tell(
            `ReadingTime stands still at ${shortened(reading.time)} while the value changes: each other value is a new reading`,
          )
          isStillTold = true
        }
        before = reading
      }
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      if (isFinal(error) || failures >= MOST_FAILURES) throw error
      tell(failureText(error, failures))
      nextMs = Math.max(nextMs, performance.now() + retryMs(error) - intervalMs)
    }
    nextMs = Math.max(nextMs + intervalMs, performance.now())
    await sleep(nextMs - performance.now(), undefined, { signal }).catch(() => undefined)
  }
}

interface Timed {
  time: string | null
  value: SourceReading['value']
}

/** The same time is the same reading, whenever it is asked for, unless it has another value. */
function isNew({ time, value }: Timed, before: Timed | null): boolean {
  return before === null || time !== before.time || JSON.stringify(value) !== JSON.stringify(before.value)
}

/** Asks again where a question fails, as while it is read: a BMC that has just begun answers 503 for a while. */
function patient(client: RedfishClient, { intervalMs, tell, signal }: PollOptions): Asking {
  let failures = 0
  return {
    get: async (path) => {
      while (true) {
        try {
          const answer = await client.get(path, signal)
          failures = 0
          return answer
        } catch (error) {
          failures += 1
          const isLasting = error instanceof RedfishFailure && error.isLasting
          if (signal.aborted || isFinal(error) || isLasting || failures >= MOST_FAILURES) throw error
          tell(failureText(error, failures))
          await sleep(Math.max(intervalMs, retryMs(error)), undefined, { signal })
        }
      }
    },
  }
}

function failureText(error: unknown, failures: number): string {
  const waitMs = retryMs(error)
  const when = waitMs === 0 ? '' : `; it is asked again in ${Math.ceil(waitMs / 1000)} s`
  return `${messageOf(error)} (${failures} of ${MOST_FAILURES} in a row${when})`
}

function retryMs(error: unknown): number {
  return error instanceof RedfishFailure ? Math.min(LONGEST_RETRY_MS, error.retryAfterMs ?? 0) : 0
}

function helloOf({ accuracyPct }: PowerSource, tellsTimes: boolean): Record<string, unknown> {
  return { ...(accuracyPct === null ? {} : { accuracy_pct: accuracyPct }), prints_new_only: tellsTimes }
}

/** The answer is of some moment between question and answer; the middle is the least wrong. */
async function ask(client: RedfishClient, source: PowerSource, signal: AbortSignal) {
  const beforeNs = Number(process.hrtime.bigint())
  const resource = await client.get(source.path, signal)
  const afterNs = Number(process.hrtime.bigint())
  const reading = resource === null ? null : source.read(resource)
  return reading === null ? null : { ...reading, tNs: Math.round((beforeNs + afterNs) / 2) }
}

/** What does not mend itself: a login that is refused. */
function isFinal(error: unknown): boolean {
  return error instanceof LlemError && error.code !== 'REDFISH_UNREACHABLE'
}
