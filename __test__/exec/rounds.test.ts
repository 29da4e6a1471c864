import { describe, expect, it } from 'vitest'
import { orderOfRounds } from '../../dist/exec/rounds.js'

describe('the order of rounds', () => {
  it.for([1, 2, 3, 4, 5, 7])('has each of %i commands once in every round', (count) => {
    for (const round of orderOfRounds(count, 30, 42))
      expect([...round].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, place) => place))
  })

  it.for([2, 3, 4, 5])(
    'lets each of %i commands follow each other one, and stand anywhere, equally often',
    (count) => {
      const size = count % 2 === 0 ? count : 2 * count
      const follows = new Map<string, number>()
      const stands = new Map<string, number>()
      const add = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1)
      for (const round of orderOfRounds(count, 3 * size, 7))
        for (const [place, command] of round.entries()) {
          add(stands, `${command} at ${place}`)
          if (place > 0) add(follows, `${command} after ${round[place - 1]}`)
        }
      expect(follows.size).toBe(count * (count - 1))
      expect(new Set(follows.values()).size).toBe(1)
      expect(stands.size).toBe(count * count)
      expect(new Set(stands.values()).size).toBe(1)
    },
  )

  it('is the same for a seed, and another for another', () => {
    const of = (seed: number) => JSON.stringify(orderOfRounds(4, 12, seed))
    expect(of(1)).toBe(of(1))
    expect(new Set([1, 2, 3, 4, 5].map(of)).size).toBeGreaterThan(1)
  })
})
