// Inference on the CPU of a machine without a GPU: joules per token of the CPU package, by RAPL, wherever they stand.

import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { measure } from '../../dist/index.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { type Ended, llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { HOME, model, pathIn, resultIn, run } from './experiment.js'
import { type MovingTrees, movingTrees, type Zone } from './powercap.js'

vi.setConfig({ testTimeout: 120_000 })

const PACKAGE: Zone = { name: 'package-0', watts: 60, swing_w: 40, period_s: 0.7 }
const TREE = { 'intel-rapl:0': PACKAGE, 'intel-rapl:0:0': { name: 'dram', watts: 3 } }
/** The counters of a tree move every 10 ms, at 100 W at most, which is a part of a window of a second. */
const STEP_J = 1
const WHOSE = 'CPU package, by RAPL'
const SETS = ['generation.ignore_eos=true', 'generation.max_tokens=30', 'warmup.enabled=false']

let moving: MovingTrees
let env: NodeJS.ProcessEnv
let first: Ended & { outputDir: string }
let second: Ended & { outputDir: string }
let simulated: Ended & { outputDir: string }
let campaign: Ended
const campaignDir = scratchFolder()

beforeAll(async () => {
  moving = await movingTrees([TREE])
  env = { LLEM_NVML_LIBRARY: '', CUDA_VISIBLE_DEVICES: '', LLEM_SYSFS_ROOT: moving.roots[0] }
  first = await run(['-n', '200'], SETS, env)
  second = await run(['-n', '20'], [...SETS, 'energy.backend=rapl'], env)
  simulated = await run(['-n', '20', '--simulate'], SETS, { LLEM_SYSFS_ROOT: moving.roots[0] })
  const file = join(scratchFolder(), 'campaign.yaml')
  const quick =
    'llamacpp: { threads: 1, context_size: 512 }\nbaseline: { enabled: false }\nexecution: { cycles: 2, config_gap_seconds: 0, cycle_gap_seconds: 0 }'
  writeFileSync(
    file,
    `campaign_name: on-cpu\noutput_dir: ${campaignDir}\nexperiments: [{ model: ${model} }]\nn_prompts: 20\n${quick}\nwarmup: { enabled: false }\ngeneration: { max_tokens: 30, ignore_eos: true }\n`,
  )
  const typed = ['campaign', file]
  campaign = await llem(typed, { env: { ...HOME, ...env } })
}, 240_000)

afterAll(() => moving?.stop())

function truthOf({ energy }: ExperimentResult): number {
  if (energy === null) throw new Error('no energy')
  return moving.joules(PACKAGE, energy.window)
}

const folderOf = ({ outputDir }: { outputDir: string }) => dirname(pathIn(outputDir, 'result.json'))

