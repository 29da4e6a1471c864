import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type ExperimentResult, experimentResultSchema } from '../../dist/results/experiment.js'
import type { Ended } from '../native/llem.js'
import { gpu, nowNs, type Segment, scenarioFile, textFile, trueJoules } from '../native/scenario.js'
import { filesIn, model, pathIn, resultIn, run } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const SIMULATED = 'SIMULATED: these numbers come from a simulated GPU, not from hardware.'
// Whatever its speed, the inference falls into the sine: it begins when the process has hardly started.
const LOAD: Segment[] = [
  { for_s: 0.1, from_w: 75, to_w: 400 },
  { for_s: 120, sine: { mean_w: 400, amplitude_w: 120, period_s: 0.7 } },
  { for_s: 1, w: 75 },
]
/** Some seconds of inference. */
const SECONDS = ['n_prompts=60', 'generation.max_tokens=300', 'generation.ignore_eos=true']

describe('a simulated run with --json', () => {
  const epochNs = nowNs()
  let ended: Ended & { outputDir: string }
  let result: ExperimentResult

  beforeAll(async () => {
    const scenario = scenarioFile([gpu(0, LOAD)], epochNs)
    const sets = [...SECONDS, 'experiment_name=a label']
    ended = await run(['--simulate', scenario, '--json'], sets)
    result = JSON.parse(ended.stdout)
  }, 60_000)

  it('ends with 0 and prints the result object of result.json and nothing else on stdout', () => {
    expect(ended.code).toBe(0)
    const { result_dir, ...written } = result
    expect(written).toEqual(resultIn(ended.outputDir))
    expect(result_dir).toBe(pathIn(ended.outputDir, '.'))
  })

  it('tells what it does on stderr, in plain lines', () => {
    // Loading is told where it takes more than a second, as on a busy machine.
    const lines = ended.stderr
      .replace(/^Loading the model: .*\n/m, '')
      .trimEnd()
      .split('\n')
    expect(lines).toEqual([
      SIMULATED,
      'Warmup: up to 5 prompts',
      expect.stringMatching(/^Warmup (converged|did not converge) after 5 prompts \(.*\)$/),
      'Measuring: 60 prompts',
    ])
  })

  it('writes whole files and no others', () => {
    expect(filesIn(ended.outputDir)).toEqual([
      ['requests.jsonl', 'result.json', 'samples.parquet', 'timeseries.parquet'],
    ])
    for (const path of [result.timeseries_path, result.samples_path]) {
      const bytes = readFileSync(pathIn(ended.outputDir, String(path)))
      expect([bytes.subarray(0, 4), bytes.subarray(-4)].map(String)).toEqual(['PAR1', 'PAR1'])
    }
  })

  it('is marked as simulated, with a label in the id', () => {
    expect(result).toMatchObject({ simulated: true, experiment_name: 'a label', schema_version: '3.2.0' })
    expect(result.experiment_id).toMatch(/^\d{8}-\d{6}-a-label-[0-9a-f]{10}$/)
  })

  it('has the schema that results are read with, and no key beside it', () => {
    expect(experimentResultSchema.parse(result)).toEqual(result)
  })

  it.for([
    'experiment_id',
    'config_hash',
    'total_tokens',
    'input_tokens',
    'output_tokens',
    'total_energy_j',
    'avg_energy_per_token_j',
    'energy_per_output_token_j',
    'total_inference_time_sec',
    'avg_tokens_per_second',
    'total_flops',
    'energy_breakdown.raw_j',
    'energy_breakdown.adjusted_j',
    'energy_breakdown.baseline_power_w',
    'energy_breakdown.baseline_method',
    'energy_breakdown.baseline_timestamp',
    'energy_breakdown.baseline_cache_age_sec',
    'thermal_throttle.detected',
    'thermal_throttle.thermal',
    'thermal_throttle.power',
    'thermal_throttle.sw_thermal',
    'thermal_throttle.hw_thermal',
    'thermal_throttle.hw_power',
    'thermal_throttle.throttle_duration_sec',
    'thermal_throttle.max_temperature_c',
    'environment.summary_line',
    'environment.versions.llem',
    'environment.versions.node',
    'warmup_result.converged',
    'warmup_result.final_cv',
    'warmup_result.iterations_completed',
    'warmup_result.target_cv',
    'warmup_result.max_prompts',
    'warmup_result.latencies_ms',
    'warmup_result.thermal_floor_wait_s',
    'warmup_result.mode',
    'warmup_result.failures',
    'measurement_warnings',
    'timeseries_path',
    'effective_config.model',
    'process_results.0.environment',
    'process_results.0.energy_breakdown',
    'process_results.0.thermal_throttle',
    'process_results.0.warmup_result',
    'process_results.0.timeseries_path',
    'process_results.0.request_latencies_ms',
    'aggregation',
    'simulated',
    'latency.ttft_ms.p50',
    'latency.itl_ms.p95',
    'latency.tpot_ms.mean',
    'latency.e2e_ms.p99',
  ])('has %s', (path) => {
    expect(result).toHaveProperty(path)
  })

  it('has the energy of the window to 5 %, however busy the machine is', () => {
    const { window, duration_sec, coverage } = result.energy ?? {}
    const [fromS, toS] = [window?.start_ns, window?.end_ns].map((ns) => (Number(ns) - epochNs) / 1e9)
    const truthJ = trueJoules(LOAD, Number(fromS), Number(toS))
    expect(Number(toS) - Number(fromS)).toBeCloseTo(Number(duration_sec), 6)
    expect(duration_sec).toBeGreaterThan(1)
    expect(coverage).toBe(1)
    // Within 2 % where the machine is not busy; __test__/native/accuracy.test.ts holds the meter to its figures.
    expect(Math.abs(Number(result.total_energy_j) / truthJ - 1)).toBeLessThan(0.05)
    expect(result.energy_reason).toBeNull()
  })

  it('names its files relative to its folder, which may be moved, and nowhere says where that was', () => {
    expect(result).toMatchObject({
      timeseries_path: 'timeseries.parquet',
      samples_path: 'samples.parquet',
      requests_path: 'requests.jsonl',
      process_results: [{ timeseries_path: 'timeseries.parquet' }],
    })
    const { effective_config, ...measured } = resultIn(ended.outputDir)
    expect(JSON.stringify(measured)).not.toContain(ended.outputDir)
    // What was typed is a fact of the configuration.
    expect(effective_config).toMatchObject({ output_dir: ended.outputDir })
  })

  it('has a window that holds the inference and little else', () => {
    const [worker] = result.process_results
    const { start_ns = 0, end_ns = 0 } = result.energy?.window ?? {}
    expect(Number(worker?.start_ns)).toBeGreaterThanOrEqual(start_ns)
    expect(Number(worker?.end_ns)).toBeLessThanOrEqual(end_ns)
    expect((end_ns - start_ns) / 1e9 - result.total_inference_time_sec).toBeLessThan(0.2)
  })

  it('counts the tokens that its requests count', () => {
    const requests = readFileSync(pathIn(ended.outputDir, result.requests_path), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const sum = (key: string) => requests.reduce((all, request) => all + request[key], 0)
    expect(requests.map(({ index }) => index)).toEqual(Array.from({ length: 60 }, (_, index) => index))
    expect(result.input_tokens).toBe(sum('input_tokens'))
    expect(result.output_tokens).toBe(sum('output_tokens'))
    expect(result.output_tokens).toBe(60 * 300)
    expect(result.total_tokens).toBe(Number(result.input_tokens) + result.output_tokens)
    expect(result.process_results[0]?.request_latencies_ms).toHaveLength(60)
  })

  it('divides by the tokens and the time that it tells', () => {
    const { total_energy_j, total_tokens, output_tokens, total_inference_time_sec: inferenceS } = result
    expect(result.avg_energy_per_token_j).toBeCloseTo(Number(total_energy_j) / Number(total_tokens), 12)
    expect(result.energy_per_output_token_j).toBeCloseTo(Number(total_energy_j) / output_tokens, 12)
    expect(result.avg_tokens_per_second).toBeCloseTo(Number(total_tokens) / inferenceS, 6)
    expect(result.energy_breakdown).toMatchObject({ raw_j: total_energy_j, adjusted_j: null })
  })

  it('estimates the FLOPs of the measured tokens alone, from the metadata of the model', () => {
    expect(result.total_flops).toBe(2 * 94_400 * Number(result.total_tokens))
    expect(result).toMatchObject({
      flops: { method: 'palm_formula', value: result.total_flops },
      flops_reason: null,
    })
  })

  it('gives its joules to its requests, one after the other, and says why it has no prefill', () => {
    const energies: number[] = readFileSync(pathIn(ended.outputDir, result.requests_path), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).energy_j)
    const totalJ = Number(result.total_energy_j)
    const { idle_j = 0, unattributed_j, total_j } = result.request_energy ?? {}
    const requestsJ = energies.reduce((sum, joules) => sum + joules, 0)
    expect(energies).toHaveLength(60)
    expect(Math.abs(requestsJ + idle_j - totalJ)).toBeLessThan(1e-9 * totalJ)
    expect([unattributed_j, result.attribution_reason]).toEqual([0, null])
    expect(total_j).toBeCloseTo(requestsJ, 6)
    expect(result.phases?.prefill).toBeNull()
    expect(result.phases?.reason).toMatch(/^unattributable: prefill: of 60, 60 shorter than 3 update periods/)
    expect(result).toMatchObject({ steady_state: null, headline: 'whole_run' })
  })

  it('keeps the configuration that was in force', () => {
    expect(result.effective_config).toMatchObject({
      model,
      n_prompts: 60,
      energy: { interval_ms: 10 },
      generation: { max_tokens: 300 },
    })
  })
})

