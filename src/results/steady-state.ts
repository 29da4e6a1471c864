import type { SteadyState } from './attribution.js'

/** A steady state shorter than this is too short to stand for a run: as short a measurement earns a warning. */
const LEAST_SEC = 10

/** Tokens of a stretch of a run. */
export interface SteadyTokens {
  start_ns: number
  end_ns: number
  input_tokens: number | null
  output_tokens: number
}

/** The steady state of a run by its tokens and its energy. */
export function steadyStateOf(
  { start_ns, end_ns, input_tokens, output_tokens }: SteadyTokens,
  {
    energy_j,
    uncertainty_j,
    absolute_uncertainty_j,
    method,
  }: Pick<SteadyState, 'energy_j' | 'uncertainty_j' | 'absolute_uncertainty_j' | 'method'>,
): SteadyState {
  const duration_sec = (end_ns - start_ns) / 1e9
  const perToken = (joules: number | null) =>
    joules === null || !(output_tokens > 0) ? null : joules / output_tokens
  return {
    start_ns,
    end_ns,
    duration_sec,
    input_tokens,
    output_tokens,
    output_tokens_per_second: duration_sec > 0 ? output_tokens / duration_sec : null,
    energy_j,
    uncertainty_j,
    absolute_uncertainty_j,
    method,
    energy_per_output_token_j: perToken(energy_j),
    energy_per_output_token_uncertainty_j: perToken(uncertainty_j),
    energy_per_output_token_absolute_uncertainty_j: perToken(absolute_uncertainty_j),
  }
}

export interface Headline {
  headline: 'steady_state' | 'whole_run'
  headline_reason: string
}

/**
 * Whose joules per token to quote. The whole run also fills up and drains, with fewer requests in flight than were asked
 * for; how much of it that is depends on the number of prompts and not on what is measured.
 */
export function headlineOf(steady: SteadyState | null, steadyReason: string | null): Headline {
  if (steady === null)
    return whole(`there is no steady state${steadyReason === null ? '' : `: ${steadyReason}`}`)
  const lasted = `the steady state of ${steady.duration_sec.toFixed(1)} s`
  if (steady.duration_sec < LEAST_SEC) return whole(`${lasted} is shorter than ${LEAST_SEC} s`)
  if (steady.energy_per_output_token_j === null)
    return whole(
      `the joules per token of ${lasted} are not known${steadyReason === null ? '' : `: ${steadyReason}`}`,
    )
  return {
    headline: 'steady_state',
    headline_reason: `${lasted} is the load that was asked for, and the whole run also fills up and drains`,
  }
}

function whole(headline_reason: string): Headline {
  return { headline: 'whole_run', headline_reason }
}
