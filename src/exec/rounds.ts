import { shuffle, squareRow } from '../campaign/order.js'
import { randomOf } from '../core/random.js'

/**
 * In which order each round has the commands, by their places: rows of Latin squares in which each command follows each
 * other one equally often (Williams 1949), so that a drift, and what one leaves behind, falls on all alike. Each square
 * calls the commands by other numbers, which the seed draws. Whole squares are as many rounds as commands, of an odd
 * number twice as many.
 */
export function orderOfRounds(count: number, rounds: number, seed: number): number[][] {
  const random = randomOf(seed)
  const size = count % 2 === 0 ? count : 2 * count
  let numbers: number[] = []
  return Array.from({ length: rounds }, (_, round) => {
    if (round % size === 0) {
      numbers = Array.from({ length: count }, (_, place) => place)
      shuffle(numbers, random)
    }
    return squareRow(count, round + 1).map((place) => numbers[place] as number)
  })
}