describe('on a screen', () => {
  it('shows environment, energy and warmup in the words of the contract, and where the files are', async () => {
    const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])
    const sets = [
      'n_prompts=40',
      'generation.max_tokens=300',
      'generation.ignore_eos=true',
      'baseline.enabled=true',
      'baseline.duration_sec=5',
    ]
    const { code, stdout, outputDir } = await run(['--simulate', scenario], sets)
    expect(code).toBe(0)
    const [banner, ...lines] = stdout.trimEnd().split('\n')
    expect(banner).toBe(SIMULATED)
    const { energy_breakdown: energy, warmup_result: warmup, ...result } = resultIn(outputDir)
    expect(lines).toContain(`  Environment: ${result.environment.summary_line}`)
    expect(result.environment.summary_line).toMatch(/^H200 140GB \| CUDA 13\.0 \| Driver 580\.95\.05 \| 50C/)
    expect(lines).toContain(
      `  Energy: ${energy?.raw_j.toFixed(2)}J raw, ${energy?.adjusted_j?.toFixed(2)}J adjusted (baseline: ${energy?.baseline_power_w?.toFixed(1)}W)`,
    )
    expect(Math.abs(Number(energy?.baseline_power_w) - 300)).toBeLessThan(1)
    const state = warmup.converged ? 'converged' : 'not converged'
    expect(lines).toContain(`  Warmup: 5 prompts (${state}, CV=${warmup.final_cv?.toFixed(3)})`)
    expect(lines.find((line) => line.startsWith('  Tokens'))).toMatch(
      /^ {2}Tokens {2,}\d+ \(\d+ in, 12000 out\) in [\d.]+ s$/,
    )
    expect(lines.find((line) => line.startsWith('  Throughput'))).toMatch(/ tokens\/s, .* output tokens\/s$/)
    expect(lines.find((line) => line.startsWith('  Quoted'))).toMatch(
      /^ {2}Quoted {2,}0\.\d+ J\/output token \+- 0\.\d+ J\/output token \(k=2\), of the whole run$/,
    )
    expect(lines.find((line) => line.startsWith('  Per token'))).toMatch(
      /^ {2}Per token {2,}0\.\d+ J\/token \+- 0\.\d+ J\/token of the whole run$/,
    )
    expect(lines.at(-1)).toMatch(/^ {2}Files {2,}\S+$/)
    expect(lines.at(-1)).toContain(result.experiment_id)
    // The GPU draws its baseline and nothing more.
    expect(Math.abs(Number(energy?.adjusted_j) / Number(energy?.raw_j))).toBeLessThan(0.02)
    // The samples that the attribution rests on were not asked for.
    expect(filesIn(outputDir)).toEqual([
      ['requests.jsonl', 'result.json', 'samples.parquet', 'timeseries.parquet'],
    ])
    expect(result.samples_path).toBe('samples.parquet')
    expect(result.request_energy?.requests).toBe(40)
  })

  it('says nothing on stderr with -q, and still prints the result', async () => {
    const { code, stdout, stderr } = await run(['--simulate', '-q', '-n', '2'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.startsWith(SIMULATED)).toBe(true)
  })

  it('tells with -v what the worker is doing', async () => {
    const { stderr } = await run(['--simulate', '-v', '-n', '2'])
    expect(stderr).toContain(`Loading ${model}\n`)
  })
})

