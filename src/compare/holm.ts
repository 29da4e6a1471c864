/**
 * P-values of several questions, each corrected for there being several (Holm, A simple sequentially rejective multiple
 * test procedure, 1979): the smallest times all of them, the next times one fewer, and none below the one before.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues
    .map((_, place) => place)
    .sort((a, b) => (pValues[a] as number) - (pValues[b] as number))
  const corrected: number[] = Array.from({ length: pValues.length }, () => 1)
  let least = 0
  for (const [rank, place] of order.entries()) {
    least = Math.max(least, Math.min(1, (pValues.length - rank) * (pValues[place] as number)))
    corrected[place] = least
  }
  return corrected
}
