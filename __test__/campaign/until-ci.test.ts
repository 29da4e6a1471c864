import { describe, expect, it } from 'vitest'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import { PENDING, RunRecords } from '../../dist/campaign/records.js'
import { statisticsOf } from '../../dist/campaign/statistics.js'
import type { RunSummary } from '../../dist/executors/protocol.js'
import { studentQuantile } from '../../dist/results/student.js'
import { scratchFolder } from '../native/scenario.js'
import { UNTOLD } from './plain.js'
import { planned, problemsOf } from './written.js'

const SUMMARY: RunSummary = {
  ...{ experiment_id: 'x', result_path: 'x', config_hash: 'x', energy_problem: null, energy_reason: null },
  ...{ energy_j: 1, energy_per_output_token_j: 0.1, tokens_per_second: 5, inference_s: 2, e2e_p50_ms: 3 },
  ...{ output_tokens: 10, warnings: 0, load_s: null, load_energy_j: null, disk_bytes: 1, ...UNTOLD },
}

const text = (execution: string) =>
  `campaign_name: x\nmodel: m.gguf\ngrid: { shared: { generation.seed: [1, 2] } }\nexecution: { ${execution} }`

/** Measures until nothing is left, each experiment by its own list of joules per token; null is a run that failed. */
async function measured(execution: string, joules: readonly (readonly (number | null)[])[]) {
  const plan = planned(text(execution))
  const dir = await openCampaignFolder(scratchFolder(), plan)
  const records = new RunRecords(dir, plan, { isLive: true })
  const done: string[] = []
  for (const run of [...records.runs()]) {
    if (!records.isNeeded(run)) continue
    const value = joules[run.experiment]?.[run.cycle - 1] ?? null
    const summary = value === null ? null : { ...SUMMARY, energy_per_output_token_j: value }
    await records.write(run, { ...PENDING, status: value === null ? 'failed' : 'completed', summary })
    done.push(`${'AB'[run.experiment]}${run.cycle}`)
  }
  return { plan, records, done }
}

const EVEN = [100, 101, 99, 100, 101, 99, 100, 101, 99, 100]
const WIDE = [100, 120, 85, 100, 115, 90, 100, 101, 99, 100]

describe('a campaign until its intervals are narrow', () => {
  it('ends after five cycles at the earliest, for all experiments together', async () => {
    const { records, done } = await measured('cycles: 10, until_ci_pct: 5', [EVEN, EVEN])
    expect(done).toHaveLength(10)
    expect(records.enoughCycles).toBe(5)
    expect([...records.runs()]).toHaveLength(10)
  })

  it('goes on while one is wide, and ends by the interval of 97 %', async () => {
    const { records, done } = await measured('cycles: 10, until_ci_pct: 12', [EVEN, WIDE])
    const cycles = Number(records.enoughCycles)
    expect(done).toHaveLength(2 * cycles)
    const reachPct = (n: number) => {
      const logs = WIDE.slice(0, n).map(Math.log)
      const mean = logs.reduce((sum, log) => sum + log, 0) / n
      const sd = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (n - 1))
      return 100 * Math.expm1((studentQuantile(0.985, n - 1) * sd) / Math.sqrt(n))
    }
    expect(cycles).toBeGreaterThan(5)
    expect([reachPct(cycles) <= 12, reachPct(cycles - 1) <= 12]).toEqual([true, false])
  })

  it('ends each experiment of a grouped one by itself', async () => {
    const { done } = await measured('cycles: 10, until_ci_pct: 5, structure: grouped', [WIDE, EVEN])
    expect(done.filter((each) => each.startsWith('A'))).toHaveLength(10)
    expect(done.filter((each) => each.startsWith('B'))).toHaveLength(5)
  })

  it('comes to its end at `cycles` where they stay wide, and is not kept going by what always fails', async () => {
    expect((await measured('cycles: 7, until_ci_pct: 0.1', [WIDE, WIDE])).done).toHaveLength(14)
    const failing = await measured('cycles: 10, until_ci_pct: 5', [EVEN, Array(10).fill(null)])
    expect(failing.records.enoughCycles).toBe(5)
  })

  it('quotes that same interval of 97 % as 95 %', async () => {
    const { plan, records } = await measured('cycles: 10, until_ci_pct: 5', [EVEN, EVEN])
    const quoted = statisticsOf(plan, records)[0]?.energy_per_output_token_j?.quoted
    expect(quoted).toMatchObject({ confidence: 0.95, coverage: 0.97 })
    const logs = EVEN.slice(0, 5).map(Math.log)
    const mean = logs.reduce((sum, log) => sum + log, 0) / 5
    const sd = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / 4)
    expect(quoted?.high).toBeCloseTo(Math.exp(mean + (studentQuantile(0.985, 4) * sd) / Math.sqrt(5)), 9)
  })

  it('is another campaign than without, which keeps the hash that it had', () => {
    expect(planned(text('cycles: 10, until_ci_pct: 5')).campaign_hash).not.toBe(
      planned(text('cycles: 10')).campaign_hash,
    )
    // Written down once: what an older llem has begun is gone on with.
    expect(planned(text('cycles: 10')).campaign_hash.slice(0, 10)).toMatchInlineSnapshot(`"6c35c784d7"`)
  })

  it('needs room for five cycles, and no daemon', () => {
    expect(problemsOf(text('cycles: 3, until_ci_pct: 2'))).toEqual([
      expect.stringContaining('execution.cycles is the most there may be: at least 5, e.g. 100, got 3'),
    ])
    expect(
      problemsOf(`${text('cycles: 9, until_ci_pct: 2')}\ndaemon: { enabled: true, interval: 6h }`),
    ).toEqual([expect.stringContaining('execution.until_ci_pct is for a campaign that is no daemon')])
  })
})
