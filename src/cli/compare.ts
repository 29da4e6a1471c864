// llem compare: two paths or references -> a comparison -> a table, Markdown or JSON, and an exit code that CI can go by.

import { type Comparison, compare as compareSources } from '../compare/compare.js'
import { ALLOWABLE, type Allowable } from '../compare/facts.js'
import { readSide } from '../compare/reference.js'
import { furtherCyclesOf } from '../compare/words.js'
import { LlemError } from '../core/errors.js'
import { comparisonMarkdown, comparisonText } from './compare-tables.js'
import { EXIT, Exit } from './exit.js'
import { metricOf, oneOf } from './metric-option.js'
import { print, printJson, SIMULATED, say } from './screen.js'

export const ON_UNDECIDED = ['fail', 'pass', 'more'] as const

interface CompareCliOptions {
  metric?: string[]
  maxRegression: number
  onUndecided: (typeof ON_UNDECIDED)[number]
  allow?: string[]
  format: 'text' | 'md'
  references?: string
  slo?: string[]
  json?: boolean
  quiet?: boolean
}

/**
 * Compares B with A. Exit code 0: shown not to be worse; 3: shown to be; 4: not decided. Without B it is all experiments of
 * A that are compared with one another.
 */
export async function compare(a: string, b: string | undefined, options: CompareCliOptions): Promise<void> {
  const { maxRegression: margin, onUndecided, format, json = false, quiet = false, references } = options
  const { slo = [] } = options
  if (b === undefined) {
    const { showFront } = await import('./front.js')
    return showFront(readSide(a, references), { slo, json, format })
  }
  if (slo.length > 0) throw sloNeedsOne()
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

function sloNeedsOne(): LlemError {
  return new LlemError('--slo is for all experiments of one campaign', {
    code: 'OPTIONS_INVALID',
    hint: 'Leave B away, or use --max-regression.',
    kind: 'usage',
  })
}

function furtherOf({ pairs }: Comparison): number | null {
  return furtherCyclesOf(pairs.flatMap(({ metrics }) => metrics.flatMap(({ gate }) => gate ?? [])))
}

function allowableOf(typed: string): Allowable {
  return oneOf(typed, ALLOWABLE, '--allow')
}
