// One number, wherever it is read: a campaign against a server with stragglers, whose whole run costs more joules per token
// than its steady state.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { campaignProgress } from '../../dist/campaign/progress.js'
import { numberText } from '../../dist/campaign/statistics.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { uncertain } from '../../dist/results/uncertain.js'
import { startPortServer } from '../backends/port-server.js'
import { recorder } from '../experiment/recorder.js'
import { llem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'
import { resultsIn } from './running.js'

vi.setConfig({ testTimeout: 60_000 })

const REQUESTS = 48
const POWER_W = 300

let dir: string
let results: ExperimentResult[]
/** What each command printed. */
let shown: { campaign: string; campaignJson: string; status: string; statusJson: string; exported: string }

beforeAll(async () => {
  // 48 answers of 40 tokens in 1 s each, four at a time, and one of them in 6 s.
  const server = await startPortServer('straggling-server.mjs', [String(REQUESTS), '25', '150'], {
    forAll: true,
  })
  try {
    const folder = scratchFolder()
    const path = join(folder, 'campaign.yaml')
    writeFileSync(
      path,
      `campaign_name: stragglers
model: steady
backend: server
n_prompts: ${REQUESTS}
server: { base_url: "http://127.0.0.1:${server.port}" }
load: { concurrency: 4 }
generation: { max_tokens: 40 }
baseline: { enabled: false }
warmup: { enabled: false }
experiments: [{}]
execution: { cycles: 2, config_gap_seconds: 0, cycle_gap_seconds: 0 }
health_check: { enabled: false }
io: { results_dir: ${join(folder, 'results')} }
`,
    )
    const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: POWER_W }])])
    const env = { XDG_CACHE_HOME: join(folder, 'cache'), XDG_DATA_HOME: join(folder, 'data'), NO_COLOR: '1' }
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await llem(args, { env })
      if (code !== 0) throw new Error(`llem ${args.join(' ')} exited with ${code}: ${stderr}`)
      return stdout
    }
    const campaignJson = await run('campaign', path, '--yes', '--json', '--simulate', scenario)
    dir = join(folder, 'results', String(readdirSync(join(folder, 'results'))[0]))
    // Nothing is left to run, so that it only shows what there is.
    const campaign = await run('campaign', path, '--yes', '-q', '--simulate', scenario)
    const status = await run('campaign', 'status', dir)
    const statusJson = await run('campaign', 'status', dir, '--json')
    const exported = await run('export', dir, '--format', 'jsonl', '-q')
    shown = { campaign, campaignJson, status, statusJson, exported }
    results = [...resultsIn(dir)]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([, [each]]) => JSON.parse(readFileSync(String(each?.path), 'utf8')))
  } finally {
    server.end()
  }
}, 180_000)

const quotedOf = (result: ExperimentResult) => Number(result.quoted?.value)
/** Of both cycles, as it has to be: the geometric mean. */
const both = () =>
  Math.exp(
    (Math.log(quotedOf(results[0] as ExperimentResult)) +
      Math.log(quotedOf(results[1] as ExperimentResult))) /
      2,
  )

describe('a run with stragglers', () => {
  it('quotes its steady state, which costs less than its whole run', () => {
    expect(results).toHaveLength(2)
    for (const result of results) {
      const { quoted, quoted_total, steady_state, energy } = result
      expect(quoted).toMatchObject({
        unit: 'J/output token',
        scope: 'steady_state',
        value: steady_state?.energy_per_output_token_j,
        uncertainty: steady_state?.energy_per_output_token_uncertainty_j,
        method: steady_state?.method,
      })
      expect(quoted_total).toMatchObject({ unit: 'J', scope: 'whole_run', value: energy?.total_j })
      const tokensPerSecond = Number(steady_state?.output_tokens_per_second)
      expect(Math.abs((quotedOf(result) * tokensPerSecond) / POWER_W - 1)).toBeLessThan(0.02)
      expect(Number(result.energy_per_output_token_j) / quotedOf(result)).toBeGreaterThan(1.1)
    }
  })
})

