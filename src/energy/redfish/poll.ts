// Asks a BMC for its power over and over, and prints a line for each reading that is there.

import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError, messageOf } from '../../core/errors.js'
import type { RedfishClient } from './client.js'
import { findPower, type PowerSource } from './find-power.js'

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
/** A value that is null for so long is told. */
const NULL_TOLD = 5

/**
 * Until the signal. A reading whose time the BMC tells is printed once; where it tells none each answer is, and whether it is
 * new its reader has to find out. Throws where the BMC refuses, has no power, or fails ten times in a row.
 */
export async function pollPower(client: RedfishClient, options: PollOptions): Promise<void> {
  const { chassis, intervalMs, signal, print, tell } = options
  const source = await findPower(client, chassis, signal)
  tell(`reads ${source.what}`)
  let isHelloSaid = false
  let before: string | null = null
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
        // The same time is the same reading, whenever it is asked for.
        if (reading.time === null || reading.time !== before) print({ t_ns: reading.tNs, ...reading.value })
        before = reading.time
      }
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      if (isFinal(error) || failures >= MOST_FAILURES) throw error
      tell(`${messageOf(error)} (${failures} of ${MOST_FAILURES} in a row)`)
    }
    nextMs = Math.max(nextMs + intervalMs, performance.now())
    await sleep(nextMs - performance.now(), undefined, { signal }).catch(() => undefined)
  }
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
