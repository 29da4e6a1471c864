import { describe, expect, it } from 'vitest'
import { bound, plain, uncertain } from '../../dist/results/uncertain.js'

describe('a quantity with an uncertainty', () => {
  it.for([
    [75.5, 0.61, '75.50 J +- 0.61 J'],
    [1218.4, 14, '1218 J +- 14 J'],
    [6000, 3, '6000.0 J +- 3.0 J'],
    [12184, 143, '12180 J +- 140 J'],
    [123456, 9960, '123000 J +- 10000 J'],
    [0.13104, 0.00126, '0.1310 J +- 0.0013 J'],
    [75.5, 0.0996, '75.50 J +- 0.10 J'],
    [-0.001, 0.5, '0.00 J +- 0.50 J'],
    [1219, 1e-7, '1219.00000000 J +- 0.00000010 J'],
  ] as const)('%d +- %d is %s', ([value, uncertainty, text]) => {
    expect(uncertain(value, uncertainty, 'J')).toBe(text)
  })

  it('never has an uncertainty of nothing', () => {
    for (let exponent = -9; exponent < 6; exponent++)
      for (const digits of [1, 1.05, 4.949, 9.949, 9.951])
        expect(Number(plain(digits * 10 ** exponent))).toBeGreaterThan(0)
    expect(uncertain(75.5, 0, 'J')).toBe('75.5 J')
  })

  it('says what is known where that is less', () => {
    expect(uncertain(75.5, null, 'J')).toBe('75.5 J')
    expect(uncertain(null, 3, 'J')).toBe('-')
  })

  it('has a bound with its share', () => {
    expect(bound(75.5, 3.8, 'J')).toBe('+- 3.8 J (5.0 %)')
    expect(bound(0, 3.8, 'J')).toBe('+- 3.8 J')
    expect(bound(75.5, null, 'J')).toBeNull()
  })
})
