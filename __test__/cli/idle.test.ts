// `llem idle` over a simulated GPU whose states follow one another: the load is llem's own, the watts are the scenario's.

import { describe, it, vi } from 'vitest'
import type { IdleReport } from '../../dist/results/idle.js'
import { llem } from '../native/llem.js'
import { gpu, scenarioFile } from '../native/scenario.js'
import { HOME, model } from './experiment.js'

vi.setConfig({ testTimeout: 180_000 })

const idle = (scenario: string, ...args: string[]) =>
  llem(['idle', model, '--simulate', scenario, '--duration', '5', ...args, '--set', 'llamacpp.threads=1'], {
    env: HOME,
  })

describe.concurrent('llem idle', () => {
  it('tells four levels, a cold start and the pause from which unloading pays, as JSON and on the screen', async ({
    expect,
  }) => {
    const { code, stdout, stderr } = await idle('idle-model', '--json', '-q')
    const report = JSON.parse(stdout) as IdleReport
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { levels, cold_start, unloading_pays } = report
    expect(report).toMatchObject({ kind: 'idle', simulated: true, model, backend: 'llamacpp' })
    for (const [level, watts] of [
      ['bare', 75],
      ['context', 110],
      ['loaded', 140],
      ['after_unload', 80],
    ] as const) {
      expect(Math.abs(Number(levels[level].power_w) - watts), level).toBeLessThan(2)
      expect(levels[level]).toMatchObject({ reason: null, devices: [{ index: 0 }] })
      expect(Number(levels[level].uncertainty_w)).toBeGreaterThan(0)
      expect(Number(levels[level].duration_sec)).toBeGreaterThan(5)
    }
    expect(Number(cold_start.seconds)).toBeGreaterThan(0)
    expect(Math.abs(Number(unloading_pays.saved_w) - 60)).toBeLessThan(3)
    if (cold_start.energy_j === null) {
      // A tiny model may load in less time than any energy takes to be told.
      expect(unloading_pays.reason).toMatch(/^the energy of the cold start is not known/)
      return
    }
    const expected = (cold_start.energy_j - 80 * Number(cold_start.seconds)) / Number(unloading_pays.saved_w)
    expect(Number(unloading_pays.after_s)).toBeCloseTo(Math.max(expected, Number(cold_start.seconds)), 0)
    expect(Number(unloading_pays.low_s)).toBeLessThanOrEqual(Number(unloading_pays.after_s))
    expect(Number(unloading_pays.high_s)).toBeGreaterThanOrEqual(Number(unloading_pays.after_s))
  })

  it('says on the screen what is known, and why the rest is not', async ({ expect }) => {
    const { code, stdout } = await idle(scenarioFile([gpu(0, [{ for_s: 1, w: 90 }])]))
    expect(stdout).toMatch(/^SIMULATED: /)
    expect(stdout).toMatch(/^bare +(89\.9\d*|90\.\d+) W \+- [\d.]+ W$/m)
    expect(stdout).toMatch(/^loaded +(89\.9\d*|90\.\d+) W \+- [\d.]+ W +-?0\.\d+ W \+- [\d.]+ W$/m)
    expect(stdout).toMatch(/^Cold start: /m)
    // Once in twenty times levels that are equal differ by more than they are known to.
    expect(stdout).toMatch(
      /^Unloading pays(: unknown: (the loaded model costs too little to tell|the GPUs draw more without|the energy of the cold start)| in pauses longer than)/m,
    )
    expect([0, 1]).toContain(code)
  })

  it('refuses a model that is not there before it measures anything', async ({ expect }) => {
    const { code, stderr, tookMs } = await llem(['idle', '/nowhere.gguf', '--simulate'], { env: HOME })
    expect(code).toBe(2)
    expect(stderr).toMatch(/\[MODEL_NOT_FOUND\]/)
    expect(tookMs).toBeLessThan(5000)
  })
})
