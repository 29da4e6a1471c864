import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { describeOverrun } from '../../dist/energy/overrun.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { pathIn, run } from '../cli/experiment.js'
import { deviceEnergy, energy } from '../experiment/findings.js'
import { execOver, llem } from './llem.js'
import { gpu, scenarioFile } from './scenario.js'

vi.setConfig({ testTimeout: 120_000 })

/** GPUs whose driver takes this long to tell the power of one. */
function gpus(count: number, readMs: number): string {
  const call_latency_us = { power: 1000 * readMs, fields: 1000 * readMs, energy: 20, other: 1 }
  return scenarioFile(
    Array.from({ length: count }, (_, position) =>
      gpu(position, [{ for_s: 60, w: 100 }], { call_latency_us }),
    ),
  )
}

const exec = (scenario: string, ...options: string[]) =>
  llem(['exec', '--simulate', scenario, ...options, '--', 'sleep', '2'])

describe('a driver that takes 3 ms for one power reading', () => {
  it('of eight GPUs every 10 ms is warned of, with its latency and an interval that it can keep', async () => {
    const { code, stderr } = await exec(gpus(8, 3))
    expect(code).toBe(0)
    const warnings = stderr.match(/^Warning: sampler_overrun: .*$/gm)
    expect(warnings).toHaveLength(1)
    expect(warnings?.[0]).toMatch(
      /^Warning: sampler_overrun: the driver was answering the sampler for [12]\.\ds of 2\.\ds, and [5-8]\d% of the deadlines of 10ms were missed; one power reading took 3\.\dms \(99th percentile \d+\.\dms\) on each of 8 GPUs\. That may slow the load down\. Set energy\.interval_ms: (100|200) in a configuration or --interval-ms \1 of a command, or read around the sensor's ticks only: energy\.tick_locked: true, --tick-locked\.$/,
    )
  })

  it('keeps up at the interval that the warning names, and is not warned of', async () => {
    const scenario = gpus(8, 3)
    const { energy: measured } = await execOver(scenario, ['sleep', '2'], ['--interval-ms', '100'])
    expect(measured.sampler.missed_deadlines).toBe(0)
    expect(measured.sampler.read_us_p50).toBeGreaterThanOrEqual(3000)
    expect((await exec(scenario, '--interval-ms', '100')).stderr).not.toContain('the driver was answering')
  })

  it('of one GPU is not warned of: a third of the time is not most of it', async () => {
    expect((await exec(gpus(1, 3))).stderr).not.toContain('the driver was answering')
  })

  it('is a warning of an experiment, in the words of its configuration', async () => {
    const { code, stderr, outputDir } = await run(['--simulate', gpus(4, 3)], ['n_prompts=3'])
    expect(code, stderr).toBe(0)
    const result: ExperimentResult = JSON.parse(readFileSync(pathIn(outputDir, 'result.json'), 'utf8'))
    const warnings = result.measurement_warnings.filter((text) => text.startsWith('sampler_overrun: '))
    expect(warnings).toEqual([
      expect.stringMatching(
        /Set energy\.interval_ms: (50|100|200) in .*energy\.tick_locked: true, --tick-locked\.$/,
      ),
    ])
  })
})

describe('the words about a driver that is too slow', () => {
  const slow = (readMs: number, intervalMs: number, gpuCount: number) => {
    const pollMs = readMs * gpuCount
    const durationS = 60
    const polls = (1000 * durationS) / (Math.ceil(pollMs / intervalMs) * intervalMs)
    const sampler = {
      ...energy().sampler,
      interval_ms: intervalMs,
      samples: polls * gpuCount,
      missed_deadlines: (1000 * durationS) / intervalMs - polls,
      read_us_p50: 1000 * readMs,
      read_us_p99: 1200 * readMs,
      driver_s: (polls * pollMs) / 1000,
    }
    return energy({
      sampler: sampler as NonNullable<ReturnType<typeof energy>['sampler']>,
      devices: Array.from({ length: gpuCount }, (_, index) => deviceEnergy({ index })),
    })
  }

  it.for([
    // Half of the time, and a hair more.
    [5, 10, 1, null],
    [6, 10, 1, 50],
    [3, 10, 8, 100],
    [3, 100, 8, null],
    [30, 10, 8, 1000],
    // Not even the longest interval is long enough.
    [200, 10, 8, undefined],
  ] as const)('%i ms a reading, every %i ms, %i GPUs: %o ms', ([readMs, intervalMs, count, suggestedMs]) => {
    const words = describeOverrun(slow(readMs, intervalMs, count))
    if (suggestedMs === null) expect(words).toBeNull()
    else
      expect(words).toContain(
        suggestedMs === undefined
          ? 'Measure fewer GPUs at a time: energy.devices in'
          : `Set energy.interval_ms: ${suggestedMs} in a configuration or --interval-ms ${suggestedMs} of a command`,
      )
  })

  it('are none where llem’s own sampler read no GPU', () => {
    expect(describeOverrun(energy({ sampler: null, devices: [] }))).toBeNull()
  })
})