describe('without a GPU', () => {
  it('completes with a null energy, says why, and what to do', async () => {
    const { code, stdout, stderr, outputDir } = await run(['-n', '3'])
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    expect(result).toMatchObject({
      simulated: false,
      total_energy_j: null,
      avg_energy_per_token_j: null,
      energy: null,
      energy_breakdown: null,
      thermal_throttle: null,
      timeseries_path: null,
      energy_reason: expect.stringMatching(
        /could not be loaded.*Install the NVIDIA driver, or add --simulate/,
      ),
    })
    expect(result.output_tokens).toBeGreaterThan(0)
    expect(stdout).toContain(`  Energy: unknown: ${result.energy_reason}\n`)
    expect(stdout).not.toContain('SIMULATED')
    expect(stderr).toContain(`Energy will be null (non-fatal): ${result.energy_reason}\n`)
    expect(filesIn(outputDir)).toEqual([['requests.jsonl', 'result.json']])
    expect(result).toMatchObject({ request_energy: null, attribution_reason: 'there is no energy' })
  })

  it('says nothing of it where energy is disabled', async () => {
    const { code, stdout, stderr, outputDir } = await run(
      ['-n', '3'],
      ['energy.backend=null', 'warmup.enabled=false'],
    )
    expect(code).toBe(0)
    expect(stderr).not.toContain('Energy')
    expect(stdout).toContain('  Energy: unknown: energy measurement is disabled (energy.backend: null)\n')
    expect(resultIn(outputDir).measurement_warnings).toEqual([expect.stringContaining('short_measurement')])
  })

  it('is refused with --require-energy, before anything runs', async () => {
    const { code, stderr, outputDir } = await run(['--simulate', '--require-energy'], ['energy.backend=null'])
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /^llem: --require-energy asks for energy, and energy\.backend is null\. .*\[USAGE\]\n$/,
    )
    expect(filesIn(outputDir)).toEqual([])
  })
})

