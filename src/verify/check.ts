/** What a result may say of one quantity. */
export type Quantity = number | string | null

/** A quantity of a result.json, and what it is by what it rests on. */
export interface Check {
  /** Its path in result.json, as in `energy.devices[0].integral_j`. */
  quantity: string
  stored: Quantity
  recomputed: Quantity
  /** What it was recomputed from: a file of the result's folder. */
  from: string
  agrees: boolean
}

/** Recomputed by the same arithmetic on the same numbers, only the order of a sum may differ. */
const TOLERANCE = 1e-9

/**
 * Compares a stored quantity with what it was recomputed to be. Numbers agree within `tolerance` of the larger one,
 * or of `scale` where what is left of a difference is small against its parts.
 */
export function check(
  quantity: string,
  from: string,
  stored: Quantity,
  recomputed: Quantity,
  { tolerance = TOLERANCE, scale = 0 }: { tolerance?: number; scale?: number } = {},
): Check {
  const both = typeof stored === 'number' && typeof recomputed === 'number'
  const agrees = both
    ? Math.abs(stored - recomputed) <=
      tolerance * Math.max(Math.abs(stored), Math.abs(recomputed), Math.abs(scale))
    : stored === recomputed
  return { quantity, stored, recomputed, from, agrees }
}
