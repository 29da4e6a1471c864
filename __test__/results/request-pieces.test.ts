import { describe, expect, it } from 'vitest'
import { phasesOf } from '../../dist/results/phases.js'
import { requestEnergyOf } from '../../dist/results/request-energy.js'
import {
  cutAtRequests,
  type PieceEnergy,
  type Pieces,
  type Span,
  shareOut,
} from '../../dist/results/request-pieces.js'
import { type TimedLine, timesOf } from '../../dist/results/request-times.js'
import { randomOf } from '../native/scenario.js'

const S = 1e9

/** A request from one second to another, its first token in between. */
function request(
  fromS: number,
  toS: number,
  firstS: number | null,
  rest: Partial<TimedLine> = {},
): TimedLine {
  return {
    start_ns: fromS * S,
    end_ns: toS * S,
    ttft_ms: firstS === null ? null : (firstS - fromS) * 1e3,
    input_tokens: 100,
    output_tokens: 11,
    ...rest,
  }
}

/** What the pieces of a window hold at a power that changes with time, and where readings are missing. */
function drawn(pieces: Pieces, wattsAt: (s: number) => number, hole: Span | null = null): PieceEnergy {
  const { boundariesNs } = pieces
  const joules = new Float64Array(boundariesNs.length - 1)
  const missing = new Uint8Array(joules.length)
  for (let at = 0; at < joules.length; at++) {
    const [from, to] = [Number(boundariesNs[at]), Number(boundariesNs[at + 1])]
    joules[at] = (wattsAt((from + to) / 2 / S) * (to - from)) / S
    missing[at] = hole !== null && from < hole.end_ns && to > hole.start_ns ? 1 : 0
  }
  return { joules, missing }
}

const sum = (values: Iterable<number>) => [...values].reduce((all, value) => all + value, 0)
const known = (energies: Float64Array) => energies.filter((joules) => !Number.isNaN(joules))
const SEEN = { updatePeriodNs: 0.1 * S, windowNs: 0.025 * S, maxPowerW: 700, relativeUncertainty: 0.01 }

describe('the power of a moment', () => {
  it('is shared equally among the requests in flight, and is idle where there are none', () => {
    // 100 W: 1 s alone, 1 s with the other, 2 s of the other alone, 1 s idle before and after.
    const times = timesOf([request(1, 3, 2), request(2, 5, 3)])
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 6 * S })
    const { energies, idleJ, unattributedJ } = shareOut(
      pieces,
      drawn(pieces, () => 100),
    )
    expect([...energies]).toEqual([150, 250])
    expect({ idleJ, unattributedJ }).toEqual({ idleJ: 200, unattributedJ: 0 })
  })

  it('belongs to members of a batch, whose times are the same, in equal parts', () => {
    const times = timesOf(Array.from({ length: 8 }, () => request(0, 4, 1)))
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 4 * S })
    expect([
      ...shareOut(
        pieces,
        drawn(pieces, () => 200),
      ).energies,
    ]).toEqual(Array(8).fill(100))
  })

  it('belongs to nobody where readings are missing, and those in flight then have no energy rather than part of it', () => {
    const times = timesOf([request(0, 2, 1), request(1, 5, 2), request(5, 6, 5.5)])
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 6 * S })
    const hole = { start_ns: 3 * S, end_ns: 4 * S }
    const { energies, unattributedJ, idleJ } = shareOut(
      pieces,
      drawn(pieces, () => 100, hole),
    )
    expect([...energies]).toEqual([150, Number.NaN, 100])
    expect(sum(known(energies)) + idleJ + unattributedJ).toBeCloseTo(600, 9)
  })

  it('belongs to nobody outside of the window, and a request without time in it has no energy', () => {
    const times = timesOf([request(0, 3, 2), request(0, 0.5, null), request(2, 2, 2)])
    const pieces = cutAtRequests(times, { start_ns: S, end_ns: 2 * S })
    expect([
      ...shareOut(
        pieces,
        drawn(pieces, () => 100),
      ).energies,
    ]).toEqual([100, Number.NaN, Number.NaN])
  })
})

