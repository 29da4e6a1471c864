import { describe, expect, it } from 'vitest'
import { spreadOf } from '../../dist/backends/spread.js'
import { LineSplitter } from '../../dist/workers/line-splitter.js'
import { StderrTail } from '../../dist/workers/stderr-tail.js'

describe('LineSplitter', () => {
  it('joins lines that arrive in pieces, also inside a character', () => {
    const lines = new LineSplitter()
    const bytes = Buffer.from('{"a":"é"}\n{"b":1}\n')
    const seen = [...bytes].flatMap((byte) => lines.push(Buffer.of(byte)))
    expect(seen).toEqual(['{"a":"é"}', '{"b":1}'])
  })

  it('keeps the line and paragraph separators that JSON strings may contain', () => {
    expect(new LineSplitter().push(Buffer.from('"a\u2028b\u2029c\rd"\n'))).toEqual(['"a\u2028b\u2029c\rd"'])
  })

  it('refuses a line that grows beyond its limit', () => {
    const lines = new LineSplitter(10)
    expect(lines.push(Buffer.from('123456'))).toEqual([])
    expect(() => lines.push(Buffer.from('789012'))).toThrow(RangeError)
  })
})

describe('StderrTail', () => {
  it('keeps the last bytes and no more', () => {
    const tail = new StderrTail(8)
    for (const part of ['first\n', 'second\n', 'third\n']) tail.push(Buffer.from(part))
    expect(tail.text).toBe('d\nthird')
    expect(tail.lastLines(1)).toBe('third')
    expect(new StderrTail().lastLines(3)).toBeNull()
  })
})

describe('spreadOf', () => {
  it('interpolates percentiles between ranks', () => {
    expect(spreadOf([4, 1, 3, 2])).toEqual({
      count: 4,
      mean: 2.5,
      p50: 2.5,
      p95: expect.closeTo(3.85),
      p99: expect.closeTo(3.97),
      max: 4,
    })
  })

  it('is null for no times', () => {
    expect(spreadOf([])).toBeNull()
  })
})
