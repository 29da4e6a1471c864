// Is a peer's p95 lower than llem's? Both measured the same windows, so their errors are compared window by window.
import { quantile, randomOf } from '../statistics.mjs'

const DRAWS = 2000
const CONFIDENCE = 0.95

/**
 * The peer's p95 over llem's less 1, in percent, and its interval by the bootstrap: windows are drawn with replacement,
 * each with the errors of both on every GPU. Pairs are `{ window, llem, peer }`, sizes of errors; null of none.
 */
export function p95Difference(pairs) {
  const windows = grouped(pairs)
  const found = differenceOf(pairs)
  if (found === null) return null
  const random = randomOf(1)
  const drawn = Array.from({ length: DRAWS }, () =>
    differenceOf(windows.flatMap(() => windows[Math.floor(windows.length * random())])),
  )
  const tail = (1 - CONFIDENCE) / 2
  return { difference_pct: found, low_pct: quantile(drawn, tail), high_pct: quantile(drawn, 1 - tail) }
}

/** The pairs of each window. */
function grouped(pairs) {
  const windows = new Map()
  for (const pair of pairs) windows.set(pair.window, [...(windows.get(pair.window) ?? []), pair])
  return [...windows.values()]
}

function differenceOf(pairs) {
  if (pairs.length === 0) return null
  const p95 = (who) =>
    quantile(
      pairs.map((pair) => pair[who]),
      0.95,
    )
  const [peer, llem] = [p95('peer'), p95('llem')]
  // Two that are exact are equal; nothing is lower than an exact one.
  if (llem === 0) return peer === 0 ? 0 : Number.MAX_VALUE
  return 100 * (peer / llem - 1)
}