describe('every consumer of joules per output token has the quoted number to the last digit', () => {
  it('the record of the run, which the campaign sums up', () => {
    for (const [index, result] of results.entries()) {
      const [name] = [...resultsIn(dir).keys()][0]?.split('/') ?? []
      const record = JSON.parse(
        readFileSync(join(dir, 'runs', String(name), `cycle-${index + 1}`, 'run.json'), 'utf8'),
      )
      expect(record.summary.energy_per_output_token_j).toBe(result.quoted?.value)
      expect(record.summary.quoted).toEqual(result.quoted)
      expect(record.summary.energy_j).toBe(result.quoted_total?.value)
    }
  })

  it('statistics.json, `campaign --json` and `campaign status --json`, which are the same', () => {
    const stored = JSON.parse(readFileSync(join(dir, 'statistics.json'), 'utf8'))
    const [experiment] = stored.experiments
    const told = [JSON.parse(shown.campaignJson).statistics, JSON.parse(shown.statusJson).statistics]
    for (const statistics of told) expect(statistics.experiments).toEqual(stored.experiments)
    expect(experiment).toMatchObject({ cycles: 2, energy_per_output_token_j: { n: 2 }, energy_j: { n: 2 } })
    const { quoted, mean, min, max } = experiment.energy_per_output_token_j
    const values = results.map(quotedOf)
    expect([min, max]).toEqual([...values].sort((a, b) => a - b))
    expect(mean).toBe(((values[0] as number) + (values[1] as number)) / 2)
    expect(quoted).toMatchObject({ of: 'geometric_mean', method: 't', value: both() })
    expect(quoted.low).toBeGreaterThan(0)
  })

  it('the table of the campaign and that of its status', () => {
    const [experiment] = JSON.parse(readFileSync(join(dir, 'statistics.json'), 'utf8')).experiments
    const { low, high } = experiment.energy_per_output_token_j.quoted
    const cell = `${numberText(both())} [${numberText(low)}, ${numberText(high)}]`
    expect(shown.campaign).toContain(cell)
    expect(shown.status).toContain(cell)
    expect(shown.status).toMatch(/^Geometric means over the cycles with Student's 95 % interval/m)
  })

  it('the bar of the campaign', () => {
    const { observer, stretches } = recorder()
    const bar = campaignProgress(2, [], observer)
    for (const result of results) {
      bar.begun('stragglers', 0)
      bar.ended({ summary: { energy_per_output_token_j: result.quoted?.value } } as Parameters<
        typeof bar.ended
      >[0])
    }
    const lines = stretches.filter((line) => line.includes('J/output token'))
    expect(lines.at(0)).toContain(
      `${numberText(quotedOf(results[0] as ExperimentResult))} J/output token in 1 run`,
    )
    expect(lines.at(-1)).toContain(`${numberText(both())} J/output token in 2 runs`)
  })

  it('the export, which says what it is of', () => {
    const rows = shown.exported
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const byId = new Map(rows.map((row) => [row.experiment_id, row]))
    for (const result of results)
      expect(byId.get(result.experiment_id)).toMatchObject({
        energy_per_output_token_j: result.quoted?.value,
        energy_per_output_token_uncertainty_j: result.quoted?.uncertainty,
        quoted_scope: 'steady_state',
        quoted_method: result.quoted?.method,
        whole_run_energy_per_output_token_j: result.energy_per_output_token_j,
        energy_j: result.quoted_total?.value,
      })
  })

  it('`show` and `show --json`, and no other number beside it that could be taken for it', async () => {
    for (const [, [found]] of resultsIn(dir)) {
      const folder = String(found?.path).replace(/\/result\.json$/, '')
      const { stdout: json } = await llem(['show', folder, '--json'])
      const { quoted } = JSON.parse(json)
      expect(quoted).toEqual(results.find(({ experiment_id }) => experiment_id === found?.id)?.quoted)
      const { stdout } = await llem(['show', folder])
      const lines = stdout.split('\n').filter((line) => line.includes('J/output token'))
      const text = uncertain(quoted.value, quoted.uncertainty, 'J/output token')
      expect(lines[0]).toContain(`${text} (k=2), of the steady state`)
      expect(lines.filter((line) => !/^ {2}(Phases|Active)/.test(line))).toEqual([lines[0]])
    }
  })

  it('`verify` finds it to be what the rest of the result says', async () => {
    for (const [, [found]] of resultsIn(dir)) {
      const { code, stdout } = await llem(['verify', String(found?.path).replace(/\/result\.json$/, '')])
      expect(stdout).toMatch(/^quoted\.value /m)
      expect(code).toBe(0)
    }
  })
})
