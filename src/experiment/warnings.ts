// What there is to say of a whole experiment: what its measurement has (energy/findings.ts), and what is particular.

import type { Meanings } from '../core/meanings.js'
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

/** Said in their place where they could not be found out. */
export function findingsFailed(text: string): Finding {
  return warning('warnings_failed', text)
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
  const isOfGpus = energy.domain === 'gpu' && (energy.devices.length > 0 || energy.total_j !== null)
  if (!simulated && isOfGpus && members.some(({ session }) => session.info.compute === 'cpu'))
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

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  energy_unknown: {
    meaning: 'There is no energy in this result.',
    evidence: 'The reason is in the text.',
    advice: 'See `llem devices`: it shows what can be read here.',
  },
  gpu_shared: {
    meaning: 'Several processes of this experiment share a GPU. Its energy is counted once.',
    evidence: 'The same UUID in several processes.',
    advice: null,
  },
  adjusted_energy_negative: {
    meaning: 'The run drew less than the idle power that was subtracted.',
    evidence: '`energy_breakdown.adjusted_j` is below 0.',
    advice: 'Measure the baseline again on an idle GPU (`llem baseline`).',
  },
  parked_disturbed: {
    meaning: 'The power with the loaded model at rest was not steady. It is subtracted by nobody.',
    evidence: 'Drift, or something that computed, while the model was loaded and nothing ran.',
    advice: 'Raise `warmup.thermal_floor_seconds`, and keep others off the GPU.',
  },
  active_energy_negative: {
    meaning: 'The run drew less than the loaded model at rest did before it.',
    evidence: '`energy_breakdown.active_j` is below 0 by more than its uncertainty.',
    advice: 'Raise `warmup.thermal_floor_seconds`.',
  },
  baseline_model_loaded: {
    meaning:
      'Idle power was measured with a model in memory, which idles higher. It is no bare level, and not subtracted.',
    evidence:
      'A campaign kept the model of the experiment before, or `base_url` is a server on this machine.',
    advice:
      'Run `llem baseline measure` before the campaign or before the server is started, or use `cold_start.force_cold_start`.',
  },
  baseline_disturbed: {
    meaning:
      'The GPU was not idle while idle power was measured. The level is told and not subtracted: there is no adjusted energy.',
    evidence: 'Drift of more than 5 %, processes that computed, or a temperature that fell.',
    advice: 'Measure it again when the GPU is idle.',
  },
  gpu_not_used: {
    meaning: 'The model ran on the CPU. The joules are those of GPUs that did not compute.',
    evidence: 'What the backend says it computes on.',
    advice: 'Install a backend for the GPU (`llem backend list`).',
  },
  gpus_not_used: {
    meaning: 'GPUs that no process used are in the total.',
    evidence: 'The UUIDs of the processes beside those that were measured.',
    advice: 'Name those that compute in `energy.devices`.',
  },
  warmup_failed: {
    meaning: 'No prompt of the warmup succeeded: the measurement began cold.',
    evidence: 'All prompts of the warmup failed.',
    advice: 'Look for the first error in the log.',
  },
  warmup_not_converged: {
    meaning: 'The latency was not steady yet when the measurement began.',
    evidence: 'The coefficient of variation of the last prompts is not below `warmup.cv_threshold`.',
    advice: 'Raise `warmup.max_prompts`.',
  },
  requests_incomplete: {
    meaning: 'requests.jsonl is not whole. The totals are not affected.',
    evidence: 'Writing the file failed.',
    advice: 'Make room or use another disk.',
  },
  warnings_failed: {
    meaning: 'What there is to say of this measurement could not be found out.',
    evidence: 'The reason is in the text.',
    advice: 'Please report it.',
  },
}
