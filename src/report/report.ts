// What a report says, before it is a page or Markdown.

import type { Objective } from '../compare/front.js'
import { type Configuration, configurationsOf } from './configurations.js'
import type { ReferencePoint } from './reference-points.js'
import type { LeftOut, Run } from './runs.js'

export interface Report {
  /** Of the llem that makes the report. */
  version: string
  configurations: Configuration[]
  runs: Run[]
  leftOut: readonly LeftOut[]
  references: readonly ReferencePoint[]
  /** Limits to draw, each of a plane's metric. */
  objectives: readonly Objective[]
}

export interface Matter {
  runs: readonly Run[]
  leftOut: readonly LeftOut[]
  references: readonly ReferencePoint[]
  objectives?: readonly Objective[]
  version: string
}

/** Orders and numbers what was measured. The same matter is the same report. */
export function reportOf({ runs, leftOut, references, objectives = [], version }: Matter): Report {
  const configurations = configurationsOf(runs)
  const inOrder = configurations.flatMap((each) => each.runs)
  return { version, configurations, runs: inOrder, leftOut, references, objectives }
}

/**
 * The configurations that a sentence or a chart compares: experiments with a number, the real ones where there are any, and
 * of those the ones of GPUs.
 */
export function comparable({ configurations }: Report): Configuration[] {
  const quoted = configurations.filter(({ kind, quoted }) => kind === 'run' && quoted !== null)
  const real = quoted.filter(({ simulated }) => !simulated)
  const alike = real.length > 0 ? real : quoted
  const ofGpus = alike.filter(({ runs }) => runs[0]?.energyOf === null)
  return ofGpus.length > 0 ? ofGpus : alike
}
