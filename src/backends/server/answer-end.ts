/** A reason of the end that comes this much later than the last token is no token's, however fast the others were. */
const LEAST_HOLD_NS = 20e6
/** Nor is one that comes after so many of the gaps between tokens, and so much more than the longest of them. */
const HOLD_GAPS = 5
const HOLD_LONGEST = 1.5

/**
 * When an answer ended: at the reason of its end, which comes with the end-of-text token, as long as that is about when a
 * token may have been made; else at its last token. `finishNs`: 0 where no reason came. `startNs`: when it was sent.
 */
export function endOf(timesNs: readonly number[], finishNs: number, startNs: number): number {
  const chunks = timesNs.length
  const [firstNs] = timesNs
  const lastNs = timesNs[chunks - 1]
  if (firstNs === undefined || lastNs === undefined) return finishNs
  if (finishNs - lastNs <= LEAST_HOLD_NS) return Math.max(lastNs, finishNs)
  return finishNs - lastNs > longestStep(timesNs, startNs) ? lastNs : finishNs
}

function longestStep(timesNs: readonly number[], startNs: number): number {
  const chunks = timesNs.length
  const firstNs = Number(timesNs[0])
  // Of a single one nothing else is known.
  if (chunks === 1) return firstNs - startNs
  const meanNs = (Number(timesNs[chunks - 1]) - firstNs) / (chunks - 1)
  let longestNs = 0
  for (let at = 1; at < chunks; at += 1)
    longestNs = Math.max(longestNs, Number(timesNs[at]) - Number(timesNs[at - 1]))
  return Math.max(HOLD_GAPS * meanNs, HOLD_LONGEST * longestNs)
}
