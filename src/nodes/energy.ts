// All nodes as one energy: every GPU once, and what the clocks may hide beside what the boards may be off.

import type { Meanings } from '../core/meanings.js'
import type { NodeRole } from '../core/node-roles.js'
import type { DeviceEnergy, Energy } from '../results/energy.js'
import { type Finding, warning, withoutRepetitions } from '../results/findings.js'
import type { NodeEnergy, NodesEnergy, RoleEnergy } from '../results/nodes.js'
import type { WindowFile } from './files.js'
import type { NodeWindow, NodeWindows } from './fold.js'

/** A bound as a standard uncertainty (GUM 4.3.7: anywhere within it alike), and k = 2. */
const EXPANDED = 2 / Math.sqrt(3)

/** A GPU that counts, and whose it is. */
interface Counted {
  node: NodeWindow
  device: DeviceEnergy
}

/** The energy of all nodes over the window, in the words of result.json. */
export function energyOfNodes({ window, span, nodes }: NodeWindows): Energy {
  const { expected_nodes: expected, output_tokens: tokens } = window
  const counted = eachOnce(nodes)
  const missing = Math.max(0, expected - nodes.length)
  const isSound =
    missing === 0 &&
    window.late.length === 0 &&
    nodes.length > 0 &&
    nodes.every(({ fault }) => fault === null)
  const sums = sumsOf(counted, nodes)
  const devices = counted.map(({ device }) => device)
  const [first] = nodes.flatMap(({ energy }) => energy ?? [])
  const [method = null] = devices.map((device) => device.method)
  const all = (of: (device: DeviceEnergy) => number | null) => (isSound ? sum(devices.map(of)) : null)
  const told: NodesEnergy = {
    expected,
    nodes: nodes.map((node) => nodeOf(node, counted, tokens)),
    roles: rolesOf(nodes, counted, tokens),
    clock_bound_j: sum(nodes.map(({ clock }) => clock?.energy_bound_j ?? null)),
  }
  return {
    backend: 'nvml',
    domain: 'gpu',
    method: isSound && devices.every((device) => device.method === method) ? method : null,
    total_j: isSound ? sums.totalJ : null,
    reason: isSound
      ? `the GPUs of ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}, each once: ${first?.reason ?? ''}`
      : faultsOf(nodes, window, missing)
          .map(({ code, text }) => `${text.replace(/\.$/, '')} [${code}]`)
          .join('; '),
    integral_j: all((device) => device.integral_j),
    counter_j: all((device) => device.counter_j),
    counter_raw_j: all((device) => device.counter_raw_j),
    residual_pct: null,
    uncertainty_j: isSound ? sums.uncertaintyJ : null,
    absolute_uncertainty_j: isSound ? sums.absoluteUncertaintyJ : null,
    gain_pct: isSound ? Math.max(0, ...devices.map((device) => device.gain_pct ?? 0)) : null,
    coverage: isSound ? Math.min(...devices.map((device) => device.coverage)) : null,
    duration_sec: (span.end_ns - span.start_ns) / 1e9,
    window: { ...span, start_utc: window.start_utc },
    cut: null,
    sampler: null,
    devices,
    unmeasured: nodes.flatMap(({ energy }) => energy?.unmeasured ?? []),
    cpu: { package_j: null, dram_j: null, reason: 'the meters of the nodes read GPUs alone', domains: [] },
    external: [],
    sensors: [],
    nodes: told,
    untrusted: nodes.flatMap(({ node, file }) =>
      (file?.energy?.untrusted ?? []).map((each) => ({ ...each, counter: `${node}: ${each.counter}` })),
    ),
    contamination: { other_samplers: null, foreign_processes: null, limit_changes: null },
    findings: [...faultsOf(nodes, window, missing), ...findingsOfNodes(nodes, window)],
    estimator: first?.estimator ?? null,
    constants_hash: first?.constants_hash ?? null,
    faults: nodes.flatMap(({ node, energy }) => (energy?.faults ?? []).map((each) => `${node}: ${each}`)),
    selection: null,
    measurement: null,
    cross_check: null,
  }
}

