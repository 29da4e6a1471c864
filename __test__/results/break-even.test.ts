import { describe, expect, it } from 'vitest'
import { breakEven } from '../../dist/results/break-even.js'
import { randomOf } from '../native/scenario.js'

const known = (value: number, uncertainty: number | null) => ({ value, uncertainty })
const LOADED = known(110, 0.5)
const UNLOADED = known(80, 0.5)

describe('the pause from which unloading pays', () => {
  it('is the energy of the cold start above idle over the watts that are saved', () => {
    // 2800 J in 10 s at 80 W idle cost 2000 J, which 30 W save in 66.7 s.
    const found = breakEven({ loadedW: LOADED, unloadedW: UNLOADED, loadJ: known(2800, 10) }, 10)
    expect(found.reason).toBeNull()
    expect(found.seconds).toBeCloseTo(2000 / 30, 9)
    expect(Number(found.low_s)).toBeLessThan(2000 / 30)
    expect(Number(found.high_s)).toBeGreaterThan(2000 / 30)
  })

  it('lies in its interval in 93 to 97 % of 2000 drawn measurements', () => {
    const random = randomOf(3)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const truth = 2000 / 30
    let covered = 0
    for (let draw = 0; draw < 2000; draw++) {
      const drawn = (value: number, uncertainty: number) =>
        known(value + (uncertainty / 1.96) * normal(), uncertainty)
      const found = breakEven(
        { loadedW: drawn(110, 4), unloadedW: drawn(80, 4), loadJ: drawn(2800, 100) },
        10,
      )
      if (Number(found.low_s) <= truth && truth <= Number(found.high_s)) covered += 1
    }
    expect(covered / 2000).toBeGreaterThan(0.93)
    expect(covered / 2000).toBeLessThan(0.97)
  })

  it('is never shorter than the loading itself', () => {
    const found = breakEven({ loadedW: known(300, 1), unloadedW: UNLOADED, loadJ: known(900, 1) }, 10)
    expect(found).toMatchObject({ seconds: 10, low_s: 10 })
  })

  it.for([
    ['what is saved is less than it is uncertain by', known(80.4, 0.5), /too little to tell: 0\.4 W/],
    ['the GPUs draw more without the model', known(70, 0.5), /draw more without the model/],
  ] as const)('is null where %s', ([, loadedW, reason]) => {
    const found = breakEven({ loadedW, unloadedW: UNLOADED, loadJ: known(2800, 10) }, 10)
    expect(found).toMatchObject({ seconds: null, low_s: null, high_s: null })
    expect(found.reason).toMatch(reason)
  })

  it('has no interval where a level may be off by an unknown amount', () => {
    const found = breakEven({ loadedW: known(110, null), unloadedW: UNLOADED, loadJ: known(2800, 10) }, 10)
    expect(found).toMatchObject({ seconds: expect.closeTo(66.7, 1), low_s: null, high_s: null })
    expect(found.reason).toMatch(/not known how far/)
  })
})
