// What a result says twice, changed in one place: the check of that place, and of nothing that does not rest on it, must see it.

import { describe, expect, it } from 'vitest'
import type { Energy } from '../../dist/results/energy.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { readResult } from '../../dist/results/read.js'
import { checksOfEnergy, checksOfExperiment, checksOfRequests } from '../../dist/verify/arithmetic.js'
import type { Check } from '../../dist/verify/check.js'
import { scratchFolder } from '../native/scenario.js'
import { placed } from '../results/fixtures.js'

const { content: read } = readResult(placed('run', scratchFolder())) as unknown as {
  content: ExperimentResult & { energy: Energy }
}
const copy = () => structuredClone(read)
type Result = ReturnType<typeof copy>

const all = (result: Result) => [...checksOfExperiment(result), ...checksOfEnergy(result.energy)]
const wrong = (checks: readonly Check[]) =>
  checks.filter(({ agrees }) => !agrees).map(({ quantity }) => quantity)
const recomputed = (checks: readonly Check[], name: string) =>
  checks.find(({ quantity }) => quantity === name)?.recomputed

/** Puts a value where a path such as `energy.devices[0].gap_s` leads. */
function put(result: Result, path: string, change: (value: unknown) => unknown): void {
  const keys = path.split(/[.[\]]+/).filter(Boolean)
  const last = keys.pop() ?? ''
  let at = result as unknown as Record<string, unknown>
  for (const key of keys) at = at[key] as Record<string, unknown>
  at[last] = change(at[last])
}

/** The same run on two GPUs, the second with half of the joules of the first. */
function onTwo(): Result {
  const result = copy()
  const { energy } = result
  const [first] = energy.devices
  if (first === undefined) throw new Error('the fixture has no device')
  const half = (value: number | null) => (value === null ? null : value / 2)
  energy.devices.push({
    ...structuredClone(first),
    uuid: 'GPU-2',
    total_j: half(first.total_j),
    integral_j: half(first.integral_j),
    counter_j: half(first.counter_j),
    counter_raw_j: half(first.counter_raw_j),
    mean_power_w: half(first.mean_power_w),
    uncertainty_j: 2,
    absolute_uncertainty_j: 3,
  })
  return result
}

describe('a result that nobody has changed', () => {
  it('agrees with itself', () => {
    expect(wrong(all(copy()))).toEqual([])
    expect(all(copy()).length).toBeGreaterThan(30)
  })
})

describe('a number that was changed', () => {
  it('is seen, wherever it stands', () => {
    const paths = all(copy()).flatMap(({ quantity, stored }) =>
      typeof stored === 'number' ? [quantity] : [],
    )
    expect(paths.length).toBeGreaterThan(25)
    for (const path of paths) {
      for (const change of [(value: number) => value * 1.001 + 0.001, (value: number) => value - 1]) {
        const result = copy()
        put(result, path, (value) => change(value as number))
        expect(wrong(all(result)), path).toContain(path)
      }
      const result = copy()
      put(result, path, () => null)
      // A residual that a device does not have is not looked for, but then there is none of all.
      const seen = path === 'energy.devices[0].residual_pct' ? 'energy.residual_pct' : path
      expect(wrong(all(result)), path).toContain(seen)
    }
  })

  it('of the window moves what is by its length and not the sums', () => {
    const result = copy()
    result.energy.window.end_ns += 1e9
    expect(wrong(all(result))).toEqual(['energy.duration_sec'])
  })
})

