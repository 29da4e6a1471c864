// When each test of llama-bench ran, by what it prints and when that came: or why that is not known.

import { describe, expect, it } from 'vitest'
import { Problems } from '../../dist/attach/benchmark.js'
import { wallClock } from '../../dist/attach/clock.js'
import { printsStraight, readLlamaBench } from '../../dist/attach/llama-bench.js'
import type { Printed } from '../../dist/attach/printed.js'
import { placePrinted } from '../../dist/attach/printed-tests.js'
import type { ExecResult } from '../../dist/results/exec.js'
import { only } from './attached.js'

const S = 1e9

describe('the table of llama-bench', () => {
  const HEAD =
    '| model | size | params | backend | threads | test | t/s |\n| --- | --- | --- | --- | --- | --- | --- |\n'
  const row = (name: string, speed: string) => `| llama 1B | 1 GiB | 1 B | CPU | 1 | ${name} | ${speed} |\n`
  const test = (speed: string, more: readonly string[]) =>
    only(
      readLlamaBench(`${HEAD}${row('pp512', speed)}`, 'stdout', ['llama-bench', ...more], new Problems())
        .tests,
    )
  /** As llama-bench makes it of the seconds of each repetition. */
  const told = (seconds: readonly number[]) => {
    const speeds = seconds.map((each) => 512 / each)
    const mean = speeds.reduce((sum, each) => sum + each, 0) / speeds.length
    const square = speeds.reduce((sum, each) => sum + (each - mean) ** 2, 0)
    const deviation = speeds.length === 1 ? 0 : Math.sqrt(square / (speeds.length - 1))
    return `${mean.toFixed(2)} ± ${deviation.toFixed(2)}`
  }

  it.for([
    ['even ones', [0.5, 0.5, 0.5]],
    ['one slow one', [0.5, 0.5, 0.5, 0.5, 0.6]],
    ['one fast one', [0.5, 0.5, 0.5, 0.5, 0.4]],
    ['two kinds', [0.4, 0.6, 0.4, 0.6]],
    ['one alone', [0.7]],
    ['slow ones, of few digits', [400, 410, 395]],
  ] as const)('of repetitions that are %s has their time within what it may be off', ([, seconds]) => {
    const took = seconds.reduce((sum, each) => sum + each, 0) * S
    const { lastNs, lastUncertainty } = test(told(seconds), ['-r', `${seconds.length}`])
    if (lastNs === null) throw new Error('it has no length')
    expect(Math.abs(lastNs - took)).toBeLessThanOrEqual(lastNs * lastUncertainty * (1 + 1e-9))
    expect(lastUncertainty).toBeLessThan(0.02)
  })

  it('of very uneven repetitions has no time', () => {
    expect(test(told([0.2, 0.9, 0.5, 0.4, 0.5]), ['-r', '5']).lastNs).toBeNull()
  })

  it('has no tokens where how often a test was repeated is not known', () => {
    const of = (args: readonly string[]) =>
      only(readLlamaBench(`${HEAD}${row('tg8', '8.00 ± 0.00')}`, 'stdout', args, new Problems()).tests)
        .benchmark
    expect(of(['make', 'bench'])).toMatchObject({ outputTokens: null, tokensReason: expect.any(String) })
    expect(of(['sh', '-c', 'llama-bench -r 2; llama-bench -r 3']).outputTokens).toBeNull()
    expect(of(['sh', '-c', 'llama-bench -r 3']).outputTokens).toBe(24)
    expect(of(['llama-bench']).outputTokens).toBe(40)
  })
})

describe('tests of llama-bench', () => {
  const energy = { window: { start_ns: 0, end_ns: 60 * S } }
  const wall = wallClock({ wallNs: 0, monotonicNs: 0 }, { wallNs: 60 * S, monotonicNs: 60 * S })
  const print = (n: number, lengths: readonly number[], begunS: number) =>
    `${JSON.stringify({
      ...{ build_commit: 'a', n_prompt: n, n_gen: 0, test_time: new Date(begunS * 1e3).toISOString() },
      samples_ns: lengths.map((each) => each * S),
    })}\n`
  /** Each text with the second at which it was seen. */
  const place = (parts: readonly (readonly [string, number])[], args = ['llama-bench']) => {
    const ends = parts.map((_, index) =>
      parts.slice(0, index + 1).reduce((sum, [text]) => sum + text.length, 0),
    )
    const printed = {
      text: parts.map(([text]) => text).join(''),
      wasCut: false,
      cameAt: (at: number) => (parts[ends.findIndex((end) => end >= at)]?.[1] ?? Number.NaN) * S,
    } as Printed
    return placePrinted(printed, args, { energy } as unknown as ExecResult, wall, new Problems()).placed
  }
  const [one, two] = [print(8, [1, 1], 3), print(16, [2, 2], 6)]

  it('lie before the moment at which they were printed', () => {
    const placed = place([
      [one, 6],
      [two, 11],
    ])
    expect(placed.map(({ span }) => [span?.startNs, span?.endNs])).toEqual([
      [4 * S, 6 * S],
      [7 * S, 11 * S],
    ])
  })

  it.for([
    [
      'came at once',
      [
        [one, 12],
        [two, 12],
      ],
      'at once',
    ],
    [
      'came nearer to each other than they took',
      [
        [one, 9],
        [two, 12],
      ],
      'at once',
    ],
    [
      'came before they can have ended',
      [
        [one, 4],
        [two, 11],
      ],
      'do not fit',
    ],
    ['came long after', [[one, 40]], 'do not fit'],
    [
      'came after the next one had begun',
      [
        [one, 7.5],
        [two, 12],
      ],
      'after the next one',
    ],
  ] as const)('that %s have no place, and a reason', ([, parts, reason]) => {
    for (const { span, reason: why } of place(parts)) {
      expect(span).toBeNull()
      expect(why).toContain(reason)
      expect(why).toContain('let llama-bench itself run')
    }
  })

  it('that come through a pipe or a script have no place', () => {
    for (const each of place(
      [
        [one, 6],
        [two, 11],
      ],
      ['sh', '-c', 'llama-bench | grep -v build'],
    ))
      expect(each).toMatchObject({ span: null, reason: expect.stringContaining('without a pipe') })
  })

  it.for([
    [['/opt/llama-bench', '-m', 'x'], true],
    [['taskset', '-c', '0', 'llama-bench'], true],
    [['sh', '-c', 'cd x && llama-bench -r 3 2>&1 || true'], true],
    [['sh', '-c', 'llama-bench > f; cat f'], false],
    [['sh', '-c', 'echo "$(llama-bench)"'], false],
    [['python', 'bench.py', 'llama-bench'], false],
    [['make'], false],
  ] as const)('by %j: printed straight is %j', ([args, isStraight]) => {
    expect(printsStraight([...args])).toBe(isStraight)
  })
})
