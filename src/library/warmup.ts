// Warming up for programs: any work whose latency has to become steady, with the defaults of an experiment.

import { warmup as warmupSchema } from '../config/schema-measurement.js'
import { LlemError } from '../core/errors.js'
import { warmupUntilConverged as untilConverged, type WarmupConfig } from '../experiment/warmup-rule.js'
import { type Observer, silentObserver } from '../progress/observer.js'
import type { WarmupResult } from '../results/experiment.js'

/**
 * Calls `runOne` until its latency is steady, as `llem run` does before it measures. `runOne` gets the number of the call and
 * resolves with its latency in milliseconds; one that throws is counted and the rest goes on. `config`: the keys of
 * `warmup` in an experiment, each with its default. `checkpoint` is asked before each call, and ends the warmup by throwing.
 */
export async function warmupUntilConverged(
  runOne: (index: number) => Promise<number>,
  config: Partial<WarmupConfig> = {},
  { observer = silentObserver, checkpoint }: { observer?: Observer; checkpoint?: () => void } = {},
): Promise<WarmupResult> {
  const checked = warmupSchema.safeParse(config)
  if (!checked.success) {
    const problems = checked.error.issues.map(({ path, message }) => `warmup.${path.join('.')}: ${message}`)
    throw new LlemError(problems.join('\n'), { code: 'CONFIG_INVALID', hint: null, kind: 'usage' })
  }
  return untilConverged(runOne, checked.data, {
    observer,
    ...(checkpoint === undefined ? {} : { checkpoint }),
  })
}
