import { describe, expect, it } from 'vitest'
import { frontOf } from '../../dist/compare/front.js'
import type { Source } from '../../dist/compare/read-series.js'
import { type MadeRun, seriesOf } from './made.js'

const known = (value: number) => ({ value, uncertainty: null, absolute_uncertainty: null })

/** An experiment of three runs around joules, throughput and TTFT; `spread` as a share. */
function experiment(name: string, [joules, speed, ms]: readonly number[], spread = 0.005) {
  const runs = [1 - spread, 1, 1 + spread].map(
    (factor): MadeRun => ({
      joules: Number(joules) * factor,
      values: {
        output_tokens_per_second: known(Number(speed) * factor),
        ttft_p50_ms: known(Number(ms) * factor),
      },
    }),
  )
  return seriesOf(name, runs)
}

const source = (...series: Source['series']): Source => ({ name: 'grid', series, problems: [] })

describe('of all experiments of a campaign', () => {
  const front = frontOf(
    source(
      experiment('slow', [1, 100, 50]),
      experiment('fast', [2, 200, 60]),
      experiment('worse', [3, 150, 70]),
      experiment('near', [2.005, 199.9, 60.1]),
    ),
    [{ metric: 'ttft_p50_ms', limit: 65 }],
  )
  const standings = (key: 'output_tokens_per_second' | 'ttft_p50_ms') =>
    Object.fromEntries(front.points.map(({ name, standing }) => [name, standing[key]]))

  it('those on the front are told from those that are shown to be behind, and those that may be', () => {
    expect(standings('output_tokens_per_second')).toEqual({
      slow: 'front',
      fast: 'front',
      near: 'perhaps',
      worse: 'behind',
    })
    expect(standings('ttft_p50_ms')).toEqual({
      slow: 'front',
      fast: 'behind',
      near: 'behind',
      worse: 'behind',
    })
  })

  it('they stand by joules per token, each with its interval', () => {
    expect(front.points.map(({ name }) => name)).toEqual(['slow', 'fast', 'near', 'worse'])
    const { energy } = front.points[0] ?? {}
    expect(Number(energy?.low)).toBeLessThan(1)
    expect(Number(energy?.high)).toBeGreaterThan(1)
    expect(front.points[0]?.against.itl_p50_ms).toBe(null)
  })

  it('one keeps an objective where its whole interval does, and the cheapest of those is named', () => {
    expect(front.points.map(({ name, keeps }) => [name, keeps])).toEqual([
      ['slow', [true]],
      ['fast', [true]],
      ['near', [true]],
      ['worse', [false]],
    ])
    expect(front.cheapest).toBe('slow')
    const wide = frontOf(source(experiment('a', [1, 100, 64], 0.1), experiment('b', [2, 100, 50])), [
      { metric: 'ttft_p50_ms', limit: 65 },
      { metric: 'output_tokens_per_second', limit: 90 },
    ])
    expect(wide.points.map(({ keeps }) => keeps)).toEqual([
      [null, null],
      [true, true],
    ])
    expect(wide.cheapest).toBe('b')
    expect(frontOf(source(experiment('a', [1, 1, 1]), experiment('b', [2, 2, 2]))).cheapest).toBe(null)
  })

  it('one alone, and simulated ones beside real ones, are refused', () => {
    expect(() => frontOf(source(experiment('a', [1, 1, 1])))).toThrow(/has one experiment/)
    const simulated = seriesOf('b', [1, 2], { facts: { simulated: true } })
    expect(() => frontOf(source(experiment('a', [1, 1, 1]), simulated))).toThrow(
      expect.objectContaining({ code: 'COMPARE_REFUSED' }),
    )
  })
})