describe('the totals of two devices', () => {
  const checks = (change: (energy: Energy) => void = () => undefined) => {
    const { energy } = onTwo()
    change(energy)
    return checksOfEnergy(energy)
  }
  const [first, second] = onTwo().energy.devices

  it('are their sums', () => {
    for (const name of ['total_j', 'integral_j', 'counter_j', 'counter_raw_j'] as const)
      expect(recomputed(checks(), `energy.${name}`)).toBeCloseTo(Number(first?.[name]) * 1.5, 9)
  })

  it('have the root of the squares of what is uncertain', () => {
    const uncertain = Number(first?.uncertainty_j)
    expect(recomputed(checks(), 'energy.uncertainty_j')).toBeCloseTo(Math.sqrt(uncertain ** 2 + 4), 9)
    expect(second?.absolute_uncertainty_j).toBe(3)
  })

  it('are null as soon as one of them is', () => {
    const told = checks(({ devices }) =>
      Object.assign(devices[1] as object, { total_j: null, uncertainty_j: null }),
    )
    expect(recomputed(told, 'energy.total_j')).toBeNull()
    expect(recomputed(told, 'energy.uncertainty_j')).toBeNull()
  })

  it('have the method of all, or none', () => {
    expect(recomputed(checks(), 'energy.method')).toBe('counter')
    const told = checks(({ devices }) => Object.assign(devices[1] as object, { method: 'integral' }))
    expect(recomputed(told, 'energy.method')).toBeNull()
  })

  it('have the coverage of the one that was seen least', () => {
    const told = checks(({ devices }) => Object.assign(devices[1] as object, { coverage: 0.25 }))
    expect(recomputed(told, 'energy.coverage')).toBe(0.25)
    // Three quarters of the window are a gap.
    const lasted = read.energy.duration_sec
    expect(recomputed(told, 'energy.devices[1].gap_s')).toBeCloseTo(0.75 * lasted, 9)
    expect(recomputed(told, 'energy.devices[0].gap_s')).toBe(0)
  })

  it('have a residual of their sums, unless one has none or the counter is none', () => {
    const [integral, counter] = [Number(read.energy.integral_j), Number(read.energy.counter_j)]
    expect(recomputed(checks(), 'energy.residual_pct')).toBeCloseTo((100 * (integral - counter)) / counter, 9)
    for (const part of [{ residual_pct: null }])
      expect(
        recomputed(
          checks(({ devices }) => Object.assign(devices[1] as object, part)),
          'energy.residual_pct',
        ),
      ).toBeNull()
    for (const counter_j of [null, 0, -1])
      expect(
        recomputed(
          checks((energy) => Object.assign(energy, { counter_j })),
          'energy.residual_pct',
        ),
      ).toBeNull()
  })

  it('of sockets are those of their kind alone', () => {
    const domain = (kind: 'package' | 'dram', energy_j: number | null) => ({
      ...{ name: kind, kind, energy_j, uncertainty_j: 0.1, mirrors: null as string | null },
    })
    const told = checks(({ cpu }) =>
      Object.assign(cpu, { domains: [domain('package', 1), domain('package', 2), domain('dram', 4)] }),
    )
    expect([recomputed(told, 'energy.cpu.package_j'), recomputed(told, 'energy.cpu.dram_j')]).toEqual([3, 4])
    const unknown = checks(({ cpu }) => Object.assign(cpu, { domains: [domain('package', null)] }))
    expect(recomputed(unknown, 'energy.cpu.package_j')).toBeNull()
    const mirrored = checks(({ cpu }) =>
      Object.assign(cpu, {
        domains: [domain('package', 1), { ...domain('package', null), mirrors: 'package' }],
      }),
    )
    expect(recomputed(mirrored, 'energy.cpu.package_j')).toBe(1)
  })

  it('are the packages where these are the headline', () => {
    const domain = { name: 'package-0', kind: 'package', energy_j: 5, uncertainty_j: 0.1, mirrors: null }
    const told = checks((energy) =>
      Object.assign(energy, {
        ...{ backend: 'rapl', domain: 'cpu', sampler: null, devices: [], total_j: 7, uncertainty_j: 0.1 },
        cpu: { package_j: 7, dram_j: null, reason: null, domains: [domain] },
      }),
    )
    const wrong = told.filter(({ agrees }) => !agrees).map(({ quantity }) => quantity)
    expect(wrong).toEqual(['energy.cpu.package_j'])
    expect(recomputed(told, 'energy.total_j')).toBe(7)
    expect(recomputed(told, 'energy.uncertainty_j')).toBe(0.1)
  })
})

describe('the mean power of a device', () => {
  const meanOf = (change: Partial<Energy['devices'][number]>) => {
    const { energy } = copy()
    Object.assign(energy.devices[0] as object, change)
    return recomputed(checksOfEnergy(energy), 'energy.devices[0].mean_power_w')
  }
  const { duration_sec } = read.energy

  it('is its joules over the window', () => {
    expect(meanOf({ total_j: 10 })).toBeCloseTo(10 / duration_sec, 9)
  })

  it('without joules is that of the covered part of the integral', () => {
    expect(meanOf({ total_j: null, integral_j: 10, coverage: 0.5 })).toBeCloseTo(20 / duration_sec, 9)
    expect(meanOf({ total_j: null, integral_j: null })).toBeNull()
    expect(meanOf({ total_j: null, integral_j: 10, coverage: 0 })).toBeNull()
  })
})

describe('the uncertainty of a device', () => {
  const part = (standard_uncertainty_j: number, of_board: boolean) => ({ standard_uncertainty_j, of_board })
  const told = (parts: object[]) => {
    const { energy } = copy()
    Object.assign(energy.devices[0] as object, { uncertainty: parts })
    const checks = checksOfEnergy(energy)
    return ['uncertainty_j', 'absolute_uncertainty_j'].map((name) =>
      recomputed(checks, `energy.devices[0].${name}`),
    )
  }

  it('is twice the root of the squares of its parts, with the board and without', () => {
    expect(told([part(3, false), part(4, false), part(12, true)])).toEqual([10, 26])
  })

  it('with the board is not known where no part is of it', () => {
    expect(told([part(3, false), part(4, false)])).toEqual([10, null])
  })

  it('without parts, as of an older llem, is not checked', () => {
    expect(told([])).toEqual([undefined, undefined])
  })
})