describe('whatever overlaps', () => {
  it.for([1, 2, 3, 4, 5, 6, 7, 8])('the joules add up to those of the window (seed %i)', (seed) => {
    const random = randomOf(seed)
    const lines = Array.from({ length: 400 }, () => {
      const fromS = 60 * random() - 1
      const toS = fromS + (random() < 0.1 ? 0 : 8 * random() ** 3)
      const firstS = random() < 0.1 ? null : fromS + (toS - fromS) * random()
      const failed = random() < 0.05 ? { code: 'TIMEOUT', output_tokens: undefined } : {}
      return request(fromS, toS, firstS, failed as Partial<TimedLine>)
    })
    const times = timesOf(lines)
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 62 * S })
    const hole = seed % 2 === 0 ? { start_ns: 30 * S, end_ns: 30.7 * S } : null
    const energy = drawn(pieces, (s) => 300 + 200 * Math.sin(s), hole)
    const totalJ = sum(energy.joules)
    const shares = shareOut(pieces, energy)
    expect(Math.abs(sum(known(shares.energies)) + shares.idleJ + shares.unattributedJ - totalJ)).toBeLessThan(
      1e-9 * totalJ,
    )
    const told = requestEnergyOf(times, shares, SEEN)
    expect(Math.abs(told.total_j + told.failed_j + told.idle_j + told.unattributed_j - totalJ)).toBeLessThan(
      1e-9 * totalJ,
    )
    expect(told.failed_j).toBeGreaterThan(0)

    const { prefill, decode, mixed_j, idle_j, unattributable_j } = phasesOf(times, pieces, energy, SEEN)
    const phasesJ = (prefill?.energy_j ?? 0) + (decode?.energy_j ?? 0) + mixed_j + idle_j + unattributable_j
    expect(Math.abs(phasesJ - totalJ)).toBeLessThan(1e-9 * totalJ)
    expect(idle_j).toBeCloseTo(shares.idleJ, 6)
  })

  it('is shared out in two seconds of a CPU, also for 100,000 requests of which 1000 run at a time', () => {
    const random = randomOf(9)
    const lines = Array.from({ length: 100_000 }, (_, at) => {
      const fromS = at / 100
      return request(fromS, fromS + 5 + 10 * random(), fromS + random())
    })
    const times = timesOf(lines)
    const before = process.cpuUsage()
    const beforeBytes = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 1020 * S })
    const energy = drawn(pieces, () => 600)
    const shares = shareOut(pieces, energy)
    const phases = phasesOf(times, pieces, energy, SEEN)
    const told = requestEnergyOf(times, shares, SEEN)
    const { user, system } = process.cpuUsage(before)
    const bytes = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - beforeBytes
    expect(pieces.inFlight.reduce((most, number) => Math.max(most, number))).toBeGreaterThan(900)
    expect(told.total_j + told.idle_j).toBeCloseTo(600 * 1020, 3)
    expect(phases.mixed_j + phases.idle_j + phases.unattributable_j).toBeLessThanOrEqual(
      600 * 1020 * (1 + 1e-9),
    )
    expect((user + system) / 1e6).toBeLessThan(2)
    expect(bytes / 2 ** 20).toBeLessThan(100)
  })
})

describe('the energies of requests', () => {
  it('are spread as their percentiles say, by request and by output token', () => {
    const times = timesOf(
      [1, 2, 3, 4, 5].map((s) => request(10 * s, 11 * s, 10 * s + 0.1, { output_tokens: s })),
    )
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 60 * S })
    const told = requestEnergyOf(
      times,
      shareOut(
        pieces,
        drawn(pieces, () => 100),
      ),
      SEEN,
    )
    expect(told).toMatchObject({
      method: 'equal share of the power among requests in flight',
      requests: 5,
      total_j: 1500,
      per_request_j: { mean: 300, p50: 300, p95: 480, max: 500 },
      per_output_token_j: { mean: 100, p50: 100, max: 100 },
      idle_j: 4500,
      failed_j: 0,
      unattributed_j: 0,
    })
  })

  it('have no spread where there are none', () => {
    const times = timesOf([request(0, 1, null, { code: 'TIMEOUT' })])
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: S })
    const told = requestEnergyOf(
      times,
      shareOut(
        pieces,
        drawn(pieces, () => 100),
      ),
      SEEN,
    )
    expect(told).toMatchObject({ requests: 0, per_request_j: null, per_output_token_j: null, failed_j: 100 })
  })
})

describe('the energies of requests that are shorter than the sensor can see', () => {
  // Three update periods of 100 ms; that of 1 s came to nothing.
  const times = timesOf([
    request(0, 0.2, 0.1),
    request(0.2, 0.499, 0.3),
    request(1, 1.301, 1.1),
    request(2, 3, null, { code: 'TIMEOUT' }),
  ])
  const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 3 * S })
  const shares = shareOut(
    pieces,
    drawn(pieces, () => 100),
  )

  it('are counted, for only their sums can be told', () => {
    expect(requestEnergyOf(times, shares, SEEN)).toMatchObject({ requests: 3, unresolved: 2 })
  })

  it('are all of them where a reading is the mean of a second', () => {
    expect(requestEnergyOf(times, shares, { ...SEEN, windowNs: S }).unresolved).toBe(3)
  })

  it('are unknown where the period of the sensor was not seen', () => {
    expect(requestEnergyOf(times, shares, { ...SEEN, updatePeriodNs: null }).unresolved).toBeNull()
  })
})

