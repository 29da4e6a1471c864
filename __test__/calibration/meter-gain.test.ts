// An external meter beside llem, by files that such a meter would have written of a load that is known.

import { describe, expect, it } from 'vitest'
import { meterRecord } from '../../dist/calibration/meter-file.js'
import { compareMeter, type Measured } from '../../dist/calibration/meter-gain.js'
import type { Reference } from '../../dist/results/calibration.js'
import { randomOf, type Segment, trueJoules } from '../native/scenario.js'

const START_S = 1_795_948_800
const PERIOD_S = 12
const PERIODS = 4
const SEGMENTS: Segment[] = [
  { for_s: 3, w: 78 },
  { for_s: PERIODS * PERIOD_S, square: { low_w: 82, high_w: 448, period_s: PERIOD_S, duty: 0.5 } },
  { for_s: 3, w: 78 },
]
const LENGTH_S = 6 + PERIODS * PERIOD_S

/** llem's own measurement, which is right. */
function measured(): Measured {
  const moments = Array.from({ length: LENGTH_S * 20 + 1 }, (_, k) => k / 20)
  return {
    curve: {
      timesS: moments.map((atS) => START_S + atS),
      joules: moments.map((atS) => trueJoules(SEGMENTS, 0, atS)),
    },
    edges: Array.from({ length: 2 * PERIODS }, (_, k) => ({
      atS: START_S + 3 + (k * PERIOD_S) / 2,
      on: k % 2 === 0,
    })),
    method: 'counter',
    deviation: 0.0005,
    measuredAt: '2026-11-29T10:00:00.000Z',
  }
}

interface Meter {
  gain?: number
  offsetW?: number
  /** How much later its clock is. */
  laterS?: number
  stepS?: number
  noiseW?: number
  quantity?: 'watts' | 'joules'
  comments?: readonly string[]
  /** Seconds since the beginning in which it wrote nothing. */
  gaps?: readonly [number, number][]
  iso?: boolean
}

const BOARD = ['# scope: board', '# standard_uncertainty_pct: 0.3', '# certificate: DKD 4711 of 2026']

/** What such a meter has written. */
function fileOf(meter: Meter): string {
  const { gain = 1, offsetW = 0, laterS = 0, stepS = 0.1, noiseW = 0, quantity = 'watts' } = meter
  const random = randomOf(5)
  const rows: string[] = []
  for (let atS = stepS; atS < LENGTH_S; atS += stepS) {
    if (meter.gaps?.some(([fromS, toS]) => atS >= fromS && atS < toS)) continue
    const meanW = trueJoules(SEGMENTS, atS - stepS, atS) / stepS
    const watts = gain * meanW + offsetW + noiseW * (random() - 0.5)
    const joules = gain * trueJoules(SEGMENTS, 0, atS) + offsetW * atS
    const timeS = START_S + atS + laterS
    const time = meter.iso ? new Date(timeS * 1000).toISOString() : timeS.toFixed(4)
    rows.push(`${time},${(quantity === 'watts' ? watts : joules).toFixed(3)}`)
  }
  return [...(meter.comments ?? BOARD), `time,${quantity}`, ...rows, ''].join('\n')
}

function compared(meter: Meter): Reference | string {
  return compareMeter(meterRecord(fileOf(meter), { path: 'meter.csv' }), measured())
}

function reference(meter: Meter): Reference {
  const found = compared(meter)
  if (typeof found === 'string') throw new Error(found)
  return found
}

describe('a meter of the board', () => {
  it.each<[string, Meter, number]>([
    ['that agrees', {}, 1],
    ['that says 3 % more', { gain: 1.03 }, 1.03],
    ['that says 5 % less, in joules', { gain: 0.95, quantity: 'joules' }, 0.95],
    ['with a clock that is late', { gain: 1.03, laterS: 0.4 }, 1.03],
    ['with a clock that is early, once a second', { gain: 1.03, laterS: -2.2, stepS: 1 }, 1.03],
    ['with times as text', { gain: 1.03, iso: true }, 1.03],
    ['with noise', { gain: 1.03, noiseW: 6 }, 1.03],
    [
      'with gaps',
      {
        gain: 1.03,
        gaps: [
          [5, 7],
          [22, 24.5],
          [40, 47],
        ],
      },
      1.03,
    ],
    ['of a thousand readings a second', { gain: 1.03, stepS: 0.001 }, 1.03],
  ])('%s gives its gain with an uncertainty that holds it', (_, meter, gain) => {
    const found = reference(meter)
    expect(found.gain).toMatchObject({
      method: 'counter',
      certificate: 'DKD 4711 of 2026',
      measured_at: '2026-11-29T10:00:00.000Z',
    })
    const { ratio, uncertainty } = found.gain as NonNullable<Reference['gain']>
    expect(Math.abs(ratio - gain)).toBeLessThan(uncertainty)
    expect(Math.abs(ratio - gain)).toBeLessThan(0.003)
    // 0.3 % of the meter twice, and little more.
    expect(uncertainty).toBeGreaterThanOrEqual(0.006 * gain)
    expect(uncertainty).toBeLessThan(0.012)
    const later = found.clock_offset_s
    const stepS = meter.stepS ?? 0.1
    expect(Math.abs(later.value - (meter.laterS ?? 0))).toBeLessThanOrEqual(stepS / 2 + 0.05)
    expect(found.correlation).toBeGreaterThan(0.95)
    expect(found).toMatchObject({ slope: null, offset_w: null, gain_reason: null })
    expect(found.components.map(({ component }) => component)).toEqual([
      'meter',
      'ratio, from level to level',
      'clocks',
      'energy by llem',
    ])
  })

  it('that has an offset besides is uncertain by what the levels differ', () => {
    const { gain } = reference({ gain: 1.03, offsetW: 4 })
    expect(Number(gain?.uncertainty)).toBeGreaterThan(0.02)
  })

  it('that says far more than a board is off has no gain', () => {
    const found = reference({ gain: 1.4 })
    expect(found.gain).toBeNull()
    expect(found.gain_reason).toMatch(/^the meter says 1\.40 times what llem says/)
  })

  it('of something else, of another time, or with too many gaps tells nothing, and why', () => {
    expect(compared({ gain: 0, offsetW: 200, noiseW: 30 })).toMatch(/do not follow the load/)
    expect(compared({ laterS: 3600 })).toMatch(/^the meter has 0 readings of the 54 s/)
    expect(compared({ laterS: 15 })).toMatch(/do not follow the load|fewer than 2/)
    const holes = Array.from({ length: 27 }, (_, k): [number, number] => [2 * k + 0.9, 2 * k + 2])
    expect(compared({ gaps: holes })).toMatch(/the load held 0 levels of power .* without a gap/)
  })
})

