import { describe, expect, it } from 'vitest'
import { shortestWindows } from '../../dist/calibration/measured-windows.js'
import { type MeasuredWindow, shortestLengthS } from '../../dist/calibration/shortest-window.js'

/** A second at 100 W, without any uncertainty. */
const window: MeasuredWindow = {
  method: 'counter',
  durationS: 1,
  totalJ: 100,
  samplingJ: 0,
  edgesJ: 0,
  residualJ: 0,
}
const repeated = (rest: Partial<MeasuredWindow>, times = 8) => Array(times).fill({ ...window, ...rest })

describe('the shortest window', () => {
  it.each([
    ['edges of 1 J are 1 % of one second', { edgesJ: 1 }, 0.01, 1],
    ['and 5 % of a fifth of it', { edgesJ: 1 }, 0.05, 0.2],
    ['sampling of 5 J in a second is 1 % of 25 s', { samplingJ: 5 }, 0.01, 25],
    [
      'a contradiction of 2 % leaves 5 % room for edges',
      { residualJ: 2, edgesJ: 1 },
      0.05,
      1 / Math.sqrt(21),
    ],
    ['and 1 % none', { residualJ: 2, edgesJ: 1 }, 0.01, null],
  ] as const)('%s', (_sentence, parts, share, lengthS) => {
    const found = shortestLengthS(repeated(parts), share)
    if (lengthS === null) expect(found).toBeNull()
    else expect(found).toBeCloseTo(lengthS, 9)
  })

  it('has the uncertainty that was asked for, when edges and sampling are both there', () => {
    const lengthS = Number(shortestLengthS(repeated({ samplingJ: 3, edgesJ: 2 }), 0.02))
    expect(Math.hypot(3 * Math.sqrt(lengthS), 2)).toBeCloseTo(0.02 * 100 * lengthS, 9)
  })

  const periods = { updatePeriodMs: 100, counterPeriodMs: 20 }

  it('is never shorter than what a window needs to be quoted at all', () => {
    const lengths = (windows: MeasuredWindow[]) => {
      const shortest = shortestWindows(windows, periods, true)
      return typeof shortest === 'string' ? shortest : shortest.lengths.map(({ length_s }) => length_s)
    }
    expect(lengths(repeated({ edgesJ: 0.1 }))).toEqual([0.3, 0.3, 0.3])
    const slow = shortestWindows(repeated({ edgesJ: 0.1 }), { ...periods, counterPeriodMs: 100 }, true)
    expect(slow).toMatchObject({ method: 'counter', lengths: [{ length_s: 0.8 }, {}, {}] })
  })

  it('rests on the windows by the method that most had, and is not told from two', () => {
    const windows = [...repeated({ method: 'integral', samplingJ: 5 }, 5), ...repeated({ edgesJ: 1 }, 3)]
    expect(shortestWindows(windows, periods, false)).toMatchObject({
      method: 'integral',
      windows: 5,
      mean_power_w: 100,
      under_load: false,
    })
    expect(shortestWindows(repeated({}, 2), periods, true)).toMatch(/^2 of 8 windows/)
  })
})
