// The truth of idle: 75 W bare, 110 W from when there is a context, a floor of 30 s, and a load that draws nothing of its own.

import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { resultIn, run } from '../cli/experiment.js'
import { llem } from '../native/llem.js'
import { gpu, nowNs, type Segment, scenarioFile } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'

vi.setConfig({ testTimeout: 120_000 })

/** The context comes in the floor, which is flat only from then on. */
const STEPS: Segment[] = [
  { for_s: 16, w: 75 },
  { for_s: 1, w: 110 },
]

const LEVELS = [
  'baseline.enabled=true',
  'baseline.duration_sec=5',
  'n_prompts=40',
  'generation.max_tokens=200',
  'generation.ignore_eos=true',
]

async function measured(segments: Segment[], sets: readonly string[]) {
  const scenario = scenarioFile([gpu(0, segments)], nowNs())
  const { code, stdout, stderr, outputDir } = await run(['--simulate', scenario], [...LEVELS, ...sets])
  if (code !== 0) throw new Error(stderr)
  return { result: resultIn(outputDir), stdout, stderr, outputDir }
}

// They wait for most of their time, each for levels of its own.
describe.concurrent('with a thermal floor of 30 s', () => {
  let result: ExperimentResult
  let stdout: string
  let outputDir: string

  beforeAll(async () => {
    const told = await measured(STEPS, ['warmup.thermal_floor_seconds=30'])
    result = told.result
    stdout = told.stdout
    outputDir = told.outputDir
  }, 120_000)

  it('parked power is that of the context, and active power is none, each within 2 W', () => {
    const { energy_breakdown: breakdown, energy } = result
    const seconds = Number(energy?.duration_sec)
    expect(seconds).toBeGreaterThan(0.5)
    expect(breakdown).toMatchObject({
      parked_source: 'thermal_floor',
      parked_reason: null,
      baseline_reason: null,
      baseline_method: 'fresh',
    })
    expect(Math.abs(Number(breakdown?.baseline_power_w) - 75)).toBeLessThan(2)
    expect(Math.abs(Number(breakdown?.parked_power_w) - 110)).toBeLessThan(2)
    expect(Math.abs(Number(breakdown?.active_j) / seconds)).toBeLessThan(2)
    expect(Number(breakdown?.parked_uncertainty_w)).toBeGreaterThan(0)
    expect(Number(breakdown?.baseline_uncertainty_w)).toBeGreaterThan(0)
    expect(Math.abs(Number(breakdown?.active_j))).toBeLessThan(Number(breakdown?.active_uncertainty_j))
  })

  it('bare, parked and active energy add up to the raw one', () => {
    const { raw_j, bare_j, parked_j, active_j, adjusted_j } = result.energy_breakdown ?? {}
    const sum = Number(bare_j) + Number(parked_j) + Number(active_j)
    expect(Math.abs(sum / Number(raw_j) - 1)).toBeLessThan(1e-9)
    expect(adjusted_j).toBeCloseTo(Number(raw_j) - Number(bare_j), 9)
    expect(result.energy_breakdown?.active_energy_per_output_token_j).toBe(
      Number(active_j) / result.output_tokens,
    )
  })

  it('the process has the same parts, the terminal shows them, and `verify` adds them up', async () => {
    expect(result.process_results[0]?.energy_breakdown?.parked_j).toBe(result.energy_breakdown?.parked_j)
    expect(stdout).toMatch(/\n {2}Idle +bare 7\d\.\d+ W \+- [\d.]+ W; parked 1\d\d\.\d+ W \+- [\d.]+ W\n/)
    expect(stdout).toMatch(
      /\n {2}Active +-?[\d.]+ J \+- [\d.]+ J above parked, .*J\/output token .*of the whole run\n/,
    )
    const { code, stdout: checks } = await llem(['verify', `${outputDir}/${result.experiment_id}`])
    expect(checks).toMatch(/energy_breakdown: bare, parked and active/)
    expect(code).toBe(0)
  })
})

it.concurrent('a level that rises through its floor is subtracted by nobody', async () => {
  const told = await Promise.all(
    byDay(1, [1, 0.5]).map(async (risesW) => {
      // A slope, no stairs of a second: a sensor that moves once a second knows nothing of a window of one or two.
      const rising = { for_s: 120, from_w: 110, to_w: 110 + 120 * risesW }
      const sets = ['warmup.thermal_floor_seconds=30']
      return (await measured([{ for_s: 8, w: 75 }, rising], sets)).result.energy_breakdown
    }),
  )
  for (const breakdown of told)
    expect(breakdown).toMatchObject({
      baseline_reason: null,
      parked_reason: expect.stringMatching(/the power of GPU 0 rose from/),
      parked_j: null,
      active_j: null,
    })
})

describe('without a thermal floor', () => {
  it('parked power is measured before the window', async () => {
    const { result, stderr } = await measured([{ for_s: 1, w: 110 }], [])
    expect(result.energy_breakdown).toMatchObject({
      parked_source: 'before_window',
      parked_power_w: expect.closeTo(110, 0),
      parked_reason: null,
    })
    expect(stderr).toMatch(/^Parked power: 1(09|10)\.\dW$/m)
  })

  it('a level that drifts is told, and subtracted by nobody', async () => {
    // It cools down by 10 W a second, from before the baseline until after the parked power was measured.
    const { result, stdout } = await measured([{ for_s: 40, from_w: 500, to_w: 100 }], [])
    const { energy_breakdown: breakdown, findings } = result
    expect(breakdown).toMatchObject({
      ...{ adjusted_j: null, bare_j: null, parked_j: null, active_j: null },
      active_energy_per_output_token_j: null,
      baseline_power_w: expect.any(Number),
      parked_power_w: expect.any(Number),
      baseline_reason: expect.stringMatching(/^while idle power was measured, the power of GPU 0 fell from /),
      parked_reason: expect.stringMatching(/^while parked power was measured, the power of GPU 0 fell from /),
    })
    expect(findings.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['baseline_disturbed', 'parked_disturbed']),
    )
    expect(stdout).toMatch(/\n {2}Energy: [\d.]+J raw\n/)
    expect(stdout).toMatch(/parked [\d.]+ W.*, not subtracted\n/)
  })

  it('nor a bare level is asked for where baseline.enabled is false', async () => {
    const { result, stderr } = await measured([{ for_s: 1, w: 110 }], ['baseline.enabled=false'])
    expect(result.energy_breakdown).toMatchObject({ parked_power_w: null, active_j: null, adjusted_j: null })
    expect(result.energy_breakdown?.parked_reason).toMatch(/baseline\.enabled is false/)
    expect(stderr).not.toContain('Parked power')
  })
})
