import type { Energy } from '../results/energy.js'
import type { NodeClock, NodeEnergy, RoleEnergy } from '../results/nodes.js'
import { uncertain } from '../results/uncertain.js'

/** Each node, each role, and what their clocks may hide. */
export function* nodeFacts({ nodes: told }: Pick<Energy, 'nodes'>): Generator<[name: string, fact: string]> {
  if (told == null) return
  const { nodes, roles, clock_bound_j, expected } = told
  for (const node of nodes) yield ['Node', `${nameOf(node)}: ${nodeText(node)}`]
  if (nodes.length < expected) yield ['Node', `${expected - nodes.length} of ${expected} had no meter`]
  for (const each of roles) if (each.role !== null || roles.length > 1) yield ['Role', roleText(each)]
  const bounds = nodes.flatMap(({ clock }) =>
    clock === null ? [] : [Math.max(clock.start_bound_ns, clock.end_bound_ns)],
  )
  if (clock_bound_j !== null && bounds.length > 0)
    yield [
      'Clocks',
      `within ${milliseconds(Math.max(...bounds))} of this one, ${clock_bound_j.toPrecision(2)} J at most; in the uncertainty`,
    ]
}

function nameOf({ node, role }: NodeEnergy): string {
  return role === null ? node : `${node} (${role})`
}

function nodeText({ total_j, uncertainty_j, fault, reason, gpus, clock }: NodeEnergy): string {
  const joules =
    total_j === null
      ? null
      : `${uncertain(total_j, uncertainty_j, 'J')} (k=2) of ${gpus.length} ${gpus.length === 1 ? 'GPU' : 'GPUs'}`
  const clockText =
    clock === null ? null : `its clock ${milliseconds(clock.start_offset_ns)} ahead${driftText(clock)}`
  const lost = fault === null ? null : `no part of a total: ${reason} [${fault}]`
  return [joules, clockText, lost].filter((part) => part !== null).join('; ')
}

/** Nothing where messages that were on their way for long make as much. */
function driftText({ drift_ppm, drift_bound_ppm }: NodeClock): string {
  return Math.abs(drift_ppm) <= (drift_bound_ppm ?? 0) ? '' : `, ${drift_ppm.toFixed(0)} ppm fast`
}

function roleText({
  role,
  nodes,
  total_j,
  uncertainty_j,
  energy_per_output_token_j: perToken,
  reason,
}: RoleEnergy) {
  const name = `${role ?? 'without a role'} (${nodes.length === 1 ? nodes[0] : `${nodes.length} nodes`})`
  if (total_j === null) return `${name}: unknown: ${reason ?? 'one of its nodes is'}`
  const each = perToken === null ? '' : `, ${perToken.toPrecision(3)} J/output token`
  return `${name}: ${uncertain(total_j, uncertainty_j, 'J')} (k=2)${each}`
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toPrecision(3)} ms`
}
