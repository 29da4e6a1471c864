// Whose the joules are, once more from the samples and the times of the requests.

import { type Attributed, attributeEnergy } from '../attribution/of-requests.js'
import { steadyEnergy } from '../attribution/of-stretch.js'
import { LlemError } from '../core/errors.js'
import type { ExperimentResult } from '../results/experiment.js'
import { readRequestTimes } from '../results/request-times.js'
import { whyUnseen } from '../results/served-streams.js'
import { type Check, check, type Quantity } from './check.js'

const SAMPLES = 'samples.parquet'

/** Phases, the energy of each request and the steady state of a result by its samples. Throws what reading them throws. */
export async function checksOfAttributedSamples(
  { energy, phases, request_energy, steady_state, serving }: ExperimentResult,
  samplesPath: string,
  requestsPath: string | null,
): Promise<Check[]> {
  const checks: Check[] = []
  if (energy !== null && requestsPath !== null && phases !== null && request_energy !== null) {
    const { times, energies } = await readRequestTimes(requestsPath)
    const { attribution, reason } = await attributeEnergy(
      samplesPath,
      times,
      energy,
      whyUnseen(serving?.streams ?? null),
    ).catch(refused)
    if (attribution === null) checks.push(check('phases', SAMPLES, 'attributed', `not attributed: ${reason}`))
    else
      checks.push(
        ...checksOfLeaves('phases', phases, attribution.phases),
        ...checksOfLeaves('request_energy', request_energy, attribution.requestEnergy),
        checkOfWorst(energies, attribution.energies),
      )
  }
  if (steady_state !== null && steady_state.energy_j !== null) {
    const again = await steadyEnergy(samplesPath, steady_state.start_ns, steady_state.end_ns)
    for (const name of ['energy_j', 'uncertainty_j', 'absolute_uncertainty_j', 'method'] as const)
      checks.push(check(`steady_state.${name}`, SAMPLES, steady_state[name], again[name]))
  }
  return checks
}

/** Joules that no pieces add up to differ from the samples, whatever else does. */
function refused(error: unknown): Attributed {
  if (error instanceof LlemError && error.code === 'PIECES_DIFFER')
    return { attribution: null, reason: error.message }
  throw error
}

/** Every number and word of an object, however deep. */
function checksOfLeaves(path: string, stored: unknown, again: unknown): Check[] {
  if (stored === null || typeof stored !== 'object')
    return [check(path, SAMPLES, stored as Quantity, (again ?? null) as Quantity)]
  return Object.entries(stored).flatMap(([key, value]) =>
    checksOfLeaves(`${path}.${key}`, value, (again as Record<string, unknown> | null | undefined)?.[key]),
  )
}

/** The energies of the requests, one by one: the first that differs, or the last. */
function checkOfWorst(stored: Float64Array | null, again: Float64Array): Check {
  const name = (line: number) => `energy_j of requests.jsonl:${line}`
  if (stored === null || stored.length !== again.length)
    return check('lines of requests.jsonl with energy_j', SAMPLES, stored?.length ?? 0, again.length)
  const of = (line: number) =>
    check(name(line + 1), SAMPLES, orNull(stored[line] as number), orNull(again[line] as number))
  for (let line = 0; line < stored.length; line++) {
    const found = of(line)
    if (!found.agrees) return found
  }
  return of(stored.length - 1)
}

function orNull(joules: number): number | null {
  return Number.isNaN(joules) ? null : joules
}
