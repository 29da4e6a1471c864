// What energy is drawn against.

import type { MetricKey } from '../compare/metrics.js'
import type { Configuration, Estimate } from './configurations.js'
import type { ReferencePoint } from './reference-points.js'

export interface PlaneKind {
  id: string
  title: string
  /** Of the horizontal axis, with its unit. */
  axis: string
  unit: string
  /** What a limit of it is called. */
  metric: MetricKey
  better: 'more' | 'less'
  of(configuration: Configuration): Estimate | null
  ofReference(point: ReferencePoint): number | null
}

export const PLANES: readonly PlaneKind[] = [
  {
    id: 'throughput',
    title: 'Energy against throughput',
    axis: 'Output tokens per second (more is better)',
    unit: 'output tokens/s',
    metric: 'output_tokens_per_second',
    better: 'more',
    of: ({ outputTokensPerS }) => outputTokensPerS,
    ofReference: ({ outputTokensPerS }) => outputTokensPerS,
  },
  {
    id: 'ttft',
    title: 'Energy against time to first token',
    axis: 'Time to first token, median, ms (less is better)',
    unit: 'ms to the first token',
    metric: 'ttft_p50_ms',
    better: 'less',
    of: ({ ttftP50Ms }) => ttftP50Ms,
    ofReference: ({ ttftP50Ms }) => ttftP50Ms,
  },
  {
    id: 'itl',
    title: 'Energy against time between tokens',
    axis: 'Time between tokens, median, ms (less is better)',
    unit: 'ms between tokens',
    metric: 'itl_p50_ms',
    better: 'less',
    of: ({ itlP50Ms }) => itlP50Ms,
    // The tables that are read have none.
    ofReference: () => null,
  },
]
