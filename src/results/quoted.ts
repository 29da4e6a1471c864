import { z } from 'zod'
import { METHODS } from './board.js'
import type { TokenLedger } from './served-streams.js'

// The one number to quote of a result. It is made here alone; whoever shows, sums up or exports joules reads it.

/** A number with all that belongs beside it in a sentence. */
export const quotedSchema = z.object({
  /** Null where there is nothing to quote, and `reason` says why. */
  value: z.number().nullable(),
  unit: z.enum(['J/output token', 'J']),
  /** How far it may be off (k = 2) on these boards, and with their gain; in `unit`. */
  uncertainty: z.number().nullable(),
  absolute_uncertainty: z.number().nullable(),
  /** What it is of: the part of the run in which the load was what was asked for, or all of it. */
  scope: z.enum(['steady_state', 'whole_run']),
  /** Whose joules they are: of the CPU where nothing reads a GPU. */
  domain: z.enum(['gpu', 'cpu']).default('gpu'),
  /** What the joules rest on. */
  method: z.enum(METHODS).nullable(),
  /** Why this scope; where `value` is null, why. */
  reason: z.string(),
})
export type Quoted = z.infer<typeof quotedSchema>

type Joules = number | null

/** What of a result its quoted numbers are made of. */
export interface Quotable {
  output_tokens: number
  total_energy_j: Joules
  energy_per_output_token_j: Joules
  energy_per_output_token_uncertainty_j: Joules
  energy_per_output_token_absolute_uncertainty_j: Joules
  energy_reason: string | null
  energy: {
    domain?: Quoted['domain']
    method: Quoted['method']
    uncertainty_j: Joules
    absolute_uncertainty_j: Joules
  } | null
  steady_state: {
    method: Quoted['method']
    energy_per_output_token_j: Joules
    energy_per_output_token_uncertainty_j: Joules
    energy_per_output_token_absolute_uncertainty_j: Joules
  } | null
  headline: Quoted['scope']
  headline_reason: string | null
  /** Of a server. */
  serving: { ledger: Pick<TokenLedger, 'unsettled'> | null } | null
}

/** Tokens that are uncertain by more than this share are no tokens to divide by. */
const UNSETTLED_SHARE = 0.05

export interface QuotedNumbers {
  quoted: Quoted
  quoted_total: Quoted
}

/** The quoted joules per output token, of what `headline` names, and the quoted joules, always of the whole run. */
export function quotedOf(result: Quotable): QuotedNumbers {
  return { quoted: perOutputToken(result), quoted_total: total(result) }
}

/** The quoted numbers of a result, also of one that an older llem wrote without them. */
export function quotedNumbers(
  result: Quotable & { quoted: Quoted | null; quoted_total: Quoted | null },
): QuotedNumbers {
  const { quoted, quoted_total } = result
  return quoted == null || quoted_total == null ? quotedOf(result) : { quoted, quoted_total }
}

function perOutputToken(result: Quotable): Quoted {
  const { headline: scope, headline_reason, steady_state, energy } = result
  const source = scope === 'steady_state' && steady_state !== null ? steady_state : result
  const unsettled = whyUnsettled(result)
  const value = unsettled === null ? source.energy_per_output_token_j : null
  const ifKnown = <T>(told: T): T | null => (unsettled === null ? told : null)
  const why = headline_reason ?? 'it is the whole run'
  return {
    value,
    unit: 'J/output token',
    uncertainty: ifKnown(source.energy_per_output_token_uncertainty_j),
    absolute_uncertainty: ifKnown(source.energy_per_output_token_absolute_uncertainty_j),
    scope,
    domain: energy?.domain ?? 'gpu',
    method:
      value === null
        ? null
        : scope === 'steady_state'
          ? (steady_state?.method ?? null)
          : (energy?.method ?? null),
    reason: value === null ? (unsettled ?? whyNone(result)) : why,
  }
}

function total(result: Quotable): Quoted {
  const { total_energy_j: value, energy } = result
  return {
    value,
    unit: 'J',
    uncertainty: value === null ? null : (energy?.uncertainty_j ?? null),
    absolute_uncertainty: value === null ? null : (energy?.absolute_uncertainty_j ?? null),
    scope: 'whole_run',
    domain: energy?.domain ?? 'gpu',
    method: value === null ? null : (energy?.method ?? null),
    reason:
      value === null
        ? whyNone(result)
        : `it is the energy of the ${energy?.domain === 'cpu' ? 'CPU' : 'GPUs'} from the first prompt to the last token`,
  }
}

/** Why there is no number of tokens to divide by though one was taken; null where there is. */
function whyUnsettled({ serving, output_tokens }: Quotable): string | null {
  const unsettled = serving?.ledger?.unsettled ?? null
  if (unsettled === null) return null
  const { requests, least_output_tokens: least, most_output_tokens: most } = unsettled
  return most - least <= UNSETTLED_SHARE * output_tokens
    ? null
    : `what was told of the tokens of ${requests} requests disagrees, and nothing decides: the run has between ${least} and ${most} output tokens`
}

function whyNone({ energy_reason, total_energy_j, output_tokens }: Quotable): string {
  if (total_energy_j !== null && output_tokens === 0) return 'there is no output token to divide by'
  return energy_reason ?? 'the energy is unknown'
}
