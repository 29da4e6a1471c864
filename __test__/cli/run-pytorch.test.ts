// `llem run` with PyTorch from end to end, on the simulated GPU: what its numbers say of one another.

import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { scratchFolder } from '../backends/tiny-model.js'
import {
  INSTALL_LIMIT_MS,
  installRealPytorch,
  pytorchDataHome,
  testPython,
  tinyLlama,
} from '../models/hugging-face.js'
import { type Ended, llem } from '../native/llem.js'
import { pathIn, resultIn } from './experiment.js'

vi.setConfig({ testTimeout: 180_000 })

const folder = scratchFolder()
const QUICK = [
  ...['baseline.enabled=false', 'warmup.max_prompts=5', 'warmup.thermal_floor_seconds=0'],
  ...['pytorch.num_threads=1', 'pytorch.device=cpu', 'pytorch.dtype=fp32', 'energy.backend=nvml'],
]
let missing: string | null = null
let model: string

async function run(
  sets: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended & { outputDir: string }> {
  const outputDir = scratchFolder()
  const all = [...QUICK, ...sets].flatMap((set) => ['--set', set])
  const args = ['run', '-m', model, '-b', 'pytorch', '-o', outputDir, '--simulate', ...all]
  const ended = await llem(args, { env: { XDG_DATA_HOME: pytorchDataHome, XDG_CACHE_HOME: folder, ...env } })
  return { ...ended, outputDir }
}

beforeAll(async () => {
  missing = await installRealPytorch()
  if (missing === null) model = tinyLlama(folder)
}, INSTALL_LIMIT_MS)

describe('llem run with pytorch', () => {
  let ended: Ended & { outputDir: string }
  let result: ExperimentResult

  beforeAll(async () => {
    if (missing !== null) return
    const sets = [
      'n_prompts=20',
      'pytorch.batch_size=4',
      'generation.max_tokens=200',
      'generation.ignore_eos=true',
    ]
    ended = await run(sets)
    if (ended.code === 0) result = resultIn(ended.outputDir)
  }, 180_000)

  it('ends with 0 and says what ran on what', (context) => {
    if (missing !== null) context.skip(missing)
    expect(ended, ended.stderr).toMatchObject({ code: 0 })
    expect(ended.stdout).toMatch(/\n {2}Model +\S+ \(float32, pytorch on cpu\)\n/)
    expect(result.process_results[0]).toMatchObject({
      backend: 'pytorch',
      dtype: 'float32',
      quantisation: null,
      compute: 'cpu',
      gpu_uuids: [],
      memory: { rss_bytes: expect.any(Number), vram_bytes: null, vram_peak_bytes: null },
    })
    expect(result.environment.versions).toMatchObject({ torch: expect.any(String), transformers: '5.23.0' })
  })

  it('has numbers that come to one another', (context) => {
    if (missing !== null) context.skip(missing)
    expect(result.output_tokens).toBe(20 * 200)
    const total = Number(result.total_tokens)
    expect(total).toBe(Number(result.input_tokens) + result.output_tokens)
    const seconds = result.total_inference_time_sec
    expect(Number(result.avg_tokens_per_second) * seconds).toBeCloseTo(total, 6)
    expect(Number(result.output_tokens_per_second) * seconds).toBeCloseTo(result.output_tokens, 6)
    const joules = Number(result.total_energy_j)
    expect(joules).toBeGreaterThan(0)
    expect(Number(result.avg_energy_per_token_j) * total).toBeCloseTo(joules, 6)
    expect(Number(result.energy_per_output_token_j) * result.output_tokens).toBeCloseTo(joules, 6)
  })

  it('has a line for each request, whose tokens add up to the totals', (context) => {
    if (missing !== null) context.skip(missing)
    const lines = readFileSync(pathIn(ended.outputDir, 'requests.jsonl'), 'utf8').trimEnd().split('\n')
    const records = lines.map((line) => JSON.parse(line))
    expect(records).toHaveLength(20)
    expect(records.reduce((sum, record) => sum + record.input_tokens, 0)).toBe(result.input_tokens)
    expect(records.reduce((sum, record) => sum + record.output_tokens, 0)).toBe(result.output_tokens)
  })

  it('estimates FLOPs of exactly these tokens, the attention beside them', (context) => {
    if (missing !== null) context.skip(missing)
    // A layer: q, o 2 * 64 * 64; k, v 2 * 64 * 32; MLP 3 * 64 * 192. Output projection 64 * 259.
    const weights = 4 * (2 * 4096 + 2 * 2048 + 3 * 12_288) + 64 * 259
    expect(result.total_flops).toBe(2 * weights * Number(result.total_tokens))
    const lines = readFileSync(pathIn(ended.outputDir, 'requests.jsonl'), 'utf8').trimEnd().split('\n')
    let attention = 0
    for (const line of lines) {
      const { input_tokens, output_tokens } = JSON.parse(line)
      // 4 layers, 4 heads of 16.
      for (let position = 1; position <= input_tokens + output_tokens; position++)
        attention += 4 * 4 * 4 * 16 * position
    }
    expect(result.flops).toMatchObject({ attention, attention_reason: null })
  })
})

describe('llem run', () => {
  it('takes the interpreter that `python` names', async (context) => {
    if (missing !== null) context.skip(missing)
    const sets = ['n_prompts=2', 'generation.max_tokens=4', 'warmup.enabled=false']
    const none = { XDG_DATA_HOME: scratchFolder() }
    const without = await run(sets, none)
    expect(without.code).toBe(2)
    expect(without.stderr).toContain('llem backend install pytorch')
    const { code, stderr } = await run(sets, { ...none, LLEM_PYTHON: testPython() })
    expect(code, stderr).toBe(0)
  })

  it('ends with 2 for a model folder that is not there', async (context) => {
    if (missing !== null) context.skip(missing)
    const args = ['run', '-m', './nowhere', '-b', 'pytorch', '--simulate']
    const { code, stderr } = await llem(args, { env: { XDG_DATA_HOME: pytorchDataHome } })
    expect(code).toBe(2)
    expect(stderr).toContain('MODEL_NOT_FOUND')
  })
})
