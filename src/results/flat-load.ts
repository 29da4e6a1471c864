// Columns of what a run was asked to do and what came of it, of its phases and steady state, and of what was found.

import type { ExperimentResult } from './experiment.js'
import type { Cell, Column } from './flat-row.js'

type Content = Parameters<NonNullable<Column['exec']>>[0] | ExperimentResult

function run(
  name: string,
  type: Column['type'],
  description: string,
  value: (result: ExperimentResult) => Cell | undefined,
): Column {
  return { name, type, description, run: (result) => value(result) ?? null }
}

function both(
  name: string,
  type: Column['type'],
  description: string,
  value: (result: Content) => Cell,
): Column {
  return { name, type, description, run: value, exec: value }
}

/** How the requests came, and how many came to nothing. */
export const LOAD: readonly Column[] = [
  run(
    'concurrency',
    'integer',
    'Requests kept in flight, or with a rate the most there may be.',
    ({ serving }) => {
      return serving?.load.concurrency
    },
  ),
  run('request_rate_per_s', 'number', 'Requests a second; null is a closed loop.', ({ serving }) => {
    return serving?.load.request_rate
  }),
  run(
    'max_in_flight',
    'integer',
    'The most requests that were in flight.',
    ({ serving }) => serving?.max_in_flight,
  ),
  run('failed_requests', 'integer', 'Requests that came to nothing.', ({ process_results }) =>
    process_results.reduce((sum, { failures }) => sum + failures, 0),
  ),
  run('timed_out_requests', 'integer', 'Of those, how many ran out of time.', ({ serving }) => {
    return serving?.requests.timed_out
  }),
  run('retries', 'integer', 'Requests that were sent again, each time.', ({ process_results }) =>
    process_results.reduce((sum, { retries }) => sum + retries, 0),
  ),
  run('good_requests', 'integer', 'Requests that kept the limits of slo.', ({ goodput }) => {
    return goodput?.good_requests
  }),
  run('good_output_tokens_per_s', 'number', 'Output tokens of those, over time.', ({ goodput }) => {
    return goodput?.output_tokens_per_second
  }),
  run('good_output_tokens_per_j', 'number', 'The same over the energy of the whole run.', ({ goodput }) => {
    return goodput?.output_tokens_per_j
  }),
  run(
    'token_source',
    'text',
    'What counted the output tokens of a server.',
    ({ serving }) => serving?.token_source,
  ),
]

/** Whose the joules are. */
export const ATTRIBUTION: readonly Column[] = [
  run(
    'prefill_j',
    'number',
    'Of requests whose prefill can be told apart.',
    ({ phases }) => phases?.prefill?.energy_j,
  ),
  run('prefill_uncertainty_j', 'number', 'How far it may be off: a bound.', ({ phases }) => {
    return phases?.prefill?.uncertainty_j
  }),
  run('prefill_per_input_token_j', 'number', 'Over their input tokens.', ({ phases }) => {
    return phases?.prefill?.j_per_input_token
  }),
  run(
    'decode_j',
    'number',
    'Of requests whose decode can be told apart.',
    ({ phases }) => phases?.decode?.energy_j,
  ),
  run('decode_uncertainty_j', 'number', 'How far it may be off: a bound.', ({ phases }) => {
    return phases?.decode?.uncertainty_j
  }),
  run('decode_per_output_token_j', 'number', 'Over their output tokens after the first.', ({ phases }) => {
    return phases?.decode?.j_per_output_token
  }),
  run('mixed_phases_j', 'number', 'While both phases ran.', ({ phases }) => phases?.mixed_j),
  run('no_request_j', 'number', 'While no request was in flight.', ({ phases }) => phases?.idle_j),
  run(
    'unattributable_j',
    'number',
    'Of phases that cannot be told apart.',
    ({ phases }) => phases?.unattributable_j,
  ),
  run('phases_reason', 'text', 'Why a phase is unknown.', ({ phases, attribution_reason }) => {
    return phases?.reason ?? attribution_reason
  }),
  run('request_energy_p50_j', 'number', 'Of a request, by equal shares, median.', ({ request_energy }) => {
    return request_energy?.per_request_j?.p50
  }),
  run('request_energy_p95_j', 'number', 'The same, 95th percentile.', ({ request_energy }) => {
    return request_energy?.per_request_j?.p95
  }),
  run('failed_requests_j', 'number', 'Of requests that came to nothing.', ({ request_energy }) => {
    return request_energy?.failed_j
  }),
  run('steady_s', 'number', 'Length of the steady state.', ({ steady_state }) => steady_state?.duration_sec),
  run('steady_energy_j', 'number', 'Its energy.', ({ steady_state }) => steady_state?.energy_j),
  run('steady_energy_uncertainty_j', 'number', 'How far it may be off (k = 2).', ({ steady_state }) => {
    return steady_state?.uncertainty_j
  }),
  run('steady_output_tokens_per_s', 'number', 'Output tokens over its time.', ({ steady_state }) => {
    return steady_state?.output_tokens_per_second
  }),
  run(
    'steady_reason',
    'text',
    'Why there is no steady state, or no energy of it.',
    ({ steady_reason }) => steady_reason,
  ),
]

/** What was found, by code, as JSON: each with its severity and text is in the result. */
export const FOUND: readonly Column[] = [
  both('finding_codes', 'text', 'The codes of all findings as a JSON list, each once.', ({ findings }) =>
    JSON.stringify([...new Set(findings.map(({ code }) => code))].sort()),
  ),
  both('notes', 'integer', 'How many findings are no warnings.', ({ findings }) => {
    return findings.filter(({ severity }) => severity === 'info').length
  }),
]