/** Each GPU of the sound windows once, however many meters saw it. */
function eachOnce(nodes: readonly NodeWindow[]): Counted[] {
  const seen = new Map<string, Counted>()
  for (const node of nodes)
    for (const device of node.energy?.devices ?? [])
      if (!seen.has(device.uuid)) seen.set(device.uuid, { node, device })
  return [...seen.values()]
}

interface Sums {
  totalJ: number | null
  uncertaintyJ: number | null
  absoluteUncertaintyJ: number | null
}

/**
 * Boards are independent, so root of squares. Clocks are not: all are held against one, and the way there may be slower than the
 * way back to every node alike, so their bounds are added.
 */
function sumsOf(counted: readonly Counted[], nodes: readonly NodeWindow[]): Sums {
  const boundJ = sum(nodes.map(({ clock }) => clock?.energy_bound_j ?? null))
  const of = (each: (device: DeviceEnergy) => number | null) => {
    const parts = counted.map(({ device }) => each(device))
    return boundJ === null || parts.some((part) => part === null)
      ? null
      : Math.hypot(...parts.map(Number), EXPANDED * boundJ)
  }
  return {
    totalJ: sum(counted.map(({ device }) => device.total_j)),
    uncertaintyJ: of((device) => device.uncertainty_j),
    absoluteUncertaintyJ: of((device) => device.absolute_uncertainty_j),
  }
}

function nodeOf(node: NodeWindow, counted: readonly Counted[], tokens: number): NodeEnergy {
  const own = (node.energy?.devices ?? []).map((device) => ({ node, device }))
  const { totalJ, uncertaintyJ, absoluteUncertaintyJ } = sumsOf(own, [node])
  return {
    node: node.node,
    boot_id: node.bootId,
    role: node.role,
    folder: node.id,
    total_j: own.length === 0 ? null : totalJ,
    uncertainty_j: own.length === 0 ? null : uncertaintyJ,
    absolute_uncertainty_j: own.length === 0 ? null : absoluteUncertaintyJ,
    energy_per_output_token_j: own.length === 0 ? null : perToken(totalJ, tokens),
    fault: node.fault,
    reason: node.reason,
    gpus: (node.file?.devices ?? []).map(({ uuid, index, name }) => ({
      ...{ uuid, index, name },
      total_j: own.find(({ device }) => device.uuid === uuid)?.device.total_j ?? null,
      counted: counted.some((each) => each.node === node && each.device.uuid === uuid),
    })),
    clock: node.clock,
  }
}

function rolesOf(nodes: readonly NodeWindow[], counted: readonly Counted[], tokens: number): RoleEnergy[] {
  const roles = [...new Set(nodes.map(({ role }) => role))]
  return roles.map((role) => {
    const own = nodes.filter((node) => node.role === role)
    const reason = whyNoRole(role, own, nodes)
    const isSound = reason === null
    const sums = sumsOf(
      counted.filter(({ node }) => own.includes(node)),
      own,
    )
    return {
      role,
      nodes: own.map(({ node }) => node),
      total_j: isSound ? sums.totalJ : null,
      uncertainty_j: isSound ? sums.uncertaintyJ : null,
      absolute_uncertainty_j: isSound ? sums.absoluteUncertaintyJ : null,
      energy_per_output_token_j: isSound ? perToken(sums.totalJ, tokens) : null,
      reason,
    }
  })
}

/** Why a role has no joules of its own; null where it has. */
function whyNoRole(
  role: NodeRole | null,
  own: readonly NodeWindow[],
  nodes: readonly NodeWindow[],
): string | null {
  const faulty = own.find(({ fault }) => fault !== null)
  if (faulty !== undefined) return `${faulty.node}: ${faulty.reason}`
  const uuids = new Set(uuidsOf(own))
  const sharing = nodes.find((node) => node.role !== role && uuidsOf([node]).some((uuid) => uuids.has(uuid)))
  if (sharing === undefined) return null
  const [shared] = uuidsOf([sharing]).filter((uuid) => uuids.has(uuid))
  return `${shared} was seen at ${sharing.node} too, which has another role; nobody knows whose its joules are`
}