describe('energy that is lost', () => {
  const sets = [...SECONDS, 'n_prompts=1', 'generation.max_tokens=1', 'warmup.enabled=false']
  const faults = [{ from_s: 0.5, to_s: 1e6, call: 'power', error: 'unknown' }]
  const silent = gpu(0, [{ for_s: 1, w: 300 }], { faults, counter: { supported: false } })

  it.for([
    [[], 0],
    [['--require-energy'], 1],
  ] as const)('ends with %o in exit code %i, and the result is there', async ([options, expected]) => {
    const { code, stdout, stderr, outputDir } = await run(
      ['--simulate', scenarioFile([silent]), ...options],
      sets,
    )
    expect(code, stderr).toBe(expected)
    const { total_energy_j, energy_reason } = resultIn(outputDir)
    expect(total_energy_j).toBeNull()
    expect(stdout).toContain(`  Energy: unknown: ${energy_reason}\n`)
    const said = `llem: The energy was not measured, which --require-energy asks for: ${energy_reason} [ENERGY_LOST]\n`
    expect(stderr.includes(said)).toBe(expected === 1)
  })
})

describe('a GPU that is lost in the middle', () => {
  it('costs the energy, not the result, and is never made up', async () => {
    const faults = [{ from_s: 8, to_s: 1e6, call: 'all', error: 'gpu_is_lost' }]
    const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }], { faults })])
    // Seconds count from the opening of the sampler: the inference begins before the loss and ends long after it.
    const sets = [...SECONDS, 'n_prompts=150', 'warmup.enabled=false']
    const { code, stdout, outputDir } = await run(['--simulate', scenario], sets)
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    expect(result.energy?.coverage).toBeLessThan(0.95)
    expect(result).toMatchObject({
      total_energy_j: null,
      avg_energy_per_token_j: null,
      energy_breakdown: null,
      energy_reason: expect.stringMatching(/power readings cover [\d.]+ % of the window/),
      output_tokens: 150 * 300,
    })
    expect(result.measurement_warnings).toContainEqual(expect.stringMatching(/^sample_gap: /))
    expect(stdout).toContain(`  Energy: unknown: ${result.energy_reason}\n`)
  })
})

describe('--dry-run', () => {
  it('prints the configuration and measures nothing', async () => {
    const { code, stdout, stderr, outputDir } = await run(['--dry-run', '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({
      config_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      config: { model },
    })
    expect(filesIn(outputDir)).toEqual([])
  })

  it('prints YAML that is a configuration again', async () => {
    const first = await run(['--dry-run'])
    const path = textFile('experiment.yaml', first.stdout)
    const again = await run([path, '--dry-run'])
    expect(again.code).toBe(0)
    expect(again.stdout.replace(/^output_dir.*$/m, '')).toBe(first.stdout.replace(/^output_dir.*$/m, ''))
    expect(first.stderr).toMatch(
      /^The configuration is valid \(hash [0-9a-f]{12}\)\. Nothing was measured\.\n$/,
    )
  })

  it('takes a YAML file after --simulate for the experiment', async () => {
    const path = textFile('experiment.yaml', 'n_prompts: 7\n')
    const { code, stdout } = await run(['--dry-run', '--json', '--simulate', path])
    expect(code).toBe(0)
    expect(JSON.parse(stdout).config.n_prompts).toBe(7)
  })
})