describe('another backend', () => {
  it('adds up what it says of each GPU', () => {
    const { energy } = copy()
    Object.assign(energy, { backend: 'zeus', total_j: 7, measurement: { per_gpu_j: { a: 3, b: 4 } } })
    expect(recomputed(checksOfEnergy(energy), 'energy.total_j')).toBe(7)
  })
})

describe('a load', () => {
  const load = (change: object = {}, window = { start_ns: 1e9, end_ns: 3e9 }) => {
    const result = copy()
    const devices = [{ energy_j: 2 }, { energy_j: 3 }]
    Object.assign(result, { load: { kept: false, seconds: 2, energy_j: 5, devices, window, ...change } })
    return checksOfExperiment(result)
  }
  const wrongOf = (checks: readonly Check[]) => wrong(checks).filter((name) => name.startsWith('load'))

  it('has the length of its window and the sum of its devices', () => {
    expect(wrongOf(load())).toEqual([])
    expect(wrongOf(load({ seconds: 2.1 }))).toEqual(['load.seconds'])
    expect(wrongOf(load({ energy_j: 4 }))).toEqual(['load.energy_j'])
    expect(wrongOf(load({ devices: [{ energy_j: 5 }, { energy_j: null }] }))).toEqual(['load.energy_j'])
  })

  it('that was kept is so of every process', () =>
    expect(wrongOf(load({ kept: true }))).toEqual(['load.kept']))

  it('is over before the window begins', () => {
    const { start_ns } = read.energy.window
    expect(wrongOf(load({}, { start_ns: start_ns - 2e9, end_ns: start_ns }))).toEqual([])
    expect(wrongOf(load({}, { start_ns: start_ns - 2e9 + 1, end_ns: start_ns + 1 }))).toEqual(['load.window'])
  })
})

describe('the lines of requests', () => {
  const line = (output_tokens: number, input_tokens: number | null, energy_j: number | null = 1) => ({
    output_tokens,
    input_tokens,
    energy_j,
  })
  const result = (change: object) => {
    const made = copy()
    Object.assign(made, { input_tokens: 7, output_tokens: 5, request_energy: { total_j: 2 }, ...change })
    Object.assign(made.process_results[0] as object, { requests: 2, failures: 1 })
    return made
  }
  const lines = [line(2, 3), line(3, 4), { failed: true, output_tokens: 9, input_tokens: 9 }]

  it('add up to the totals, without those that failed', () => {
    expect(wrong(checksOfRequests(result({}), lines))).toEqual([])
    expect(checksOfRequests(result({}), lines)).toHaveLength(5)
  })

  it.each([
    ['process_results[].requests', lines.slice(1)],
    ['process_results[].failures', lines.slice(0, 2)],
    ['input_tokens', [line(2, 4), ...lines.slice(1)]],
    ['output_tokens', [line(3, 3), ...lines.slice(1)]],
    ['request_energy.total_j', [line(2, 3, 2), ...lines.slice(1)]],
  ] as const)('that were changed are seen at %s', (name, changed) => {
    expect(wrong(checksOfRequests(result({}), changed))).toContain(name)
  })

  it('of which one does not tell have no sum', () => {
    const told = checksOfRequests(result({}), [line(2, null), ...lines.slice(1)])
    expect(recomputed(told, 'input_tokens')).toBeNull()
    expect(recomputed(told, 'output_tokens')).toBe(5)
  })

  it('that are none come to no tokens', () => {
    expect(recomputed(checksOfRequests(result({ request_energy: null }), []), 'output_tokens')).toBe(0)
    expect(checksOfRequests(result({ request_energy: null }), [])).toHaveLength(4)
  })
})

describe('joules per token', () => {
  it('are none where no token came out', () => {
    const result = copy()
    Object.assign(result, { output_tokens: 0, input_tokens: 0 })
    const checks = checksOfExperiment(result)
    expect(recomputed(checks, 'energy_per_output_token_j')).toBeNull()
    expect(recomputed(checks, 'avg_energy_per_token_j')).toBeNull()
  })

  it('are of all tokens only where both kinds are known', () => {
    const result = copy()
    Object.assign(result, { input_tokens: null })
    expect(recomputed(checksOfExperiment(result), 'total_tokens')).toBeNull()
    expect(recomputed(checksOfExperiment(copy()), 'total_tokens')).toBe(4908)
  })

  it('have the uncertainty of the energy over the tokens, where a result says it', () => {
    const result = copy()
    Object.assign(result, { energy_per_output_token_uncertainty_j: 1, output_tokens: 4, input_tokens: 6 })
    Object.assign(result.energy, { uncertainty_j: 20 })
    const checks = checksOfExperiment(result)
    expect(recomputed(checks, 'energy_per_output_token_uncertainty_j')).toBe(5)
    expect(recomputed(checks, 'avg_energy_per_token_uncertainty_j')).toBe(2)
    expect(
      recomputed(checksOfExperiment(copy()), 'energy_per_output_token_absolute_uncertainty_j'),
    ).toBeUndefined()
  })
})
