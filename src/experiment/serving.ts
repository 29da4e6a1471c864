import type { OfferedLoad, RunTotals, Steady } from '../backends/protocol.js'
import { type ExperimentConfig, isServerBackend } from '../config/schema.js'
import type { Meanings } from '../core/meanings.js'
import type { Serving } from '../results/experiment.js'
import type { Inference } from './inference.js'

/** How requests reach a server, in the worker's words; null for a backend that is none. */
export function loadOf({ backend, load }: ExperimentConfig): OfferedLoad | null {
  if (!isServerBackend(backend)) return null
  // A closed loop needs a number, and one after the other is the least that may surprise.
  return { ...load, concurrency: load.concurrency ?? (load.request_rate === null ? 1 : null) }
}

/** What came of a load; null where the model ran inside of a worker. */
export function servingOf({ load, totals }: Inference): Serving | null {
  const { served, steady, steady_reason, requests, failures, retries } = totals
  if (load === null || served === null) return null
  const { timed_out, notes: _, answered: __, ...measured } = served
  return {
    load,
    requests: { ok: requests, failed: failures, timed_out, retried: retries },
    ...measured,
    steady: steady === null ? null : withRate(steady),
    steady_reason,
  }
}

/** The part of a run's totals that is warned of. */
export type ServingTotals = Pick<RunTotals, 'served' | 'failures' | 'requests' | 'retries'>

/** What makes the numbers of a load less than they could be. */
export function servingWarnings({ served, failures, requests, retries }: ServingTotals): string[] {
  const notes = [...(served?.notes ?? [])]
  if (failures > 0)
    notes.push(
      `requests_failed: ${failures} of ${requests + failures} requests came to nothing; their energy is in these numbers and their tokens are not. requests.jsonl says why.`,
    )
  if (retries > 0)
    notes.push(
      `requests_retried: ${retries} requests were sent again; the energy of the attempts that failed is in these numbers.`,
    )
  return notes
}

function withRate(steady: Steady) {
  const durationS = (steady.end_ns - steady.start_ns) / 1e9
  return { ...steady, duration_sec: durationS, output_tokens_per_second: steady.output_tokens / durationS }
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  requests_failed: {
    meaning: 'Some requests failed. Their energy is in the joules, their tokens are not.',
    evidence: 'The number of failed requests.',
    advice: 'Look at the errors in requests.jsonl.',
  },
  requests_retried: {
    meaning: 'Some requests were sent again. The energy of all tries is in the joules.',
    evidence: 'The number of retries.',
    advice: null,
  },
}