describe('prefill and decode', () => {
  /** Requests one after the other: `prefillS` at 400 W, `decodeS` at 250 W. */
  const alternately = (prefillS: number, decodeS: number, count = 4) => {
    const cycleS = prefillS + decodeS
    const lines = Array.from({ length: count }, (_, at) =>
      request(at * cycleS, (at + 1) * cycleS, at * cycleS + prefillS),
    )
    const times = timesOf(lines)
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: count * cycleS * S })
    return { times, pieces, energy: drawn(pieces, (s) => (s % cycleS < prefillS ? 400 : 250)) }
  }

  it('are told apart where each lasts three update periods, with tokens and a bound for the edges', () => {
    const { times, pieces, energy } = alternately(1, 2)
    const { prefill, decode, ...rest } = phasesOf(times, pieces, energy, SEEN)
    expect(prefill).toMatchObject({ requests: 4, left_out: 0, input_tokens: 400 })
    expect(prefill?.energy_j).toBeCloseTo(1600, 6)
    expect(prefill?.duration_s).toBeCloseTo(4, 9)
    expect(prefill?.j_per_input_token).toBeCloseTo(4, 9)
    // The first of a request's tokens is the prefill's.
    expect(decode).toMatchObject({ requests: 4, left_out: 0, output_tokens: 40 })
    expect(decode?.energy_j).toBeCloseTo(2000, 6)
    expect(decode?.j_per_output_token).toBeCloseTo(50, 9)
    expect(rest.reason).toBeNull()
    expect([rest.mixed_j, rest.idle_j]).toEqual([0, 0])
    // Seven edges of 150 W lie between them, each known to (100 + 25) / 2 ms, and the window to 1 %.
    expect(prefill?.uncertainty_j).toBeCloseTo(7 * 150 * 0.0625 + 16, 6)
    expect(decode?.uncertainty_j).toBeCloseTo(7 * 150 * 0.0625 + 20, 6)
  })

  it('are null with the reason and the number of requests where they are too short', () => {
    const { times, pieces, energy } = alternately(0.2, 2)
    const { prefill, decode, reason, unattributable_j } = phasesOf(times, pieces, energy, SEEN)
    expect(prefill).toBeNull()
    expect(reason).toBe(
      'unattributable: prefill: of 4, 4 shorter than 3 update periods of the power sensor (300 ms)',
    )
    expect(unattributable_j).toBeCloseTo(4 * 0.2 * 400, 6)
    expect(decode?.energy_j).toBeCloseTo(2000, 6)
    // A neighbour that is too short to be seen may have had any power: 700 W at most. Seven edges.
    expect(decode?.uncertainty_j).toBeCloseTo(7 * 450 * 0.0625 + 20, 6)
  })

  it('say first why no first token was seen, whatever the sensor could tell', () => {
    const lines = Array.from({ length: 4 }, (_, at) => ({
      ...request(at * 3, at * 3 + 3, at * 3 + 1),
      ttft_ms: null,
    }))
    const times = timesOf(lines)
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 12 * S })
    const blind = { ...SEEN, updatePeriodNs: null }
    const energy = drawn(pieces, () => 500)
    for (const resolution of [SEEN, blind]) {
      const { prefill, decode, reason } = phasesOf(times, pieces, energy, resolution, 'buffered by a proxy')
      expect([prefill, decode]).toEqual([null, null])
      expect(reason).toBe('unattributable: prefill: buffered by a proxy; decode: buffered by a proxy')
    }
  })

  it('are both null where prefills and decodes of different requests always overlap', () => {
    const times = timesOf(Array.from({ length: 20 }, (_, at) => request(at, at + 4, at + 1)))
    const pieces = cutAtRequests(times, { start_ns: 3 * S, end_ns: 19 * S })
    const { prefill, decode, reason, mixed_j } = phasesOf(
      times,
      pieces,
      drawn(pieces, () => 500),
      SEEN,
    )
    expect([prefill, decode]).toEqual([null, null])
    expect(reason).toMatch(
      /^unattributable: prefill: of 20, .*\d+ beside decodes of other requests; decode: of 20, /,
    )
    expect(mixed_j).toBe(8000)
  })

  it.for<[string, Partial<typeof SEEN> | { updatePeriodNs: null }, RegExp]>([
    [
      'where the update period is not known',
      { updatePeriodNs: null },
      /how often the power sensor publishes was not seen/,
    ],
    ['where a reading is a mean over a second', { windowNs: S }, /of 4, 4 shorter than .* \(3000 ms\)/],
  ])('are null %s', ([, unknown, why]) => {
    const { times, pieces, energy } = alternately(1, 2)
    const { prefill, decode, reason, unattributable_j } = phasesOf(times, pieces, energy, {
      ...SEEN,
      ...unknown,
    })
    expect([prefill, decode]).toEqual([null, null])
    expect(reason).toMatch(why)
    expect(unattributable_j).toBeCloseTo(3600, 6)
  })

  it('leave out requests whose first token was not observed, which run beside nobody', () => {
    const times = timesOf([request(0, 3, 1), request(3, 6, null)])
    const pieces = cutAtRequests(times, { start_ns: 0, end_ns: 6 * S })
    const phases = phasesOf(
      times,
      pieces,
      drawn(pieces, () => 100),
      SEEN,
    )
    expect(phases).toMatchObject({
      prefill: { requests: 1, left_out: 1 },
      decode: { requests: 1, left_out: 1 },
    })
    expect(phases.mixed_j).toBeCloseTo(300, 9)
  })

  it('have no bound where the energy of the window has none', () => {
    const { times, pieces, energy } = alternately(1, 2)
    const { prefill } = phasesOf(times, pieces, energy, { ...SEEN, relativeUncertainty: null })
    expect(prefill?.uncertainty_j).toBeNull()
  })
})