describe('a meter of more than the board', () => {
  it.each(['node', 'wall'])('of the %s gives a slope and an offset, and no gain', (scope) => {
    const comments = [`# scope: ${scope}`, '# standard_uncertainty_pct: 1']
    const found = reference({ gain: 1.12, offsetW: 240, comments })
    expect(found).toMatchObject({ scope, gain: null, certificate: null })
    expect(found.gain_reason).toContain(`a meter of the ${scope} measures more than the board`)
    expect(Math.abs(Number(found.slope?.value) - 1.12)).toBeLessThan(0.01)
    expect(Math.abs(Number(found.offset_w?.value) - 240)).toBeLessThan(3)
    expect(Number(found.slope?.uncertainty)).toBeGreaterThan(0.02)
  })
})

describe('the file of a meter', () => {
  const problemsOf = (text: string) => {
    try {
      meterRecord(text, { path: 'meter.csv' })
    } catch (error) {
      return error
    }
    throw new Error('it was read')
  }

  it('tells all its problems at once, each with its line', () => {
    const text = [
      '# scope: rack',
      'time,power,watts',
      '1795948800,1,100',
      '1795948801,1,much',
      '1795948800,1,100',
      '2026-11-29T10:00:00,1,100',
      '1795948805000,1,100',
      '1795948806,1,-3',
      '1795948807,1',
      '',
    ].join('\n')
    expect(problemsOf(text)).toMatchObject({ code: 'REFERENCE_INVALID', kind: 'usage' })
    expect(String(problemsOf(text)).split('\n').slice(1)).toEqual([
      '  line 4: watts is "much", not a number from 0 on',
      '  line 5: time "1795948800" is not after that of the line before',
      '  line 6: time "2026-11-29T10:00:00" is neither seconds since 1970 nor like 2026-11-29T10:00:00.5Z, with its zone',
      '  line 7: time "1795948805000" is no moment in seconds since 1970',
      '  line 8: watts is "-3", not a number from 0 on',
      '  line 9: watts is "", not a number from 0 on',
      '  line 1: scope is "rack"; there are board, node, wall',
      '  how well the meter measures is not said: a line "# standard_uncertainty_pct: 0.5" (k = 1, from its certificate), or --reference-uncertainty',
    ])
  })

  it('without a header, with another one, or of a meter that began anew is no record', () => {
    expect(String(problemsOf('# scope: board\n# standard_uncertainty_pct: 1\n'))).toContain(
      'it has no header',
    )
    expect(String(problemsOf(`${BOARD.join('\n')}\ntime,wats\n`))).toContain('no column watts (wats?)')
    expect(String(problemsOf(`${BOARD.join('\n')}\ntime,watts,joules\n`))).toContain('one of them is enough')
    const fell = `${BOARD.join('\n')}\ntime,joules\n1795948800,500\n1795948801,20\n`
    expect(String(problemsOf(fell))).toContain('line 6: joules fall from 500 to 20')
    const binary = String(problemsOf(`\u0000\u001b[2J${'x'.repeat(5000)}`))
    expect(binary).toContain('line 1: it is longer than 1000 characters')
    expect(binary).not.toContain('\u001b')
  })

  it('may end in the middle of a line, as a logger still writes it', () => {
    const text = `${BOARD.join('\n')}\n"time","watts"\n1795948800,75.5\n1795948801,76\n17959488`
    expect(meterRecord(text, { path: 'meter.csv' })).toMatchObject({
      scope: 'board',
      standardUncertaintyPct: 0.3,
      quantity: 'watts',
      timesS: [1795948800, 1795948801],
      values: [75.5, 76],
    })
  })

  it('gives way to what was typed', () => {
    const said = { path: 'meter.csv', scope: 'wall', standardUncertaintyPct: 2, certificate: 'none' } as const
    expect(meterRecord(fileOf({}), said)).toMatchObject({
      scope: 'wall',
      standardUncertaintyPct: 2,
      certificate: 'none',
    })
  })
})
