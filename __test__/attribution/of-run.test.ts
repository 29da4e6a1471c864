import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type Attributable, attributeRun } from '../../dist/attribution/of-run.js'
import type { Energy } from '../../dist/results/energy.js'
import { pathIn } from '../cli/experiment.js'
import { recorder } from '../experiment/recorder.js'
import { execOver } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 })

const KEPT = {
  processes: 1,
  timeseries: { enabled: true, save: true, sample_interval_ms: null, full_rate: true },
}
const REMOVED = { processes: 1, timeseries: { ...KEPT.timeseries, full_rate: false } }

let energy: Energy
let samples: Buffer

beforeAll(async () => {
  const outputDir = scratchFolder()
  const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])
  const result = await execOver(scenario, ['sleep', '2.5'], ['-o', outputDir])
  energy = result.energy
  samples = readFileSync(join(dirname(pathIn(outputDir, 'result.json')), 'samples.parquet'))
})

/** What a run of two requests left in a folder of its own. */
function left(overrides: Partial<Attributable> = {}): Attributable & { samplesPath: string } {
  const folder = scratchFolder()
  const [samplesPath, requestsPath] = ['samples.parquet', 'requests.jsonl'].map((name) =>
    join(folder, name),
  ) as [string, string]
  writeFileSync(samplesPath, samples)
  const { start_ns, end_ns } = energy.window
  const middle = Math.round((start_ns + end_ns) / 2)
  const tokens = { input_tokens: 10, output_tokens: 20, ttft_ms: 1 }
  const lines = [
    { index: 0, start_ns, end_ns: middle, ...tokens },
    { index: 1, start_ns: middle, end_ns, ...tokens },
  ]
  writeFileSync(requestsPath, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const totals = { steady: null, steady_reason: null }
  return {
    energy,
    samplesPath,
    requestsPath,
    requestsProblem: null,
    totals,
    ...overrides,
  } as Attributable & {
    samplesPath: string
  }
}

const energiesIn = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).energy_j)

describe('what a run left', () => {
  it('gives each request its joules, and the samples that nobody wants to keep are gone', async () => {
    const run = left()
    const { observer, notes } = recorder()
    const { attribution, warnings } = await attributeRun(run, REMOVED, observer)
    expect([warnings, notes]).toEqual([[], []])
    const [first, second] = energiesIn(run.requestsPath)
    expect(first + second).toBeCloseTo(Number(energy.total_j), 6)
    expect(Math.abs(first / second - 1)).toBeLessThan(0.01)
    expect(attribution).toMatchObject({
      attribution_reason: null,
      request_energy: { requests: 2, idle_j: 0 },
      steady_state: null,
      steady_reason: 'this backend takes one request, or one batch, after the other',
      headline: 'whole_run',
    })
    expect(existsSync(run.samplesPath)).toBe(false)
  })

  it('keeps the samples with timeseries.full_rate', async () => {
    const run = left()
    await attributeRun(run, KEPT, recorder().observer)
    expect(existsSync(run.samplesPath)).toBe(true)
  })

  it('has the energy of its steady state, and the headline that it is long enough for', async () => {
    const { start_ns } = energy.window
    const steady = { start_ns: start_ns + 0.5e9, end_ns: start_ns + 2e9, input_tokens: 10, output_tokens: 45 }
    const run = left({ totals: { steady, steady_reason: null } })
    const { steady_state, steady_reason, headline, headline_reason } = (
      await attributeRun(run, REMOVED, recorder().observer)
    ).attribution
    expect(steady_reason).toBeNull()
    expect(steady_state).toMatchObject({ ...steady, duration_sec: 1.5, output_tokens_per_second: 30 })
    // A real sampler on a machine that may be busy.
    expect(Math.abs(Number(steady_state?.energy_j) - 450)).toBeLessThan(2)
    expect(Number(steady_state?.energy_per_output_token_j)).toBeCloseTo(10, 1)
    expect([headline, headline_reason]).toEqual([
      'whole_run',
      'the steady state of 1.5 s is shorter than 10 s',
    ])
  })

  const steady = { start_ns: 0, end_ns: 1e9, input_tokens: 1, output_tokens: 1 }
  it.for<[string, () => Attributable, typeof REMOVED, string]>([
    ['without energy', () => left({ energy: null }), REMOVED, 'there is no energy'],
    [
      'where only another backend could read the GPU',
      () => left({ samplesPath: null }),
      REMOVED,
      "llem's own sampler, whose readings tell the time of a joule, could read no GPU",
    ],
    [
      'where the disk was full',
      () => left({ samplesPath: '/nowhere/samples.parquet' }),
      REMOVED,
      'samples.parquet could not be written',
    ],
  ])('%s has neither, with the reason and no warning', async ([, run, config, reason]) => {
    const totals = { steady, steady_reason: null }
    const { attribution, warnings } = await attributeRun({ ...run(), totals }, config, recorder().observer)
    expect(warnings).toEqual([])
    expect(attribution).toMatchObject({
      phases: null,
      request_energy: null,
      attribution_reason: reason,
      steady_state: { energy_j: null, output_tokens_per_second: 1 },
      steady_reason: reason,
      headline: 'whole_run',
    })
  })

  it('has the steady state alone where requests.jsonl is not whole', async () => {
    const { attribution } = await attributeRun(
      left({ requestsProblem: 'ENOSPC' }),
      REMOVED,
      recorder().observer,
    )
    expect(attribution.attribution_reason).toBe('requests.jsonl is not whole: ENOSPC')
  })

  it('that is damaged costs the attribution, a warning and nothing else', async () => {
    const run = left({ totals: { steady, steady_reason: null } })
    writeFileSync(run.samplesPath, 'PAR1')
    const before = readFileSync(run.requestsPath, 'utf8')
    const { observer, notes } = recorder()
    const { attribution, warnings } = await attributeRun(run, REMOVED, observer)
    expect(attribution).toMatchObject({
      phases: null,
      attribution_reason: expect.stringMatching(/^attributing energy to requests failed: .*cannot be read/),
      steady_state: { energy_j: null },
      steady_reason: expect.stringMatching(/^measuring the steady state failed: .*cannot be read/),
    })
    expect(warnings).toEqual([
      expect.stringMatching(/^attribution_failed: attributing energy to requests failed: /),
      expect.stringMatching(/^attribution_failed: measuring the steady state failed: /),
    ])
    expect(notes).toHaveLength(2)
    expect(readFileSync(run.requestsPath, 'utf8')).toBe(before)
    expect(existsSync(run.samplesPath)).toBe(false)
  })
})
