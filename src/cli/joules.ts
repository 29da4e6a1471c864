// Joules on a screen: what is known of them on this board, and what with its gain.

import { bound, plain, uncertain } from '../results/uncertain.js'

interface Joules {
  total_j: number | null
  uncertainty_j: number | null
}

/** "75.50 J +- 0.61 J" (k = 2, on this board), as far as it is known. */
export function withUncertainty({ total_j, uncertainty_j }: Joules): string {
  return uncertain(total_j, uncertainty_j, 'J')
}

/**
 * "+- 0.61 J on this board; +- 3.8 J (5.1 %) with the board's gain", as far as it is known: the first is for comparing what
 * these boards did, the second for comparing boards. Of no board, as where the CPU was measured, only the edges are known.
 */
export function bothUncertainties(
  {
    total_j,
    uncertainty_j,
    absolute_uncertainty_j,
  }: Joules & {
    absolute_uncertainty_j: number | null
  },
  boards: number,
): string | null {
  if (boards === 0) {
    const own = total_j !== null && uncertainty_j !== null && uncertainty_j > 0
    return own ? `+- ${plain(uncertainty_j)} J at the edges of the window` : null
  }
  const [on, whose] =
    boards > 1 ? ['on these boards', "the boards' gain"] : ['on this board', "the board's gain"]
  if (total_j === null || uncertainty_j === null || !(uncertainty_j > 0)) return null
  const own = `+- ${plain(uncertainty_j)} J ${on}`
  const absolute = bound(total_j, absolute_uncertainty_j, 'J')
  return absolute === null ? own : `${own}; ${absolute} with ${whose}`
}
