import { describe, expect, it } from 'vitest'
import { nodeFacts } from '../../dist/cli/node-facts.js'
import {
  driftBoundPpm,
  driftPpm,
  type Exchange,
  exchangeOf,
  offsetAt,
  quickest,
  whyJumped,
} from '../../dist/nodes/clock.js'
import { energyBoundJ } from '../../dist/nodes/clock-energy.js'
import type { DeviceEnergy } from '../../dist/results/energy.js'
import { randomOf } from '../native/scenario.js'

const DAY_NS = 86_400e9

/** A message to a node and back, by a clock that is `offset` ahead at that moment. */
function trip(atNs: number, offset: (ns: number) => number, thereNs: number, backNs: number): Exchange {
  const [arrives, leaves] = [atNs + thereNs, atNs + thereNs + 20_000]
  return exchangeOf({
    sentNs: atNs,
    receivedNs: arrives + offset(arrives),
    answeredNs: leaves + offset(leaves),
    gotNs: leaves + backNs,
  })
}

/** What a person is told of a node with such a clock. */
function driftOf(ms: number, drift_ppm: number, drift_bound_ppm: number): string {
  const clock = { ...{ exchanges: 2, start_offset_ns: ms * 1e6, start_bound_ns: 1, end_offset_ns: 0 } }
  const rest = { end_bound_ns: 1, drift_ppm, drift_bound_ppm, energy_bound_j: 0 }
  const node = {
    ...{ node: 'node01', boot_id: '', role: null, folder: '', total_j: null, uncertainty_j: null },
    ...{ absolute_uncertainty_j: null, energy_per_output_token_j: null, fault: null, reason: '', gpus: [] },
    clock: { ...clock, ...rest },
  }
  const [[, text = ''] = []] = nodeFacts({
    nodes: { expected: 1, nodes: [node], roles: [], clock_bound_j: null },
  })
  return text
}

describe('the clock of a node', () => {
  it('is within the bound of each exchange, however different the way there and the way back are', () => {
    const random = randomOf(1)
    for (let i = 0; i < 2000; i += 1) {
      const offsetNs = Math.round((random() - 0.5) * 90 * DAY_NS)
      const exchange = trip(1e12, () => offsetNs, random() * 5e6, random() * 5e6)
      expect(Math.abs(exchange.offset_ns - offsetNs)).toBeLessThanOrEqual(exchange.bound_ns + 2)
    }
  })

  it('is that of the quickest message of a burst', () => {
    const slow = trip(1e12, () => 5e7, 4e6, 1e5)
    const quick = trip(1e12, () => 5e7, 5e4, 5e4)
    expect(quickest([slow, quick, slow])).toBe(quick)
    expect(quickest([])).toBeNull()
  })

  it('is known between two exchanges, with what it may have drifted meanwhile', () => {
    const random = randomOf(2)
    for (let i = 0; i < 500; i += 1) {
      const ppm = (random() - 0.5) * 800
      const offset = (ns: number) => 3 * DAY_NS + ((ns - 1e12) * ppm) / 1e6
      const exchanges = [1e12, 1.005e12, 1.01e12].map((at) =>
        trip(at, offset, random() * 1e6, random() * 1e6),
      )
      const at = 1.001e12 + random() * 8e9
      const known = offsetAt(exchanges, at)
      if (typeof known === 'string') throw new Error(known)
      expect(Math.abs(known.offsetNs - offset(at))).toBeLessThanOrEqual(known.boundNs + 2)
      expect(whyJumped(exchanges)).toBeNull()
      expect(Math.abs(driftPpm(exchanges) - ppm)).toBeLessThanOrEqual(driftBoundPpm(exchanges) + 0.01)
    }
  })

  it('has no drift to tell where the way to it became longer alone', () => {
    const exchanges = [trip(1e12, () => 0, 1e5, 1e5), trip(1.005e12, () => 0, 1e5, 1e8)]
    expect(driftPpm(exchanges)).toBeLessThan(-5000)
    expect(Math.abs(driftPpm(exchanges))).toBeLessThan(driftBoundPpm(exchanges))
    const told = (ms: number) => driftOf(ms, driftPpm(exchanges), driftBoundPpm(exchanges))
    expect(told(1)).not.toMatch(/ppm/)
    expect(driftOf(1, 100, 20)).toMatch(/, 100 ppm fast$/)
  })

  it('is unknown before the first exchange and after the last', () => {
    const exchanges = [1e12, 1.01e12].map((at) => trip(at, () => 0, 1e5, 1e5))
    expect(offsetAt(exchanges, 0.9e12)).toMatch(/before the window/)
    expect(offsetAt(exchanges, 1.1e12)).toMatch(/after the window/)
    expect(offsetAt([], 1e12)).toMatch(/before the window/)
  })

  it('is unknown where it jumped', () => {
    const exchanges = [trip(1e12, () => 0, 1e5, 1e5), trip(1.005e12, () => 4e7, 1e5, 1e5)]
    expect(offsetAt(exchanges, 1.002e12)).toMatch(/as no clock drifts/)
    expect(whyJumped(exchanges)).toMatch(/moved by 40(\.\d+)? ms/)
  })
})

it('what a clock hides is not known of a GPU that tells no power', async () => {
  const offset = { offsetNs: 0, boundNs: 100_000 }
  const edges = { startNs: 0, endNs: 1e9, start: offset, end: offset, driftPpm: 0 }
  const device = (max_power_w: number | null) => ({ max_power_w }) as DeviceEnergy
  const boundOf = (...devices: DeviceEnergy[]) => energyBoundJ('/nowhere', edges, { total_j: 300, devices })
  expect(await boundOf(device(300), device(null))).toBeNull()
  expect(await boundOf(device(300), device(200))).toBeCloseTo(0.1, 9)
})
