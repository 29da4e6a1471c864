// What `llem attach` makes of the results of each tool (play.mjs), over a GPU of constant power. The real llama-bench is in
// llama-bench.test.ts, the real AIPerf in aiperf.nightly.test.ts.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { COLUMNS, flatRow } from '../../dist/results/flat-row.js'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { attached, only, WATTS } from './attached.js'

vi.setConfig({ testTimeout: 60_000 })

const play = fileURLToPath(new URL('./play.mjs', import.meta.url))
const played = async (tool: string, options: readonly string[] = []) => {
  const cwd = scratchFolder()
  return { cwd, ...(await attached([process.execPath, play, tool, 'out'], { cwd, options })) }
}

/** What play.mjs does. */
const OWN = { requests: 3, input_tokens: 30, output_tokens: 60, tokens_reason: null }

const close = (value: number | null | undefined, expected: number, share = 0.01) =>
  expect(Math.abs((value ?? Number.NaN) / expected - 1)).toBeLessThan(share)

// They mostly wait.
describe.concurrent('the results of', () => {
  it.for([
    ['vllm-bench-detailed', 'vllm-bench', 'monotonic'],
    ['guidellm', 'guidellm', 'wall'],
    ['trtllm-bench', 'trtllm-bench', 'monotonic'],
  ] as const)('%s are joined on the clock, request by request', async ([name, tool, clock]) => {
    const { result } = await played(name)
    const { attached: seen } = result
    expect(seen).toMatchObject({ tool, clock, problems: [], reason: null, attribution_reason: null })
    const benchmark = only(seen.benchmarks)
    expect(benchmark).toMatchObject({ ...OWN, reason: null })
    // Three requests one after the other: nearly all of the time between the first and the last is theirs.
    const duration = benchmark.duration_s ?? Number.NaN
    close(benchmark.energy_j, WATTS * duration)
    close(benchmark.j_per_output_token, (WATTS * duration) / OWN.output_tokens)
    close(benchmark.j_per_total_token, (WATTS * duration) / (OWN.input_tokens + OWN.output_tokens))
    close(benchmark.j_per_request, (WATTS * duration) / OWN.requests)
    close(seen.request_energy?.total_j, WATTS * duration, 0.05)
    expect(seen.request_energy?.requests).toBe(OWN.requests)
    // Start-up and end are the command's, and nobody's request.
    const { command } = seen
    expect(command.energy_j).toBe(result.energy?.total_j)
    expect((command.energy_j ?? 0) - (benchmark.energy_j ?? 0)).toBeGreaterThan(WATTS * 0.5)
    expect(seen.request_energy?.idle_j).toBeGreaterThan(WATTS * 0.5)
  })

  it('AIPerf, as a real run has written them, keep its own tokens to the last one', async () => {
    const { result, cwd } = await played('aiperf', ['-o', 'results'])
    const { attached: seen } = result
    expect(seen).toMatchObject({ tool: 'aiperf', tool_version: '0.13.0', clock: 'wall', problems: [] })
    const recorded = new URL('recorded/aiperf-0.13.0/profile_export_aiperf.json', import.meta.url)
    const own = JSON.parse(readFileSync(recorded, 'utf8'))
    const benchmark = only(seen.benchmarks)
    expect(benchmark).toMatchObject({
      requests: own.request_count.avg,
      input_tokens: own.total_isl.avg,
      output_tokens: own.total_osl.avg,
    })
    expect(benchmark.own['output_token_throughput (tokens/sec)']).toBe(own.output_token_throughput.avg)
    close(benchmark.duration_s, own.benchmark_duration.avg, 0.02)
    close(benchmark.energy_j, WATTS * (benchmark.duration_s ?? 0))
    // The joules of each request are in the folder, and add up.
    const folder = join(cwd, 'results', only(readdirSync(join(cwd, 'results'))))
    const lines = readFileSync(join(folder, 'requests.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(own.request_count.avg)
    const sum = lines.reduce((total, { energy_j }) => total + energy_j, 0)
    expect(sum).toBeCloseTo(seen.request_energy?.total_j ?? 0, 6)
    expect(JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')).attached).toEqual(seen)
    // It is a result of a command like others: to be shown, and recomputed.
    const shown = await llem(['show', folder])
    expect(shown.stdout).toMatch(/^aiperf +requests .*\nbenchmark +6 +\d+ +2304 /m)
    expect(await llem(['verify', folder])).toMatchObject({ code: 0 })
    const exported = await llem(['export', folder, '--format', 'jsonl'])
    expect(JSON.parse(exported.stdout)).toMatchObject({
      ...{ attached_tool: 'aiperf', attached_benchmarks: 1, attached_reason: null },
      attached_requests: benchmark.requests,
      attached_output_tokens: benchmark.output_tokens,
      attached_command_j_per_output_token: seen.command.j_per_output_token,
      attached_own_energy_j: benchmark.energy_j,
      attached_own_j_per_output_token: benchmark.j_per_output_token,
    })
  })

  it('vllm bench serve without --save-detailed have tokens, and a reason for what cannot be joined', async () => {
    const { result } = await played('vllm-bench')
    const benchmark = only(result.attached.benchmarks)
    expect(benchmark).toMatchObject({ ...OWN, window: null, energy_j: null, j_per_output_token: null })
    expect(benchmark.reason).toContain('--save-detailed')
    expect(benchmark.own).toMatchObject({ output_throughput: 33.3, mean_ttft_ms: 200.5 })
    close(result.attached.command.j_per_output_token, (result.energy?.total_j ?? 0) / OWN.output_tokens, 1e-9)
    expect(result.attached).toMatchObject({ phases: null, request_energy: null, clock: null })
    const cells = flatRow({ kind: 'exec', content: result, writtenAs: result.schema_version }, '.')
    const cell = (name: string) => cells[COLUMNS.findIndex((column) => column.name === name)]
    expect(cell('attached_output_tokens')).toBe(OWN.output_tokens)
    expect(cell('attached_own_energy_j')).toBeNull()
    expect(cell('attached_reason')).toBe(benchmark.reason)
  })

  it('lm-eval have samples and joules, and no tokens', async () => {
    const { result } = await played('lm-eval')
    const benchmark = only(result.attached.benchmarks)
    expect(result.attached).toMatchObject({ tool: 'lm-eval', tool_version: '0.4.13', clock: 'monotonic' })
    expect(benchmark).toMatchObject({ requests: 3, output_tokens: null, own: { 'arc_easy acc,none': 0.25 } })
    expect(benchmark.tokens_reason).toContain('no tokens')
    close(benchmark.j_per_request, (WATTS * (benchmark.duration_s ?? 0)) / 3)
  })
})
