// Older results -> what is written now, one version at a time. A migration is a pure function of what was read; what an
// older llem did not keep becomes null with a reason, never a guess.

import { LlemError } from '../core/errors.js'
import { SCHEMA_VERSION } from './experiment.js'
import { findingOfLine } from './findings.js'

/** What may be in a run's folder. */
export type ResultKind = 'run' | 'exec' | 'incomplete'

/** JSON as it was read, of which only an object can be a result. */
export type Content = Record<string, unknown>

interface Migration {
  from: string
  to: string
  /** Changes what differs between the two versions, apart from `schema_version`; absent where nothing does. */
  run?: (content: Content) => Content
  exec?: (content: Content) => Content
  incomplete?: (content: Content) => Content
}

/** In order; the last one leads to SCHEMA_VERSION. */
const MIGRATIONS: readonly Migration[] = [
  {
    from: '3.0.0',
    to: '3.1.0',
    run: ({ prompts, ...content }) => ({
      ...content,
      prompts: {
        // There was no other order, and no seed but that of synthetic prompts, which is in effective_config.
        order: 'interleaved',
        seed: null,
        column: null,
        dataset: null,
        truncated: sumOf(content.process_results, 'truncated'),
        token_lengths: { input: null, output: null, reason: 'schema 3.0.0 did not keep them' },
        notes: [],
        ...(isContent(prompts) ? prompts : {}),
      },
    }),
  },
  {
    from: '3.1.0',
    to: '3.2.0',
    run: (content) => ({
      ...withEnergy(content),
      findings: (Array.isArray(content.measurement_warnings) ? content.measurement_warnings : []).map(
        (line) => findingOfLine(String(line)),
      ),
    }),
    exec: (content) => ({ ...withEnergy(content), findings: [] }),
    incomplete: (content) => withEnergy(content),
  },
]

function withEnergy(content: Content): Content {
  return isContent(content.energy) ? { ...content, energy: energyOf3_2(content.energy) } : content
}

/** The parts of an uncertainty become its components; what nobody kept is null. */
function energyOf3_2(energy: Content): Content {
  return {
    ...energy,
    absolute_uncertainty_j: null,
    estimator: null,
    constants_hash: null,
    findings: [],
    devices: Array.isArray(energy.devices) ? energy.devices.map(deviceOf3_2) : energy.devices,
  }
}

/** What the parts of an uncertainty (k = 2) were called, and where each came from. */
const PARTS_3_1 = {
  sampling_j: ['sampling', 'what happens while the sensor does not look'],
  edges_j: ['edges', 'how the energy around the edges is shared with what is beside the window'],
  gaps_j: ['gaps', 'time that no reading covers'],
  counter_tick_j: ['counter ticks', 'when the ticks of the counter around the edges fell'],
  residual_j: ['witnesses differ', 'readings and counter, where nothing says which is right'],
} as const

function deviceOf3_2(device: unknown): unknown {
  if (!isContent(device)) return device
  const { residual_flagged, counter_trust, self_test_pct: _, uncertainty, ...rest } = device
  const parts = isContent(uncertainty) ? uncertainty : {}
  const flag = (code: string) => ({ code, severity: 'warning', text: `${String(device.reason)}.` })
  return {
    ...rest,
    absolute_uncertainty_j: null,
    uncertainty: Object.entries(PARTS_3_1).flatMap(([key, [component, source]]) => {
      const expanded = parts[key]
      if (typeof expanded !== 'number') return []
      const type = component === 'gaps' || component === 'witnesses differ' ? 'B' : 'A'
      return { component, source, type, standard_uncertainty_j: expanded / 2, of_board: false }
    }),
    // What a counter is, is another question than whether it agreed on one steady load.
    counter_kind: null,
    gain_ratio: null,
    findings:
      counter_trust === 'distrusted'
        ? [flag('counter_odd')]
        : residual_flagged === true
          ? [flag('estimators_disagree')]
          : [],
  }
}

/** The versions that can be read, the oldest first. */
export const READABLE_VERSIONS: readonly string[] = [...MIGRATIONS.map(({ from }) => from), SCHEMA_VERSION]

/**
 * A result of any version as one of SCHEMA_VERSION. Throws RESULT_NEWER for one of a version that this llem does not
 * know yet, and RESULT_INVALID for what has no version at all or one that never was.
 */
export function migrated(content: unknown, kind: ResultKind, path: string): Content {
  const version = isContent(content) ? content.schema_version : undefined
  if (!isContent(content) || typeof version !== 'string') throw invalid(path, 'it has no schema_version')
  if (isNewer(version)) {
    throw new LlemError(
      `${path} has schema ${version}, which is newer than ${SCHEMA_VERSION}, the newest that this llem reads.`,
      { code: 'RESULT_NEWER', hint: 'Update llem and try again.', kind: 'usage' },
    )
  }
  if (!READABLE_VERSIONS.includes(version)) throw invalid(path, `there is no schema ${version}`)
  const steps = MIGRATIONS.slice(READABLE_VERSIONS.indexOf(version))
  return steps.reduce<Content>((older, step) => restamped(step[kind]?.(older) ?? older, step.to), content)
}

/** The processes of an experiment have the version too. */
function restamped(content: Content, version: string): Content {
  const { process_results: processes } = content
  return {
    ...content,
    schema_version: version,
    ...(Array.isArray(processes)
      ? { process_results: processes.map((each) => ({ ...each, schema_version: version })) }
      : {}),
  }
}

function isNewer(version: string): boolean {
  const [theirs, ours] = [version, SCHEMA_VERSION].map((text) => text.split('.').map(Number))
  const differing = ours?.findIndex((number, place) => number !== theirs?.[place]) ?? -1
  return differing >= 0 && Number(theirs?.[differing]) > Number(ours?.[differing])
}

function sumOf(items: unknown, key: string): number {
  const numbers = Array.isArray(items) ? items.map((item) => Number(isContent(item) ? item[key] : 0)) : []
  return numbers.reduce((sum, number) => sum + number, 0)
}

function isContent(value: unknown): value is Content {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(path: string, why: string): LlemError {
  return new LlemError(`${path} is no result of llem: ${why}.`, {
    code: 'RESULT_INVALID',
    hint: `Versions that can be read: ${READABLE_VERSIONS.join(', ')}.`,
    kind: 'usage',
  })
}
