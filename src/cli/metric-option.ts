import { METRIC_KEYS, type MetricKey } from '../compare/metrics.js'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'

/** What --metric names. Throws OPTIONS_INVALID. */
export function metricOf(typed: string): MetricKey {
  return oneOf(typed, METRIC_KEYS, '--metric')
}

/** One of the words that an option knows. Throws OPTIONS_INVALID, with what was meant. */
export function oneOf<T extends string>(typed: string, known: readonly T[], option: string): T {
  const found = known.find((each) => each === typed)
  if (found !== undefined) return found
  const meant = closest(typed, known)
  throw new LlemError(`${option} ${JSON.stringify(typed)} is not one of ${known.join(', ')}.`, {
    code: 'OPTIONS_INVALID',
    hint: meant === null ? `Leave ${option} away, or give one of them.` : `Did you mean ${meant}?`,
    kind: 'usage',
  })
}
