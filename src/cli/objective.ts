// --slo METRIC=LIMIT, for those who draw or judge by it.

import type { Objective } from '../compare/front.js'
import { METRIC_KEYS } from '../compare/metrics.js'
import { LlemError } from '../core/errors.js'
import { oneOf } from './metric-option.js'

/** "ttft_p50_ms=200" */
export function objectiveOf(typed: string): Objective {
  const [, name = '', number = ''] = /^([a-z0-9_]+)\s*(?:<=|>=|=)\s*([0-9.eE+-]+)$/.exec(typed.trim()) ?? []
  const limit = Number(number)
  if (name !== '' && number !== '' && limit > 0) return { metric: oneOf(name, METRIC_KEYS, '--slo'), limit }
  throw new LlemError(`--slo ${JSON.stringify(typed)} is no metric with a number above 0`, {
    code: 'OPTIONS_INVALID',
    hint: 'Write it as in --slo ttft_p50_ms=200.',
    kind: 'usage',
  })
}
