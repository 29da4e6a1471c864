import { describe, expect, it } from 'vitest'
import { columns, facts } from '../../dist/cli/tables.js'

const HEAD = ['', 'name', 'energy', 'by']
const ROWS = [
  ['GPU 0', 'NVIDIA H200', '75.6 J', 'counter'],
  ['GPU 1', 'NVIDIA H200', '1.2 J', 'readings'],
]

describe('columns', () => {
  it('stand beside each other where there is room, and numbers end at the same place', () => {
    expect(columns(HEAD, ROWS, [2], 36).split('\n')).toEqual([
      '       name         energy  by',
      'GPU 0  NVIDIA H200  75.6 J  counter',
      'GPU 1  NVIDIA H200   1.2 J  readings',
    ])
  })

  it('stand in blocks on a narrow screen, each with the first of them', () => {
    expect(columns(HEAD, ROWS, [2], 35).split('\n')).toEqual([
      '       name         energy',
      'GPU 0  NVIDIA H200  75.6 J',
      'GPU 1  NVIDIA H200   1.2 J',
      '       by',
      'GPU 0  counter',
      'GPU 1  readings',
    ])
  })

  it('fold sentences in the last of them, at a blank', () => {
    const rows = [['GPU 0', 'its power cannot be read: the driver says that it is not supported']]
    expect(columns(['', 'why'], rows, [], 40).split('\n')).toEqual([
      '       why',
      'GPU 0  its power cannot be read: the',
      '       driver says that it is not',
      '       supported',
    ])
  })

  it.each([10, 20, 40, 60, 80])('are never wider than %d, whatever is in them', (width) => {
    const long = 'llamacpp_tiny_generation.max_tokens=256,concurrency=16'
    const rows = [
      [long, '1', 'a'.repeat(100), 'some words that mean something'],
      [long, '22', '', ''],
    ]
    const lines = columns(['experiment', 'n', 'error', 'what it means'], rows, [1], width).split('\n')
    expect(lines.filter((line) => line.length > width)).toEqual([])
    const all = lines.join('').replace(/\s/g, '')
    expect(all).toContain('a'.repeat(Math.min(100, Math.floor(width / 2) - 2)))
  })

  it('in a pipe are as wide as they are', () => {
    expect(columns(HEAD, ROWS, [2], Number.POSITIVE_INFINITY)).toBe(columns(HEAD, ROWS, [2], 1000))
  })
})

describe('facts', () => {
  it('are folded beside their names', () => {
    const rows = [
      ['Latency', 'TTFT 4.50 ms p50, 5.51 ms p99'],
      ['Files', 'results/1'],
    ] as const
    expect(facts(rows, { width: 30 }).split('\n')).toEqual([
      '  Latency  TTFT 4.50 ms p50,',
      '           5.51 ms p99',
      '  Files    results/1',
    ])
  })

  it('leave a path whole, so that it can be copied: it stands below its name', () => {
    const path = '/somewhere/results/20261130-055456'
    expect(
      facts(
        [
          ['Latency', '-'],
          ['Files', path],
        ],
        { width: 40 },
      ),
    ).toBe(`  Latency  -\n  Files\n    ${path}`)
  })
})
