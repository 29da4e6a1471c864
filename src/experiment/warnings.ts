// What there is to say of a whole experiment: what its measurement has (energy/findings.ts), and what is particular.

import { findingsOfLength } from '../energy/findings.js'
import type { EnergyBreakdown } from '../results/breakdown.js'
import type { Energy } from '../results/energy.js'
import type { WarmupResult } from '../results/experiment.js'
import { type Finding, findingOfLine, warning, withoutRepetitions } from '../results/findings.js'
import type { Inference } from './inference.js'
import { type ServingTotals, servingWarnings } from './serving.js'

/** What the warnings about a whole experiment look at. */
export interface ExperimentFacts {
  simulated: boolean
  keptLoaded: boolean
  energy: Energy | null
  /** What was seen of the GPUs, also where no energy is accounted for. */
  observed?: Energy | null
  /** Why there is no energy; null where that was asked for, or there is one. */
  energyProblem: string | null
  warmups: readonly Pick<WarmupResult, 'mode' | 'converged' | 'final_cv' | 'target_cv'>[]
  breakdown: EnergyBreakdown | null
  baseline: { method: 'fresh' | 'cached'; disturbances: readonly string[]; serverRuns?: boolean } | null
  members: readonly {
    session: { info: { compute: string; pid: number | null } }
    gpuUuids: readonly string[] | null
  }[]
  inference: Pick<Inference, 'inferenceS' | 'requestsProblem'> & { totals: ServingTotals }
  /** What went wrong while the energy was attributed to requests, as warnings. */
  attributionWarnings?: readonly string[]
  /** Where is computed, if elsewhere. */
  ofLists?: readonly Finding[]
}

/** All findings of an experiment: those of its measurement, then what is particular. */
export function findingsOfExperiment(facts: ExperimentFacts): Finding[] {
  const { energy, inference, members } = facts
  const lines = [
    ...(facts.energyProblem === null ? [] : [`energy_unknown: ${facts.energyProblem}`]),
    ...facts.warmups.flatMap(warmupWarnings),
    ...sharedGpus(members),
    ...(inference.requestsProblem === null
      ? []
      : [`requests_incomplete: requests.jsonl could not be written: ${inference.requestsProblem}.`]),
    ...(facts.attributionWarnings ?? []),
    ...servingWarnings(inference.totals),
  ]
  return withoutRepetitions([
    ...(energy === null
      ? [...findingsOfLength(inference.inferenceS), ...withoutEnergy(facts.observed ?? null)]
      : [...energy.findings, ...ofEnergy(energy, facts)]),
    ...(facts.ofLists ?? []),
    ...lines.map(findingOfLine),
  ])
}

/** What matters of the GPUs where nobody asks for their joules: how they are set up, their temperature, who else is there. */
const OF_THE_GPUS: ReadonlySet<string> = new Set([
  'gpu_persistence_mode_off',
  'thermal_drift_detected',
  'foreign_process',
  'limit_changed',
  'recording_fault',
])

function withoutEnergy(observed: Energy | null): Finding[] {
  return (observed?.findings ?? []).filter(({ code }) => OF_THE_GPUS.has(code))
}

function warmupWarnings({
  mode,
  converged,
  final_cv: cv,
  target_cv: target,
}: ExperimentFacts['warmups'][number]): string[] {
  if (mode === 'failed')
    return ['warmup_failed: no prompt of the warmup succeeded; what was measured began cold.']
  if (converged) return []
  const reached = cv === null ? 'too few prompts succeeded to tell' : `CV ${cv.toFixed(3)}, target ${target}`
  return [`warmup_not_converged: the latency was not steady before the measurement (${reached}).`]
}

/** GPUs on which several processes were at work: their energy is not that of one process. */
function sharedGpus(members: ExperimentFacts['members']): string[] {
  const users = new Map<string, number[]>()
  for (const [index, { gpuUuids }] of members.entries())
    for (const uuid of gpuUuids ?? []) users.set(uuid, [...(users.get(uuid) ?? []), index])
  return [...users].flatMap(([uuid, indices]) =>
    indices.length < 2
      ? []
      : [
          `gpu_shared: processes ${indices.join(', ')} share GPU ${uuid}; its energy is counted once and is none of theirs alone.`,
        ],
  )
}

/** What the energy of an experiment has beside what any measurement has. */
function ofEnergy(
  energy: Energy,
  { baseline, breakdown, members, simulated, keptLoaded }: ExperimentFacts,
): Finding[] {
  const findings: Finding[] = []
  const add = (code: string, text: string) => findings.push(warning(code, text))
  if (breakdown?.adjusted_j != null && breakdown.adjusted_j < 0)
    add(
      'adjusted_energy_negative',
      'the baseline is higher than the measured power. Measure the baseline again on an idle GPU.',
    )
  // The simulated GPU computes nothing either, and every output says so already.
  if (!simulated && members.some(({ session }) => session.info.compute === 'cpu'))
    add(
      'gpu_not_used',
      'the model ran on the CPU; the energy is that of GPUs that did not compute. Install a backend for the GPU.',
    )
  if (baseline?.serverRuns === true)
    add(
      'baseline_model_loaded',
      'idle power was measured with the model in the memory of a server that ran before llem did. Run `llem baseline measure` before the server is started.',
    )
  else if (keptLoaded && baseline?.method === 'fresh')
    add(
      'baseline_model_loaded',
      'idle power was measured with the model of an earlier experiment in memory, which idles higher.',
    )
  for (const disturbance of baseline?.disturbances ?? [])
    add('baseline_disturbed', `while idle power was measured, ${disturbance}`)
  if (breakdown?.parked_power_w != null && breakdown.active_j === null && breakdown.parked_reason !== null)
    add('parked_disturbed', breakdown.parked_reason)
  if (breakdown?.active_j != null && breakdown.active_j < -(breakdown.active_uncertainty_j ?? 0))
    add(
      'active_energy_negative',
      'the GPUs drew less in the measurement than while the loaded model did nothing before it. Increase thermal_floor_seconds.',
    )
  const unused = idleGpus(energy, members)
  if (unused !== null) add('gpus_not_used', unused)
  return findings
}

/** Each of several processes has one GPU, and all that are visible are measured. */
function idleGpus(energy: Energy, members: ExperimentFacts['members']): string | null {
  if (members.some(({ gpuUuids }) => gpuUuids === null)) return null
  const used = new Set(members.flatMap(({ gpuUuids }) => gpuUuids ?? []))
  const idle = energy.devices.filter(({ uuid }) => !used.has(uuid)).map(({ index }) => index)
  return idle.length === 0
    ? null
    : `no process had GPU ${idle.join(', ')}, whose energy is in the total. Name the others in energy.devices.`
}
