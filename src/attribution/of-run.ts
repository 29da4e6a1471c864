// After the window: whose its joules are. All of it rests on samples.parquet and requests.jsonl, so that `llem verify` can
// do it again; samples.parquet is kept beside the result, unless its configuration keeps no readings.

import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { RunTotals } from '../backends/protocol.js'
import type { ExperimentConfig } from '../config/schema.js'
import { messageOf } from '../core/errors.js'
import type { Meanings } from '../core/meanings.js'
import type { Observer } from '../progress/observer.js'
import type { Phases, RequestEnergy, SteadyState } from '../results/attribution.js'
import type { Energy } from '../results/energy.js'
import { readRequestTimes, writeRequestEnergies } from '../results/request-times.js'
import { whyUnseen } from '../results/served-streams.js'
import { type Headline, headlineOf, steadyStateOf } from '../results/steady-state.js'
import { attributeEnergy } from './of-requests.js'
import { type PartEnergy, steadyEnergy } from './of-stretch.js'

/** The part of a result that says whose the joules are. */
export interface AttributionResult extends Headline {
  phases: Phases | null
  request_energy: RequestEnergy | null
  /** Why both are null; null when they are not. */
  attribution_reason: string | null
  steady_state: SteadyState | null
  /** Why it, or its energy, is null. */
  steady_reason: string | null
}

/** What a run left to attribute. */
export interface Attributable {
  energy: Energy | null
  /** Where the samples were to be recorded; null where nothing was. */
  samplesPath: string | null
  requestsPath: string
  /** Why requests.jsonl is not whole; null when it is. */
  requestsProblem: string | null
  /** The steady state that the worker tells of. */
  totals: Pick<RunTotals, 'steady' | 'steady_reason'> & Partial<Pick<RunTotals, 'served'>>
}

/**
 * Attributes the energy of a run, and writes each request's into requests.jsonl. Always resolves: what cannot be done is
 * null with its reason, and what fails is a warning besides.
 */
export async function attributeRun(
  run: Attributable,
  { timeseries, processes }: Pick<ExperimentConfig, 'timeseries' | 'processes'>,
  observer: Observer,
): Promise<{ attribution: AttributionResult; warnings: string[] }> {
  const warnings: string[] = []
  const failed = (what: string, error: unknown): string => {
    const why = `${what} failed: ${messageOf(error)}`
    observer.note(`Warning (non-fatal): ${why}`)
    warnings.push(`attribution_failed: ${why}.`)
    return why
  }
  const unrecorded = whyUnrecorded(run) ?? whySeveral(processes)
  const samplesPath = run.samplesPath ?? ''
  const { phases, request_energy, attribution_reason } =
    unrecorded === null
      ? await byRequests(samplesPath, run).catch((error: unknown) =>
          nothing(failed('attributing energy to requests', error)),
        )
      : nothing(unrecorded)
  const { steady_state, steady_reason } = await steadyOf(run.totals, async (startNs, endNs) => {
    if (unrecorded !== null) return unknown(unrecorded)
    return await steadyEnergy(samplesPath, startNs, endNs).catch((error: unknown) =>
      unknown(failed('measuring the steady state', error)),
    )
  })
  if (run.samplesPath !== null && !keepsSamples(timeseries)) await discardSamples(run.samplesPath)
  const attribution = {
    phases,
    request_energy,
    attribution_reason,
    steady_state,
    steady_reason,
    ...headlineOf(steady_state, steady_reason),
  }
  return { attribution, warnings }
}

/** Whether every reading stays beside the result. They are recorded in any case: all joules rest on them. */
export function keepsSamples({ enabled, full_rate }: ExperimentConfig['timeseries']): boolean {
  return enabled && full_rate
}

/** Removes samples that were only recorded to be attributed. */
export async function discardSamples(samplesPath: string): Promise<void> {
  // A file that cannot be removed is one more file beside the result.
  await rm(samplesPath, { force: true }).catch(() => undefined)
}

function whyUnrecorded({ energy, samplesPath }: Attributable): string | null {
  if (energy === null) return 'there is no energy'
  if (energy.nodes != null) return 'the joules of a request are spread over several nodes'
  if (samplesPath === null)
    return "llem's own sampler, whose readings tell the time of a joule, could read no GPU"
  return existsSync(samplesPath) ? null : 'samples.parquet could not be written'
}

/** A request of one process has no part in the power of another's GPU. */
function whySeveral(processes: number): string | null {
  return processes === 1
    ? null
    : 'unattributable: each of several processes has a GPU of its own, and requests share the power of all of them here'
}

type ByRequests = Pick<AttributionResult, 'phases' | 'request_energy' | 'attribution_reason'>

async function byRequests(
  samplesPath: string,
  { energy, requestsPath, requestsProblem, totals }: Attributable,
): Promise<ByRequests> {
  if (energy === null) return nothing('there is no energy')
  if (requestsProblem !== null) return nothing(`requests.jsonl is not whole: ${requestsProblem}`)
  const { times } = await readRequestTimes(requestsPath)
  const { attribution, reason } = await attributeEnergy(
    samplesPath,
    times,
    energy,
    whyUnseen(totals.served?.streams ?? null),
  )
  if (attribution === null) return nothing(reason)
  await writeRequestEnergies(requestsPath, attribution.energies)
  const { phases, requestEnergy: request_energy } = attribution
  return { phases, request_energy, attribution_reason: null }
}

function nothing(attribution_reason: string): ByRequests {
  return { phases: null, request_energy: null, attribution_reason }
}

function unknown(reason: string): PartEnergy {
  return { energy_j: null, uncertainty_j: null, absolute_uncertainty_j: null, method: null, reason }
}

async function steadyOf(
  { steady, steady_reason }: Attributable['totals'],
  energyOf: (startNs: number, endNs: number) => Promise<PartEnergy>,
): Promise<Pick<AttributionResult, 'steady_state' | 'steady_reason'>> {
  if (steady === null)
    return {
      steady_state: null,
      steady_reason: steady_reason ?? 'this backend takes one request, or one batch, after the other',
    }
  const energy = await energyOf(steady.start_ns, steady.end_ns)
  return { steady_state: steadyStateOf(steady, energy), steady_reason: energy.reason }
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  attribution_failed: {
    meaning: 'The joules of requests, phases and the steady state are unknown. The headline is not affected.',
    evidence: 'The pieces could not be computed; the reason is in the text.',
    advice: null,
  },
}
