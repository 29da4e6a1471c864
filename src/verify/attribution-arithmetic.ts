// What a result says of whose the joules are must add up to the joules.

import type { ExperimentResult } from '../results/experiment.js'
import { quotedOf } from '../results/quoted.js'
import { headlineOf } from '../results/steady-state.js'
import { type Check, check } from './check.js'

const RESULT = 'result.json'

type PerToken = 'j' | 'uncertainty_j' | 'absolute_uncertainty_j'

/** Sums and quotients of phases, requests and steady state. */
export function checksOfAttribution(result: ExperimentResult): Check[] {
  const totalJ = result.energy?.total_j ?? null
  return [
    ...(totalJ === null ? [] : [...checksOfPhases(result, totalJ), ...checksOfRequestEnergy(result, totalJ)]),
    ...checksOfSteadyState(result),
    ...checksOfQuoted(result),
  ]
}

/** What is quoted is what the rest of the result says, and nothing else. */
function checksOfQuoted(result: ExperimentResult): Check[] {
  const expected = quotedOf(result)
  return (['quoted', 'quoted_total'] as const).flatMap((name) => {
    const [stored, made] = [result[name], expected[name]]
    if (stored === null) return []
    return [
      check(`${name}.value`, RESULT, stored.value, made.value),
      check(`${name}.uncertainty`, RESULT, stored.uncertainty, made.uncertainty),
      check(`${name}.scope`, RESULT, stored.scope, made.scope),
    ]
  })
}

function checksOfPhases({ phases }: ExperimentResult, totalJ: number): Check[] {
  if (phases === null) return []
  const { prefill, decode, mixed_j, idle_j, unattributable_j } = phases
  const rest = (prefill?.energy_j ?? 0) + (decode?.energy_j ?? 0) + mixed_j + idle_j
  return [
    check('phases.unattributable_j', RESULT, unattributable_j, totalJ - rest, { scale: totalJ }),
    ...(prefill === null
      ? []
      : [
          check(
            'phases.prefill.j_per_input_token',
            RESULT,
            prefill.j_per_input_token,
            prefill.input_tokens === null ? null : ratio(prefill.energy_j, prefill.input_tokens),
          ),
        ]),
    ...(decode === null
      ? []
      : [
          check(
            'phases.decode.j_per_output_token',
            RESULT,
            decode.j_per_output_token,
            ratio(decode.energy_j, decode.output_tokens),
          ),
        ]),
  ]
}

function checksOfRequestEnergy({ request_energy }: ExperimentResult, totalJ: number): Check[] {
  if (request_energy === null) return []
  const { requests, total_j, per_request_j, idle_j, failed_j, unattributed_j } = request_energy
  const rest = totalJ - idle_j - failed_j - unattributed_j
  return [
    check('request_energy.total_j', RESULT, total_j, rest, { scale: totalJ }),
    check('request_energy.per_request_j.mean', RESULT, per_request_j?.mean ?? null, ratio(total_j, requests)),
  ]
}

function checksOfSteadyState({ steady_state, steady_reason, headline }: ExperimentResult): Check[] {
  const expected = headlineOf(steady_state, steady_reason).headline
  const chosen = check('headline', RESULT, headline, expected)
  if (steady_state === null) return [chosen]
  const { start_ns, end_ns, duration_sec, output_tokens } = steady_state
  const stored = (
    name: 'duration_sec' | 'output_tokens_per_second' | `energy_per_output_token_${PerToken}`,
    by: number | null,
  ) => check(`steady_state.${name}`, RESULT, steady_state[name], by)
  const perToken = (name: PerToken, joules: number | null) =>
    stored(`energy_per_output_token_${name}`, joules === null ? null : ratio(joules, output_tokens))
  // An older llem did not divide what is uncertain.
  const isTold = steady_state.energy_per_output_token_uncertainty_j !== null
  return [
    chosen,
    stored('duration_sec', (end_ns - start_ns) / 1e9),
    stored('output_tokens_per_second', ratio(output_tokens, duration_sec)),
    perToken('j', steady_state.energy_j),
    ...(isTold
      ? [
          perToken('uncertainty_j', steady_state.uncertainty_j),
          perToken('absolute_uncertainty_j', steady_state.absolute_uncertainty_j),
        ]
      : []),
  ]
}

function ratio(amount: number, of: number): number | null {
  return of > 0 ? amount / of : null
}
