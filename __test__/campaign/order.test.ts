import { describe, expect, it } from 'vitest'
import { gapSeconds } from '../../dist/campaign/gaps.js'
import { runOrder } from '../../dist/campaign/order.js'
import { planned } from './written.js'

const text = (execution: string, models = '[A, B, C]') =>
  `campaign_name: c\ngrid: { models: ${models} }\nexecution: { ${execution} }\n`
const orderOf = (execution: string, models?: string) => {
  const plan = planned(text(execution, models))
  return [...runOrder(plan)].map(({ experiment, cycle }) => `${'ABCDEFGHIJ'[experiment]}${cycle}`).join(' ')
}

describe('the order of a campaign', () => {
  it.for([
    ['interleaved', 'A1 B1 C1 A2 B2 C2'],
    ['grouped', 'A1 A2 B1 B2 C1 C2'],
    ['latin_square', 'A1 C1 B1 B2 A2 C2'],
  ] as const)('%s', ([structure, order]) => {
    expect(orderOf(`cycles: 2, structure: ${structure}`)).toBe(order)
  })

  it.each([2, 3, 4, 5, 6, 7])(
    'latin_square of %i: each at each place, and after each other one, equally often',
    (count) => {
      const cycles = count % 2 === 0 ? count : 2 * count
      const models = `[${'ABCDEFG'.slice(0, count).split('').join(', ')}]`
      const order = orderOf(`cycles: ${cycles}, structure: latin_square`, models)
        .replace(/\d/g, '')
        .split(' ')
      const rows = Array.from({ length: cycles }, (_, row) => order.slice(row * count, (row + 1) * count))
      const seen = new Map<string, number>()
      const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
      for (const row of rows) {
        expect(new Set(row).size).toBe(count)
        for (const [place, each] of row.entries()) {
          note(`${each} at ${place}`)
          if (place > 0) note(`${each} after ${row[place - 1]}`)
        }
      }
      expect(seen.size).toBe(count * count + count * (count - 1))
      expect(new Set(seen.values())).toEqual(new Set([cycles / count]))
    },
  )

  it('shuffled is another in each cycle, every run once, and the same on every machine', () => {
    const models = '[A, B, C, D, E]'
    // Written down once: a machine that draws otherwise fails here.
    expect(orderOf('cycles: 3, structure: shuffled, seed: 7', models)).toMatchInlineSnapshot(
      `"E1 A1 C1 B1 D1 E2 A2 C2 D2 B2 A3 E3 B3 C3 D3"`,
    )
    const cycles = orderOf('cycles: 3, structure: shuffled, seed: 7', models).match(/(\w\d ?){5}/g) ?? []
    expect(cycles.map((cycle) => cycle.replace(/[\d ]/g, '').split('').sort().join(''))).toEqual(
      Array(3).fill('ABCDE'),
    )
    expect(orderOf('cycles: 3, structure: shuffled, seed: 8', models)).not.toBe(
      orderOf('cycles: 3, structure: shuffled, seed: 7', models),
    )
  })

  it('shuffles fairly: each experiment is first as often as any other', () => {
    const first = new Map<number, number>()
    for (let seed = 0; seed < 600; seed++) {
      const [run] = runOrder(planned(text(`cycles: 1, structure: shuffled, seed: ${seed}`)))
      if (run !== undefined) first.set(run.experiment, (first.get(run.experiment) ?? 0) + 1)
    }
    // Of 600, 200 each; five standard deviations are 58.
    for (const count of first.values()) expect(Math.abs(count - 200)).toBeLessThan(58)
  })

  it('records a seed that is drawn from the content where none is given', () => {
    const plan = planned(text('structure: shuffled'))
    expect(plan.execution.seed).toBe(planned(text('structure: shuffled')).execution.seed)
    expect(Number.isInteger(plan.execution.seed)).toBe(true)
  })
})

describe('the gap before a run', () => {
  const { execution } = planned(text('config_gap_seconds: 5, cycle_gap_seconds: 9'))
  const grouped = planned(text('config_gap_seconds: 5, cycle_gap_seconds: 9, structure: grouped')).execution
  const run = (experiment: number, cycle: number) => ({ experiment, cycle })

  it('is none before the first, that of the cycle between cycles, else that between experiments', () => {
    expect(gapSeconds(execution, null, run(0, 1))).toBe(0)
    expect(gapSeconds(execution, run(0, 1), run(1, 1))).toBe(5)
    expect(gapSeconds(execution, run(2, 1), run(0, 2))).toBe(9)
    expect(gapSeconds(grouped, run(0, 1), run(0, 2))).toBe(5)
  })
})
