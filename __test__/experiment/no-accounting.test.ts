// `energy.backend: null` turns off the accounting alone: the GPUs are still looked at.

import { existsSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import { pathIn, resultIn, run } from '../cli/experiment.js'
import { llem } from '../native/llem.js'
import { gpu, nowNs, scenarioFile, uuidOf } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const SETS = [
  'energy.backend=null',
  'n_prompts=40',
  'generation.max_tokens=200',
  'generation.ignore_eos=true',
]

it('environment, throttling, temperature, time series and what they warn of go on; nothing is accounted for', async () => {
  const rest = {
    persistence_mode: false,
    temperature_c: { base: 30, per_100_w: 10 },
    throttle: [{ from_s: 0, to_s: 1e6, reasons: ['hw_thermal_slowdown'] }],
  }
  // Warms up by 30 C in the seconds of the run.
  const scenario = scenarioFile([gpu(0, [{ for_s: 8, from_w: 100, to_w: 700 }], rest)], nowNs())
  const { code, stdout, outputDir } = await run(['--simulate', scenario], [...SETS, 'baseline.enabled=true'])
  expect(code).toBe(0)
  const result = resultIn(outputDir)
  expect(result).toMatchObject({
    total_energy_j: null,
    energy: null,
    energy_breakdown: null,
    energy_reason: 'energy measurement is disabled (energy.backend: null)',
    quoted: { value: null, reason: 'energy measurement is disabled (energy.backend: null)' },
    thermal_throttle: { detected: true, hw_thermal: true, max_temperature_c: expect.any(Number) },
    environment: { gpus: [{ uuid: uuidOf(0) }] },
    load: { energy_j: null },
  })
  expect(existsSync(pathIn(outputDir, String(result.timeseries_path)))).toBe(true)
  const codes = result.findings.map(({ code: each }) => each)
  expect(codes).toContain('gpu_persistence_mode_off')
  expect(codes).not.toContain('nvml_low_sample_count')
  expect(codes).not.toContain('energy_unknown')
  expect(stdout).toMatch(/Warning: Thermal throttling detected/)
  const verified = await llem(['verify', pathIn(outputDir, '')])
  expect(verified.code).toBe(0)
})

it('a machine without a GPU is no problem then', async () => {
  const { code, stderr, outputDir } = await run([], SETS)
  expect(code).toBe(0)
  expect(resultIn(outputDir)).toMatchObject({
    total_energy_j: null,
    thermal_throttle: null,
    timeseries_path: null,
  })
  expect(stderr).not.toMatch(/energy|GPU/i)
})
