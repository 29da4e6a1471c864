// The meters of one window against one another: what holds something else cannot use less than it. Where it does, one of
// the two is wrong, or they do not measure the same machine.

import { EXTERNAL_SCOPES, type ExternalScope } from '../../core/external-scopes.js'
import type { Meanings } from '../../core/meanings.js'
import type { Energy } from '../../results/energy.js'
import type { ExternalEnergy } from '../../results/external.js'
import { type Finding, warning } from '../../results/findings.js'
import { uncertain } from '../../results/uncertain.js'
import { withAccuracy } from './external-meter.js'
import { MOMENTS_SHARE } from './window-integral.js'

interface Layer {
  /** As the subject of a sentence. */
  name: string
  scope: ExternalScope | 'gpus'
  joules: number
  /** k = 2. */
  uncertainty: number
}

/** What a reader of the meters' joules should know: contradictions, and meters that were asked for and say nothing. */
export function findingsOfExternal(energy: Omit<Energy, 'findings'>): Finding[] {
  const { external } = energy
  if (external.length === 0) return []
  const outside = external.flatMap((meter) => layerOf(meter) ?? [])
  const silent = external.flatMap(({ name, scope, reason }) =>
    reason === null
      ? []
      : [warning('external_meter_silent', `the energy of the ${scope} by ${name} is unknown: ${reason}.`)],
  )
  return [
    ...silent,
    ...external.flatMap(inStep),
    ...outside.flatMap((outer) => contradictions(outer, [...outside, ...innermost(outer, energy)])),
  ]
}

/** Moments that are as even as this may be in step with a load that is not: nothing but the floor is uncertain then. */
function inStep({
  name,
  scope,
  quantity,
  means,
  energy_j,
  uncertainty_j,
  accuracy_pct,
}: ExternalEnergy): Finding[] {
  if (quantity !== 'power' || means || energy_j === null || uncertainty_j === null) return []
  const floor = withAccuracy(energy_j, MOMENTS_SHARE * energy_j, accuracy_pct) ?? 0
  if (uncertainty_j > floor * (1 + 1e-9)) return []
  return [
    {
      ...{ code: 'readings_may_be_in_step', severity: 'info', devices: [], count: 1 },
      text: `the ${scope} by ${name} shows moments of which two beside one another hardly differ: a load that repeats at their pace would look the same, and its energy may be off by more than the ${100 * MOMENTS_SHARE} % that are counted.`,
    },
  ]
}

function contradictions(outer: Layer, all: readonly Layer[]): Finding[] {
  return all
    .filter(({ scope }) => rank(scope) > rank(outer.scope))
    .filter((inner) => inner.joules - outer.joules > inner.uncertainty + outer.uncertainty)
    .map((inner) =>
      warning(
        'layers_contradict',
        `${outer.name} used ${uncertain(outer.joules, outer.uncertainty, 'J')}, less than ${inner.name} in it: ${uncertain(inner.joules, inner.uncertainty, 'J')}.`,
      ),
    )
}

function rank(scope: Layer['scope']): number {
  return scope === 'gpus' ? EXTERNAL_SCOPES.length : EXTERNAL_SCOPES.indexOf(scope)
}

function layerOf({ name, scope, energy_j, uncertainty_j }: ExternalEnergy): Layer | null {
  return energy_j === null
    ? null
    : { name: `the ${scope} (${name})`, scope, joules: energy_j, uncertainty: uncertainty_j ?? 0 }
}

/** The GPUs, and of a node and at the wall what RAPL counts too: a module may have no CPU of its own. */
function innermost({ scope }: Layer, energy: Omit<Energy, 'findings'>): Layer[] {
  const { total_j, absolute_uncertainty_j, uncertainty_j, cpu, domain } = energy
  const gpus = domain === 'gpu' ? total_j : null
  const besideJ = scope === 'module' ? null : cpu.package_j
  const memoryJ = scope === 'module' ? null : cpu.dram_j
  const parts = [
    ...(gpus === null ? [] : [energy.devices.length === 1 ? 'the GPU' : 'the GPUs']),
    ...(besideJ === null ? [] : ['the CPU']),
    ...(memoryJ === null ? [] : ['the memory']),
  ]
  if (parts.length === 0) return []
  const name =
    parts.length === 1 ? (parts[0] as string) : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`
  // Two instruments are compared, so the board's own gain counts.
  const doubt = gpus === null ? 0 : (absolute_uncertainty_j ?? uncertainty_j ?? 0)
  return [
    {
      name,
      scope: 'gpus',
      joules: (gpus ?? 0) + (besideJ ?? 0) + (memoryJ ?? 0),
      uncertainty: Math.hypot(doubt, scope === 'module' ? 0 : ofCpu(energy)),
    },
  ]
}

function ofCpu({ cpu }: Omit<Energy, 'findings'>): number {
  return cpu.domains
    .filter(({ kind }) => kind === 'package' || kind === 'dram')
    .reduce((sum, { uncertainty_j }) => sum + (uncertainty_j ?? 0), 0)
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  layers_contradict: {
    meaning:
      'A meter that holds another shows less than it, by more than both uncertainties. One of them is wrong, or they are of different machines.',
    evidence:
      '`energy.external` and `energy.total_j` over the same window: wall, node, module, GPUs, each at least the next.',
    advice:
      'Check which outlet, chassis or sensor the meter reads, and set `accuracy_pct`, without which its own error counts as none.',
  },
  readings_may_be_in_step: {
    meaning:
      'A meter shows the power at moments, and two beside one another differ so little that only a convention says how far the energy may be off. A load that repeats at the pace of the readings would look the same.',
    evidence: `\`energy.external[].uncertainty_j\` is ${100 * MOMENTS_SHARE} % of the energy, and \`means\` is false.`,
    advice:
      'Where the meter shows means over the time between two readings, let it print `{"means": true}`; else read it at another pace and compare.',
  },
  external_meter_silent: {
    meaning: 'A meter that was asked for has no joules for this window. No other number is affected.',
    evidence: '`energy.external[].reason`.',
    advice: 'Run its command by itself: it prints one line for each reading.',
  },
}
