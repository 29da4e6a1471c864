import { spreadOf } from '../backends/spread.js'
import type { Lengths } from '../results/experiment.js'

/** How many tokens requests had; null for no requests. */
export function lengthsOf(tokens: readonly number[]): Lengths | null {
  const spread = spreadOf(tokens)
  if (spread === null) return null
  const { count, mean, p50, p95, max } = spread
  const min = tokens.reduce((least, length) => Math.min(least, length), max)
  return { count, min, mean, p50, p95, max, histogram: histogramOf(tokens, min, max) }
}

/**
 * Counts between 0 and powers of two. The edges do not depend on the lengths, so that the histograms of two experiments
 * can be laid over each other; they begin and end with the lengths that there are.
 */
function histogramOf(tokens: readonly number[], min: number, max: number): Lengths['histogram'] {
  const first = binOf(min)
  const counts = Array.from({ length: binOf(max) - first + 1 }, () => 0)
  for (const length of tokens) counts[binOf(length) - first] = (counts[binOf(length) - first] ?? 0) + 1
  return { edges: Array.from({ length: counts.length + 1 }, (_, place) => lowerEdge(first + place)), counts }
}

/** 0, 1, 2 to 3, 4 to 7, 8 to 15, ... */
function binOf(length: number): number {
  return length === 0 ? 0 : 32 - Math.clz32(length)
}

function lowerEdge(bin: number): number {
  return bin === 0 ? 0 : 2 ** (bin - 1)
}
