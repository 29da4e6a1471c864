// `llem campaign --validate-only`: of each experiment, whether all that it needs is there.

import { LlemError } from '../core/errors.js'
import { isAttached } from '../experiment/identity.js'
import { preflightOf } from '../experiment/preflight/ready.js'
import type { PreflightProblem } from '../experiment/preflight/report.js'
import type { Observer } from '../progress/observer.js'
import type { CampaignPlan } from './plan.js'
import { pointsOfMachine } from './points.js'
import { unservedPoints } from './unserved.js'

/** A problem, and the names of the experiments that have it. */
export interface PointProblem extends PreflightProblem {
  experiments: string[]
}

export interface CampaignPreflight {
  /** Experiments that are not run: the server answers as another model. */
  unserved: { experiment: string; code: string; message: string }[]
  /** What is in the way of others. */
  problems: PointProblem[]
}

/** What needs other hardware is kept with a warning: another machine may run it. */
const OF_HARDWARE: readonly string[] = ['devices', 'memory']

/** `isElsewhere`: whether a backend runs in a container, of which nothing can be told from here. */
export async function preflightOfCampaign(
  plan: CampaignPlan,
  {
    libraryPath,
    observer,
    signal,
    isElsewhere,
  }: {
    libraryPath: string | undefined
    observer: Observer
    signal: AbortSignal | undefined
    isElsewhere: (backend: string) => boolean
  },
): Promise<CampaignPreflight> {
  const nameOf = (place: number) => plan.experiments[place]?.name ?? ''
  const left = await unservedPoints(plan, { observer, signal })
  const unserved = [...left].map(([place, why]) => ({ experiment: nameOf(place), ...why }))
  const problems = new Map<string, PointProblem>()
  const imported = new Set<string>()
  for (const { places, config } of pointsOfMachine(plan)) {
    const names = places.filter((place) => !left.has(place)).map(nameOf)
    if (names.length === 0 || (isElsewhere(config.backend) && !isAttached(config))) continue
    const python = `${config.backend} ${config.python}`
    const imports = imported.has(python) ? 'never' : 'always'
    imported.add(python)
    const report = await preflightOf(config, { libraryPath, observer, signal, imports })
    for (const problem of report.problems) {
      const key = JSON.stringify([problem.code, problem.message])
      const known = problems.get(key) ?? { ...problem, experiments: [] }
      known.experiments.push(...names)
      problems.set(key, known)
    }
  }
  return { unserved, problems: [...problems.values()] }
}

/** A warning's words. */
export function describeProblem({ experiments, message, hint, code }: PointProblem, of: number): string {
  const [first = '', ...others] = experiments
  const who =
    experiments.length === of && of > 1
      ? `all ${of} experiments`
      : others.length === 0
        ? first
        : `${first} and ${others.length} more`
  return `${who}: ${[message, hint].filter((part) => part !== null).join('. ')} [${code}]`
}

/** Why the campaign cannot be run as it is; null where nothing is in the way, or other hardware alone. */
export function refusalOf({ problems }: CampaignPreflight): LlemError | null {
  const grave = problems.filter(({ check }) => !OF_HARDWARE.includes(check))
  if (grave.length === 0) return null
  return new LlemError(
    `${grave.length === 1 ? 'One thing is' : `${grave.length} things are`} in the way of the campaign`,
    {
      code: 'PREFLIGHT_FAILED',
      hint: 'Mend what is told above, and see with --validate-only whether something is left.',
      kind: grave.every(({ kind }) => kind === 'usage') ? 'usage' : 'runtime',
    },
  )
}