describe('llem run without a GPU', () => {
  it('has joules per token of the CPU package within 1 % of their truth', () => {
    expect(first.code).toBe(0)
    const result = resultIn(first.outputDir)
    expect(result.energy).toMatchObject({
      ...{ backend: 'rapl', domain: 'cpu', method: 'counter', devices: [] },
      reason: expect.stringMatching(new RegExp(`^${WHOSE}: no GPU is measured \\(`)),
      selection: {
        requested: 'auto',
        chosen: 'rapl',
        tried: [{ backend: 'nvml' }, { backend: 'zeus' }, { backend: 'rapl', available: true }],
      },
    })
    const total = Number(result.total_energy_j)
    expect(Math.abs(total - truthOf(result))).toBeLessThan(0.01 * total + STEP_J)
    expect(result.load?.reason).toBe('RAPL is read at the edges of the measurement only')
    expect(result.energy_per_output_token_j).toBe(total / result.output_tokens)
    expect(result.quoted).toMatchObject({
      ...{ domain: 'cpu', value: result.energy_per_output_token_j, method: 'counter' },
      scope: 'whole_run',
    })
    expect(Number(result.quoted?.uncertainty)).toBeGreaterThan(0)
    expect(result.quoted?.absolute_uncertainty).toBeNull()
    const codes = result.findings.map(({ code, severity }) => [code, severity])
    expect(codes).toContainEqual(['energy_of_cpu', 'warning'])
    expect(codes).toContainEqual(['rapl_not_proven', 'info'])
    // It did compute on what was measured.
    expect(codes.map(([code]) => code)).not.toContain('gpu_not_used')
  })

  it('has nothing that only a curve could tell, with reasons', () => {
    const result = resultIn(first.outputDir)
    expect(result).toMatchObject({ phases: null, request_energy: null, timeseries_path: null })
    expect(result.attribution_reason).toEqual(expect.any(String))
  })

  it('measures the CPU where it is asked for by name', () => {
    expect(second.code).toBe(0)
    const result = resultIn(second.outputDir)
    expect(result.energy).toMatchObject({ backend: 'rapl', selection: { requested: 'rapl' } })
    const total = Number(result.total_energy_j)
    expect(Math.abs(total - truthOf(result))).toBeLessThan(0.01 * total + STEP_J)
  })

  it('names the domain wherever the number stands', async () => {
    expect(first.stdout).toMatch(/\n {2}Energy: [\d.]+J raw \(CPU package, by RAPL\)\n/)
    expect(first.stdout).toMatch(
      /\n {2}Quoted +[\d.]+ J\/output token \+- [\d.]+ J\/output token \(k=2\), of the whole run, CPU package, by RAPL\n/,
    )
    expect(first.stdout).toMatch(/\n {2}Per token +.+ of the whole run, CPU package, by RAPL\n/)
    expect(first.stdout).toMatch(/\n {2}DRAM +.+ by RAPL, beside the energy of the CPU package\n/)
    const folder = folderOf(first)
    const shown = await llem(['show', folder])
    expect(shown.stdout).toMatch(/\n {2}Quoted +.*, CPU package, by RAPL\n/)
    const report = await llem(['report', folder, '--format', 'md'])
    expect(report.stdout).toContain(`1 run on ${WHOSE}`)
    expect(report.stdout).toContain(`of the ${WHOSE}`)
    expect(report.stdout).toContain(`*${WHOSE}*`)
    const { code } = await llem(['verify', folder])
    expect(code).toBe(0)
  })

  it('says in an export of which domain each row’s joules are', async () => {
    const folders = [first, simulated].map(folderOf)
    const { stdout } = await llem(['export', ...folders, '--format', 'jsonl'])
    const rows = stdout.trim().split('\n')
    expect(rows.map((row) => JSON.parse(row).energy_domain).sort()).toEqual(['cpu_package', 'gpu'])
  })

  it('is compared with its own kind, and with no GPU', async () => {
    const [a, b, gpu] = [first, second, simulated].map(folderOf)
    const alike = await llem(['compare', `${a}`, `${b}`, '--allow', 'workload'])
    expect(alike.stdout).toContain(`Energy: ${WHOSE}`)
    const apart = await llem(['compare', `${a}`, `${gpu}`])
    expect(apart.code).not.toBe(0)
    expect(apart.stderr).toContain('[COMPARE_REFUSED]')
    expect(apart.stderr).toContain('whose energy it is')
    expect(resultIn(simulated.outputDir).energy).toMatchObject({ domain: 'gpu', cpu: { reason: null } })
  })

  it('has a campaign’s table over it, which says whose joules they are', () => {
    expect(campaign).toMatchObject({ code: 0, stderr: expect.not.stringContaining('Error') })
    expect(campaign.stdout).toContain(`\nEnergy: ${WHOSE}\n`)
  })
})

describe('energy.backend rapl', () => {
  it('is refused beside GPUs that are asked for', async () => {
    const { code, stderr } = await run(['--simulate'], ['energy.backend=rapl'], env)
    expect(code).toBe(2)
    expect(stderr).toContain('energy.backend rapl measures the CPU and looks at no GPU')
  })

  it('is refused where no counter can be read, with the reason', async () => {
    const { code, stderr } = await run([], ['energy.backend=rapl'], {
      ...env,
      LLEM_SYSFS_ROOT: scratchFolder(),
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/The energy backend rapl is not available here: this machine has no RAPL zones/)
  })
})

describe('the library', () => {
  it('measures the CPU packages where no GPU is and none is named', async () => {
    vi.stubEnv('LLEM_NVML_LIBRARY', '')
    vi.stubEnv('CUDA_VISIBLE_DEVICES', '')
    vi.stubEnv('LLEM_SYSFS_ROOT', moving.roots[0])
    const { value, energy } = await measure(
      () => new Promise((done) => setTimeout(() => done('slept'), 2000)),
    )
    const named = measure(() => 1, { devices: [0] })
    await expect(named).rejects.toMatchObject({
      code: expect.stringMatching(/^NVML_NOT_FOUND|GPU_NOT_FOUND|NO_GPU$/),
    })
    vi.unstubAllEnvs()
    expect(value).toBe('slept')
    expect(energy).toMatchObject({ backend: 'rapl', domain: 'cpu', sampler: null })
    const total = Number(energy.total_j)
    expect(Math.abs(total - moving.joules(PACKAGE, energy.window))).toBeLessThan(0.01 * total + STEP_J)
  })
})

describe('llem devices -v', () => {
  it('names the CPU’s domains, and what cannot be read', async () => {
    const { stdout } = await llem(['devices', '-v'], { env })
    expect(stdout).toMatch(/^CPU energy \(RAPL\) +readable/)
    expect(stdout).toMatch(/\npackage-0 +yes +the whole CPU of a socket, or of a die\n/)
    expect(stdout).toMatch(/\npackage-0\/dram +yes +memory, beside the package\n/)
    const beside = await llem(['devices', '-v', '--simulate'], { env: { LLEM_SYSFS_ROOT: moving.roots[0] } })
    expect(beside.stdout).toMatch(/\nrapl +\S+ +CPU only/)
    expect(beside.stdout).toMatch(/\npackage-0 +yes /)
  })
})