function uuidsOf(nodes: readonly NodeWindow[]): string[] {
  return nodes.flatMap(({ energy }) => (energy?.devices ?? []).map(({ uuid }) => uuid))
}

function faultsOf(nodes: readonly NodeWindow[], { late }: WindowFile, missing: number): Finding[] {
  return [
    ...(missing === 0 ? [] : [warning('node_missing', `${missing} of the nodes had no meter.`)]),
    ...late.map((node) =>
      warning(
        'node_came_late',
        `the meter of ${node} came after the measurement had begun, so that nobody knows what all of ${node} drew.`,
      ),
    ),
    ...nodes.flatMap(({ node, fault, reason }) =>
      fault === null ? [] : [warning(fault, `${node}: ${reason.replace(/\.$/, '')}.`)],
    ),
  ]
}

/** What else a reader should know; an index of a GPU says nothing without its node. */
function findingsOfNodes(nodes: readonly NodeWindow[], { roles }: WindowFile): Finding[] {
  const uuids = uuidsOf(nodes)
  const twice = [...new Set(uuids.filter((uuid, at) => uuids.indexOf(uuid) !== at))]
  const unknown = Object.keys(roles).filter((name) => !nodes.some(({ node }) => node === name))
  return withoutRepetitions([
    ...twice.map((uuid) =>
      warning('node_gpu_seen_twice', `the meters of several nodes saw ${uuid}; its joules are counted once.`),
    ),
    ...(unknown.length === 0
      ? []
      : [warning('node_role_unused', `no node is called ${unknown.join(', ')}; the roles name others.`)]),
    ...nodes.flatMap(({ node, energy, file }) =>
      [
        ...(energy?.findings ?? []),
        ...(file?.energy?.findings ?? []).filter(({ code }) => LIVE.has(code)),
      ].map((finding) =>
        OF_THE_WINDOW.has(finding.code)
          ? { ...finding, devices: [], count: 1 }
          : { ...finding, text: `${node}: ${finding.text}`, devices: [], count: 1 },
      ),
    ),
  ])
}

/** What only a meter that is running sees: it is of all the time that it measured. */
const LIVE: ReadonlySet<string> = new Set([
  'foreign_process',
  'other_sampler',
  'limit_changed',
  'sampler_overrun',
  'recording_fault',
  'slurm_node_shared',
  'slurm_gpu_shared',
  'slurm_gpus_not_named',
])
/** The same on all nodes. */
const OF_THE_WINDOW: ReadonlySet<string> = new Set(['short_measurement_duration'])

function sum(parts: readonly (number | null)[]): number | null {
  return parts.some((part) => part === null)
    ? null
    : parts.reduce<number>((all, part) => all + (part ?? 0), 0)
}

function perToken(joules: number | null, tokens: number): number | null {
  return joules === null || tokens <= 0 ? null : joules / tokens
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  node_missing: {
    meaning: 'A node that the server may compute on has no meter. The run has no total.',
    evidence: 'Fewer meters than `energy.nodes.count`, or than the Slurm job has nodes.',
    advice: 'Look at `energy.nodes.start`; each node must start `llem meter node`.',
  },
  node_gpu_seen_twice: {
    meaning:
      'Two meters read one GPU, as where two names are of one machine. Its joules are in the sum once.',
    evidence: 'The UUID is in the files of both.',
    advice: 'Name each machine once.',
  },
  node_came_late: {
    meaning: 'A node had a meter too late. The run has no total, which would lack the joules of that node.',
    evidence: 'Its meter connected after the window had begun.',
    advice:
      'Say how many nodes there are with `energy.nodes.count`, as where one command starts several meters.',
  },
  node_role_unused: {
    meaning: 'A role was given to a node that was not measured.',
    evidence: '`energy.nodes.roles` against the names of the nodes.',
    advice: 'Use the names that the result has in `energy.nodes.nodes`.',
  },
}
