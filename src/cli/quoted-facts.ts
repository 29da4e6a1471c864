// What is quoted of a result, and what its energy is made of: bare, parked, active.

import type { EnergyBreakdown } from '../results/breakdown.js'
import type { ExperimentResult } from '../results/experiment.js'
import { type Quoted, quotedNumbers } from '../results/quoted.js'
import { uncertain } from '../results/uncertain.js'
import { whoseJoules } from '../results/whose.js'

type Fact = [name: string, fact: string]

const SCOPES: Readonly<Record<Quoted['scope'], string>> = {
  steady_state: 'of the steady state',
  whole_run: 'of the whole run',
}

/** "1.2180 J/output token +- 0.0050 J/output token (k=2), of the steady state"; null where nothing is quoted. */
export function quotedText(
  { value, unit, uncertainty, scope }: Quoted,
  energy: ExperimentResult['energy'],
): string | null {
  if (value === null) return null
  const bound = uncertainty !== null && uncertainty > 0 ? ' (k=2)' : ''
  return `${perToken(value, uncertainty, unit)}${bound}, ${SCOPES[scope]}${ofWhom(energy)}`
}

/** ", CPU package, by RAPL"; nothing for GPUs. */
export function ofWhom(energy: ExperimentResult['energy']): string {
  const whose = whoseJoules(energy)
  return whose === null ? '' : `, ${whose}`
}

/** The number to quote, first of all. */
export function* quotedFacts(result: ExperimentResult): Generator<Fact> {
  const { quoted } = quotedNumbers(result)
  const text = quotedText(quoted, result.energy)
  if (text !== null) yield ['Quoted', text]
  // Where there is no energy at all, the line of the energy has said it.
  else if (result.total_energy_j !== null) yield ['Quoted', `nothing: ${quoted.reason}`]
}

/** The three levels, as far as they are known, and why the others are not. */
export function* levelFacts({ energy_breakdown: breakdown }: ExperimentResult): Generator<Fact> {
  // An older llem knew one level only, which the line of the energy has.
  if (breakdown == null || (breakdown.parked_power_w == null && breakdown.parked_reason == null)) return
  yield ['Idle', levels(breakdown)]
  const { active_j, active_uncertainty_j, active_energy_per_output_token_j: each } = breakdown
  if (active_j == null) return
  const perOutput =
    each == null
      ? ''
      : `, ${perToken(each, breakdown.active_energy_per_output_token_uncertainty_j, 'J/output token')} of the whole run`
  yield ['Active', `${uncertain(active_j, active_uncertainty_j, 'J')} above parked${perOutput}`]
}

function levels(breakdown: EnergyBreakdown): string {
  const { baseline_power_w, baseline_uncertainty_w, baseline_reason } = breakdown
  const { parked_power_w, parked_uncertainty_w, parked_reason } = breakdown
  return [
    level('bare', baseline_power_w, baseline_uncertainty_w, baseline_reason),
    // With an active energy it was taken off, whatever is missing beside it.
    level('parked', parked_power_w, parked_uncertainty_w, breakdown.active_j === null ? parked_reason : null),
  ].join('; ')
}

function level(
  name: string,
  watts: number | null,
  uncertainty: number | null,
  reason: string | null,
): string {
  if (watts === null) return `${name} unknown${reason === null ? '' : `: ${reason}`}`
  const text = `${name} ${uncertain(watts, uncertainty, 'W')}`
  // A finding says why.
  return reason === null ? text : `${text}, not subtracted`
}

/** With four digits where nothing is known of how far it may be off. */
export function perToken(joules: number, uncertainty: number | null, unit: string): string {
  return uncertainty !== null && uncertainty > 0
    ? uncertain(joules, uncertainty, unit)
    : `${joules.toPrecision(4)} ${unit}`
}
