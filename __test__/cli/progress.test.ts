import { describe, expect, it } from 'vitest'
import { barOf } from '../../dist/cli/progress.js'

const measuring = { label: 'Measuring', total: 40, unit: 'prompt' } as const

describe('a bar', () => {
  it('tells how much is done, for how long, and how long it will take', () => {
    const text = barOf(measuring, { done: 10, detail: '0.42 J/token', elapsedS: 5 }, 120)
    expect(text).toBe('Measuring |██████░░░░░░░░░░░░░░░░░░| 10/40 prompt 5s, 15s left 0.42 J/token')
  })

  it('is shorter on a narrow terminal', () => {
    expect(barOf(measuring, { done: 20, detail: '', elapsedS: 90 }, 60)).toBe(
      'Measuring |████░░░░| 20/40 prompt 2m, 2m left',
    )
  })

  it.each([
    ['nothing is done yet', { ...measuring }, 0],
    ['all is done', { ...measuring }, 40],
    ['the end may come sooner', { ...measuring, isLimit: true }, 10],
  ])('does not say how long it will take where %s', (_, stretch, done) => {
    expect(barOf(stretch, { done, detail: '', elapsedS: 5 }, 80)).not.toContain('left')
  })

  it('has a length of its own where there is nothing to do, or more is done than was to do', () => {
    expect(barOf({ ...measuring, total: 0 }, { done: 0, detail: '', elapsedS: 0 }, 80)).toContain('|░')
    expect(barOf(measuring, { done: 50, detail: '', elapsedS: 5 }, 60)).toContain('|████████| 50/40')
  })
})
