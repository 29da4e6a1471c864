import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import type { RequestRecord } from '../../dist/backends/protocol.js'
import { GoodRequests, goodputOf } from '../../dist/experiment/goodput.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { pathIn, run } from '../cli/experiment.js'

vi.setConfig({ testTimeout: 60_000 })

/** A request of that many ms, whose first token came after `ttft_ms`. */
const request = (e2eMs: number, ttft_ms: number | null, output_tokens: number) =>
  ({
    start_ns: 0,
    end_ns: e2eMs * 1e6,
    ttft_ms,
    itl_ms: null,
    input_tokens: 5,
    output_tokens,
  }) as RequestRecord
const NONE = { ttft_ms: null, tpot_ms: null, e2e_ms: null }

describe('a request is good', () => {
  it.for([
    ['within all limits', { ttft_ms: 50, tpot_ms: 10, e2e_ms: 150 }, request(150, 50, 11), 1],
    ['with a first token too late', { ...NONE, ttft_ms: 49 }, request(150, 50, 11), 0],
    ['with tokens too far apart', { ...NONE, tpot_ms: 9.9 }, request(150, 50, 11), 0],
    ['too long in all', { ...NONE, e2e_ms: 149 }, request(150, 50, 11), 0],
    [
      'with one token, whatever is asked of the times between them',
      { ...NONE, tpot_ms: 1 },
      request(150, 50, 1),
      1,
    ],
    ['whose first token nobody saw', { ...NONE, ttft_ms: 1000 }, request(150, null, 11), 0],
    ['of which nothing that it lacks was asked', { ...NONE, e2e_ms: 150 }, request(150, null, 11), 1],
  ] as const)('%s: %j', ([, slo, record, good]) => {
    const requests = new GoodRequests(slo)
    requests.add(record)
    expect([requests.requests, requests.outputTokens]).toEqual([good, good * record.output_tokens])
  })
})

describe('the goodput', () => {
  const spread = { count: 1, mean: 1, p50: 1, p95: 1, p99: 1, max: 1 }
  const inference = {
    good: { requests: 3, outputTokens: 30 },
    totals: { requests: 4, failures: 1 },
    inferenceS: 2,
    latency: { ttft_ms: spread, tpot_ms: spread, itl_ms: null, e2e_ms: spread, reason: null },
  } as unknown as Parameters<typeof goodputOf>[0]
  const known = { energyJ: 60, areTokensSettled: true }

  it('is the energy of all over the tokens of the good ones; what failed is of the requests', () => {
    expect(goodputOf(inference, { ...NONE, ttft_ms: 9 }, known).goodput).toEqual({
      ...{ slo: { ...NONE, ttft_ms: 9 }, good_requests: 3, requests: 5, output_tokens: 30 },
      ...{ requests_per_second: 1.5, output_tokens_per_second: 15, energy_per_output_token_j: 2 },
      ...{ output_tokens_per_j: 0.5, requests_per_j: 0.05 },
    })
  })

  it('is null with a reason where nothing was asked, or what was asked is not known', () => {
    expect(goodputOf(inference, NONE, known)).toEqual({
      goodput: null,
      reason: 'no limit was asked for (slo)',
    })
    const unseen = {
      ...inference,
      latency: { ...inference.latency, ttft_ms: null, reason: 'they were held back' },
    }
    expect(goodputOf(unseen, { ...NONE, ttft_ms: 9 }, known).reason).toBe(
      'the first tokens were not seen: they were held back',
    )
  })

  it('has no joules for tokens that are not settled, or without energy, and never divides by none', () => {
    const { goodput } = goodputOf(inference, { ...NONE, e2e_ms: 9 }, { ...known, areTokensSettled: false })
    expect(goodput).toMatchObject({
      energy_per_output_token_j: null,
      output_tokens_per_j: null,
      requests_per_j: 0.05,
    })
    const none = goodputOf(
      { ...inference, good: { requests: 0, outputTokens: 0 } },
      { ...NONE, e2e_ms: 9 },
      known,
    )
    expect(none.goodput).toMatchObject({
      good_requests: 0,
      energy_per_output_token_j: null,
      output_tokens_per_j: 0,
    })
  })

  it('of a run is what its list of requests says', async () => {
    const sets = [
      'n_prompts=12',
      'generation.max_tokens=60',
      'generation.ignore_eos=true',
      'warmup.enabled=false',
    ]
    const first = await run(['--simulate', '--json'], [...sets, 'slo.e2e_ms=100000'])
    const all: ExperimentResult = JSON.parse(first.stdout)
    expect(all.goodput).toMatchObject({ good_requests: 12, requests: 12, output_tokens: all.output_tokens })
    expect(all.goodput?.energy_per_output_token_j).toBeCloseTo(Number(all.energy_per_output_token_j), 9)
    const lines = readFileSync(pathIn(first.outputDir, 'requests.jsonl'), 'utf8').trim().split('\n')
    const times = lines
      .map((line) => JSON.parse(line))
      .map(({ start_ns, end_ns }) => (end_ns - start_ns) / 1e6)
    const middle = times.sort((a, b) => a - b)[5] as number
    // Which ones are good differs from run to run; that nobody is within nothing does not.
    expect(middle).toBeGreaterThan(0)
    const second = await run(['--simulate'], [...sets, 'slo.e2e_ms=0.001', 'slo.ttft_ms=5000'])
    expect(second.stdout + second.stderr).toMatch(
      /Goodput +0 of 12 requests with TTFT <= 5000 ms, latency <= 0\.001 ms: 0\.0 output tokens\/s/,
    )
    // What is asked of a request changes nothing that is measured.
    const [a, b] = [
      all.config_hash,
      JSON.parse((await run(['--simulate', '--json'], sets)).stdout).config_hash,
    ]
    expect(a).toBe(b)
  })
})
