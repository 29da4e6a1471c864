// llem compare: two paths or references -> a comparison -> a table, Markdown or JSON, and an exit code that CI can go by.

import { type Comparison, compare as compareSources } from '../compare/compare.js'
import { ALLOWABLE, type Allowable } from '../compare/facts.js'
import { METRIC_KEYS, type MetricKey } from '../compare/metrics.js'
import { readSide } from '../compare/reference.js'
import { furtherCyclesOf } from '../compare/words.js'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { comparisonMarkdown, comparisonText } from './compare-tables.js'
import { EXIT, Exit } from './exit.js'
import { print, printJson, SIMULATED, say } from './screen.js'

export const ON_UNDECIDED = ['fail', 'pass', 'more'] as const

interface CompareCliOptions {
  metric?: string[]
  maxRegression: number
  onUndecided: (typeof ON_UNDECIDED)[number]
  allow?: string[]
  format: 'text' | 'md'
  references?: string
  json?: boolean
  quiet?: boolean
}

/** Compares B with A. Exit code 0: shown not to be worse; 3: shown to be; 4: not decided. */
export async function compare(a: string, b: string, options: CompareCliOptions): Promise<void> {
  const { maxRegression: margin, onUndecided, format, json = false, quiet = false, references } = options
  const metrics = (options.metric ?? []).map(metricOf)
  const allow = (options.allow ?? []).map(allowableOf)
  const comparison = compareSources(readSide(a, references), readSide(b, references), {
    metrics,
    margin,
    allow,
  })
  for (const problem of comparison.problems) say(`Note: ${problem}`)
  const further_cycles = furtherOf(comparison)
  if (json) printJson({ ...comparison, further_cycles })
  else {
    if (comparison.simulated) say(SIMULATED)
    print(format === 'md' ? comparisonMarkdown(comparison) : comparisonText(comparison))
  }
  const { answer } = comparison
  if (answer === 'not_worse') return
  if (answer === 'regression') throw new Exit(EXIT.regression)
  if (onUndecided === 'more' && !quiet)
    say(further_cycles === null ? 'More cycles would not decide it.' : `Further cycles: ${further_cycles}`)
  if (onUndecided !== 'pass') throw new Exit(EXIT.undecided)
  if (!quiet) say('Not decided, and let pass by --on-undecided pass.')
}

function furtherOf({ pairs }: Comparison): number | null {
  return furtherCyclesOf(pairs.flatMap(({ metrics }) => metrics.flatMap(({ gate }) => gate ?? [])))
}

function metricOf(typed: string): MetricKey {
  return oneOf(typed, METRIC_KEYS, '--metric')
}

function allowableOf(typed: string): Allowable {
  return oneOf(typed, ALLOWABLE, '--allow')
}

function oneOf<T extends string>(typed: string, known: readonly T[], option: string): T {
  const found = known.find((each) => each === typed)
  if (found !== undefined) return found
  const meant = closest(typed, known)
  throw new LlemError(`${option} ${JSON.stringify(typed)} is not one of ${known.join(', ')}.`, {
    code: 'OPTIONS_INVALID',
    hint: meant === null ? `Leave ${option} away, or give one of them.` : `Did you mean ${meant}?`,
    kind: 'usage',
  })
}
