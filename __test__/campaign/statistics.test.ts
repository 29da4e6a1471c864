import { describe, expect, it } from 'vitest'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import { PENDING, RunRecords } from '../../dist/campaign/records.js'
import { statisticsOf } from '../../dist/campaign/statistics.js'
import type { RunSummary } from '../../dist/executors/protocol.js'
import { scratchFolder } from '../native/scenario.js'
import { planned } from './written.js'

const SUMMARY: RunSummary = {
  ...{ experiment_id: 'x', result_path: 'x', config_hash: 'x', energy_problem: null, energy_reason: null },
  ...{ energy_j: 1, energy_per_output_token_j: 0.1, tokens_per_second: 5, inference_s: 2, e2e_p50_ms: 3 },
  ...{ quoted: null, quoted_total: null, active_energy_j: -0.1, active_energy_per_output_token_j: -0.01 },
  ...{ active_energy_uncertainty_j: null, active_energy_per_output_token_uncertainty_j: null },
  ...{ output_tokens_per_second: 4, ttft_p50_ms: 2, itl_p50_ms: null, tpot_p50_ms: null },
  ...{
    energy_per_request_j: null,
    output_tokens_per_j: 10,
    good_output_tokens_per_j: null,
    mean_power_w: null,
  },
  ...{ output_tokens: 10, warnings: 0, load_s: null, load_energy_j: null, disk_bytes: 1 },
}

/** Two experiments over so many cycles; `joules` by experiment and cycle, null where a run has no energy. */
async function statisticsFor(joules: readonly (readonly (number | null)[])[]) {
  const plan = planned(
    `campaign_name: x\nmodel: m.gguf\ngrid: { shared: { generation.seed: [1, 2] } }\nexecution: { cycles: ${joules[0]?.length} }`,
  )
  const records = new RunRecords(await openCampaignFolder(scratchFolder(), plan), plan, { isLive: true })
  for (const run of records.runs()) {
    const summary = { ...SUMMARY, energy_j: joules[run.experiment]?.[run.cycle - 1] ?? null }
    await records.write(run, { ...PENDING, status: 'completed', summary })
  }
  return statisticsOf(plan, records)
}

describe('the statistics of a campaign', () => {
  it('are of each experiment over its own cycles: different ones are no repetitions', async () => {
    const told = await statisticsFor([
      [100, 102, 104],
      [900, 902, 904],
    ])
    expect(told).toMatchObject([
      {
        cycles: 3,
        energy_j: {
          unit: 'J',
          n: 3,
          mean: 102,
          sd: 2,
          median: 102,
          quoted: { method: 't', of: 'geometric_mean' },
        },
      },
      { cycles: 3, energy_j: { n: 3, mean: 902, bootstrap: { method: 'bootstrap', resamples: 1000 } } },
    ])
    // Student's 97.5 % quantile of 2 degrees of freedom times the deviation of the logarithms over the root of 3.
    const logs = [100, 102, 104].map(Math.log)
    const mean = logs.reduce((sum, log) => sum + log, 0) / 3
    const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / 2)
    expect(told[0]?.energy_j?.quoted.high).toBeCloseTo(
      Math.exp(mean + (4.30265 * deviation) / Math.sqrt(3)),
      3,
    )
  })

  it('have no joules together where some cycles are of the CPU and some of GPUs', async () => {
    const plan = planned('campaign_name: x\nexperiments: [{ model: m.gguf }]\nexecution: { cycles: 3 }')
    const of = async (kinds: readonly (string | null)[]) => {
      const records = new RunRecords(await openCampaignFolder(scratchFolder(), plan), plan, { isLive: true })
      for (const run of records.runs()) {
        const summary = { ...SUMMARY, energy_of: kinds[run.cycle - 1] ?? null }
        await records.write(run, { ...PENDING, status: 'completed', summary })
      }
      return statisticsOf(plan, records)[0]
    }
    const cpu = 'CPU package, by RAPL'
    expect(await of([cpu, cpu, cpu])).toMatchObject({ energy_of: cpu, energy_j: { n: 3 } })
    expect(await of([cpu, null, cpu])).toMatchObject({
      energy_of: 'not the same in all cycles: CPU package, by RAPL; the GPUs',
      ...{ energy_j: null, energy_per_output_token_j: null, output_tokens_per_j: null },
      tokens_per_second: { n: 3 },
    })
    expect(await of([null, null, null])).not.toHaveProperty('energy_of')
  })

  it('have J/output token first, then energy, throughput and latencies, each with its unit', async () => {
    const [told] = await statisticsFor([[100, 102, 104]])
    const { name: _, hash: __, cycles: ___, ...measures } = told ?? {}
    expect(Object.keys(measures).slice(0, 4)).toEqual([
      'energy_per_output_token_j',
      'energy_j',
      'active_energy_j',
      'active_energy_per_output_token_j',
    ])
    expect(told).toMatchObject({
      energy_per_output_token_j: { unit: 'J/output token', quoted: { value: 0.1 } },
      tokens_per_second: { unit: 'tokens/s' },
      ttft_p50_ms: { unit: 'ms' },
      e2e_p50_ms: { unit: 'ms' },
      itl_p50_ms: null,
    })
    // What may be below 0 has no logarithm.
    expect(told?.active_energy_j).toMatchObject({ quoted: { of: 'mean', value: -0.1 }, geometric_mean: null })
  })

  it('hold what the measurement itself may be off, of everything that is made of joules', async () => {
    const plan = planned(
      'campaign_name: x\nmodel: m.gguf\ngrid: { shared: { generation.seed: [1] } }\nexecution: { cycles: 3 }',
    )
    const records = new RunRecords(await openCampaignFolder(scratchFolder(), plan), plan, { isLive: true })
    const told = {
      scope: 'whole_run',
      domain: 'gpu',
      method: 'counter',
      reason: 'x',
      absolute_uncertainty: null,
    } as const
    for (const run of records.runs()) {
      const summary = {
        ...SUMMARY,
        ...{ energy_j: 100, mean_power_w: 50, energy_per_request_j: 20, active_energy_uncertainty_j: 0.02 },
        quoted: { value: 0.1, unit: 'J/output token', uncertainty: 0.004, ...told } as const,
        quoted_total: { value: 100, unit: 'J', uncertainty: 2, ...told } as const,
      }
      await records.write(run, { ...PENDING, status: 'completed', summary })
    }
    const off = (value: number) => ({ quoted: { measurement_uncertainty: expect.closeTo(value, 9) } })
    expect(statisticsOf(plan, records)).toMatchObject([
      {
        ...{ energy_per_output_token_j: off(0.004), output_tokens_per_j: off(0.4), energy_j: off(2) },
        ...{ mean_power_w: off(1), energy_per_request_j: off(0.4), active_energy_j: off(0.02) },
        // No joules are in it, and of this nobody said it.
        tokens_per_second: { quoted: { measurement_uncertainty: null } },
        active_energy_per_output_token_j: { quoted: { measurement_uncertainty: null } },
      },
    ])
  })

  it('are not poisoned by a run without energy, which is no 0', async () => {
    const told = await statisticsFor([
      [100, null, 104],
      [null, null, null],
    ])
    expect(told).toMatchObject([
      { cycles: 3, energy_j: { n: 2, mean: 102 }, tokens_per_second: { n: 3 } },
      { cycles: 3, energy_j: null, load_energy_j: null },
    ])
  })
})
