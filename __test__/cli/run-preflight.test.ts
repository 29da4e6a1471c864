// What is looked at before an experiment, and by `llem run --validate-only` alone.

import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { listOf, scriptedServer } from '../backends/scripted-server.js'
import { llem } from '../native/llem.js'
import { gpu, nowNs, scenarioFile, scratchFolder } from '../native/scenario.js'
import { HOME, model } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const idle = [{ for_s: 600, w: 75 }]
/** Four GPUs of 80 GiB. */
const machine = () =>
  scenarioFile(
    [0, 1, 2, 3].map((position) => gpu(position, idle, { memory_total_mib: 81_559 })),
    nowNs(),
  )

function run(args: readonly string[], sets: readonly string[] = [], env: NodeJS.ProcessEnv = {}) {
  const all = sets.flatMap((set) => ['--set', set])
  return llem(['run', ...args, ...all], { env: { ...HOME, ...env }, cwd: scratchFolder() })
}

/** A program of that name on PATH that does nothing: it is not started. */
function withProgram(name: string): NodeJS.ProcessEnv {
  const bin = join(scratchFolder(), 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, name), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  return { PATH: `${bin}:${process.env.PATH}` }
}

/** A folder of Hugging Face whose weights have so many bytes, which the disk need not have. */
function modelOf(gigabytes: number): string {
  const folder = join(scratchFolder(), 'big-model')
  mkdirSync(folder)
  writeFileSync(join(folder, 'config.json'), '{"model_type":"nobody-knows"}')
  const path = join(folder, 'model.safetensors')
  writeFileSync(path, '')
  truncateSync(path, gigabytes * 1e9)
  return folder
}

describe('an output folder that takes nothing', () => {
  const args = ['-m', 'A', '-b', 'server', '--simulate', '-o', '/proc/x']
  const sets = ['server.base_url=http://127.0.0.1:1', 'load_timeout_sec=1', 'prompts=/nowhere.txt']

  it.for([['--validate-only'], []])('is told beside all that is in the way, with %s', async (more) => {
    const { code, stdout, stderr } = await run([...args, ...more], sets)
    expect(code).not.toBe(0)
    expect(stdout).not.toContain('for results in')
    for (const problem of ['OUTPUT_NOT_WRITABLE', 'SERVER_UNREACHABLE', 'PROMPTS_INVALID'])
      expect(stderr).toContain(`[${problem}]`)
  })
})

describe('llem run --validate-only', () => {
  it('says what is there, measures nothing and writes nothing', async () => {
    const outputDir = join(scratchFolder(), 'results')
    const { code, stdout, stderr } = await run([
      '-m',
      model,
      '--validate-only',
      '--simulate',
      '-o',
      outputDir,
    ])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).toMatch(/Everything that the experiment needs is there\. Nothing was measured\.\n$/)
    const checks = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/\s+/)[0])
    expect(checks).toEqual(['prompts', 'model', 'backend', 'backend', 'devices', 'memory', 'disk'])
    expect(stdout).toContain('node-llama-cpp can be imported')
    expect(() => readdirSync(outputDir)).toThrow('ENOENT')
  })

  it('tells all problems at once, each with what to do', async () => {
    const { code, stderr } = await run(
      ['-m', 'nowhere.gguf', '--validate-only', '--simulate', machine()],
      ['prompts=nothing.txt', 'energy.devices=[7]', 'llamacpp.gpu=vulkan'],
    )
    expect(code).toBe(2)
    expect(stderr).toMatch(/llem: 4 things are in the way, and nothing was measured:\n/)
    for (const code of ['PROMPTS_', 'MODEL_NOT_FOUND', 'BACKEND_NOT_INSTALLED', 'GPU_NOT_FOUND'])
      expect(stderr).toContain(`[${code}`)
    expect(stderr).toMatch(/ {2}.*llem backend install llamacpp --gpu vulkan \[BACKEND_NOT_INSTALLED\]\n/)
    expect(stderr).toMatch(/\[PREFLIGHT_FAILED\]\n$/)
  })

  it('prints the same as JSON', async () => {
    const { code, stdout } = await run(
      ['-m', 'nowhere.gguf', '--validate-only', '--simulate', '--json'],
      ['prompts=nothing.txt'],
    )
    expect(code).toBe(2)
    const { ready, problems, seen } = JSON.parse(stdout)
    expect(ready).toBe(false)
    expect(problems.map(({ check, code }: { check: string; code: string }) => [check, code])).toEqual([
      ['prompts', expect.stringContaining('PROMPTS_')],
      ['model', 'MODEL_NOT_FOUND'],
    ])
    expect(seen).toContainEqual({ check: 'backend', text: expect.stringContaining('is installed') })
  })

  it('asks a server as what it answers, and --dry-run asks nobody', async () => {
    const server = await scriptedServer({ routes: { '/v1/models': listOf('B') } })
    const sets = ['backend=server', `server.base_url=${server.baseUrl}`]
    const dry = await run(['-m', 'A', '--dry-run'], sets)
    expect([dry.code, server.asked]).toEqual([0, []])
    const other = await run(['-m', 'A', '--validate-only', '--simulate'], sets)
    expect([other.code, other.stderr.includes('[MODEL_NOT_SERVED]')]).toEqual([1, true])
    const same = await run(['-m', 'B', '--validate-only', '--simulate'], sets)
    expect(same.code).toBe(0)
    expect(same.stdout).toMatch(/^ {2}server +a server at http:\S+ serves it \(as B\)$/m)
  })
})

describe('an experiment that cannot be', () => {
  it('is refused before the baseline, with all that is in its way', async () => {
    const outputDir = scratchFolder()
    const { code, stderr, tookMs } = await run(
      ['-m', 'nowhere.gguf', '--simulate', '-o', outputDir],
      ['prompts=nothing.txt', 'baseline.duration_sec=60'],
    )
    expect(code).toBe(2)
    expect(stderr).toMatch(/2 things are in the way.*\[PREFLIGHT_FAILED\]\n$/s)
    expect(tookMs).toBeLessThan(30_000)
    expect(readdirSync(outputDir)).toEqual([])
  })

  it.for([
    [
      'a GPU that is measured and does not compute',
      ['backend=server', 'server.command=["sh", "{port}"]', 'energy.devices=[3]'],
      { CUDA_VISIBLE_DEVICES: '0,1' },
      /energy\.devices measures GPU 3, and CUDA_VISIBLE_DEVICES=0,1 makes GPU 0, GPU 1 compute: what computes is not what is measured\. Set energy\.devices: \[0, 1\], or leave one of the two out\. \[DEVICES_DIFFER\]\n$/,
    ],
    [
      'the same by the environment of the server alone',
      [
        'backend=server',
        'server.command=["sh", "{port}"]',
        'server.env.CUDA_VISIBLE_DEVICES="0,1"',
        'energy.devices=[0]',
      ],
      {},
      /energy\.devices measures GPU 0, and CUDA_VISIBLE_DEVICES=0,1 makes GPU 0, GPU 1 compute.*\[DEVICES_DIFFER\]\n$/,
    ],
    [
      'fewer GPUs than share a layer',
      ['backend=vllm', 'vllm.tensor_parallel_size=8'],
      {},
      /vllm\.tensor_parallel_size is 8, and there are 4 GPUs for it: GPU 0, GPU 1, GPU 2, GPU 3\. Set vllm\.tensor_parallel_size to 4 or less, .* \[TOO_FEW_GPUS\]\n$/,
    ],
    [
      'fewer of them than the arguments of the server say, which have the last word',
      ['backend=vllm', 'vllm.tensor_parallel_size=2', 'vllm.args=["--seed=1", "-tp", "8"]'],
      {},
      /-tp of vllm\.args is 8, and there are 4 GPUs for it: .* \[TOO_FEW_GPUS\]\n$/,
    ],
    [
      'fewer of them by CUDA_VISIBLE_DEVICES',
      ['backend=tensorrt', 'tensorrt.tp_size=4'],
      { CUDA_VISIBLE_DEVICES: '1' },
      /tensorrt\.tp_size is 4, and there is 1 GPU for it: GPU 1\. .* \[TOO_FEW_GPUS\]\n$/,
    ],
    [
      'a server whose program is not there',
      ['backend=server', 'server.command=["/nowhere/serve", "{port}"]'],
      {},
      /\/nowhere\/serve could not be started \(there is no such program.*\[BACKEND_NOT_INSTALLED\]\n$/,
    ],
  ] as const)('for %s is told', async ([, sets, env, told]) => {
    const programs: NodeJS.ProcessEnv = { ...withProgram('vllm'), ...env }
    const both = withProgram('trtllm-serve')
    const path = `${programs.PATH}:${both.PATH}`
    const { code, stderr } = await run(
      ['-m', 'owner/model', '--validate-only', '--simulate', machine()],
      sets,
      { ...programs, PATH: path },
    )
    expect(code).toBe(2)
    expect(stderr).toMatch(told)
  })

  it.for([
    ['one GPU', 140, 1, /the weights of \S+ have 70 GB, and the GPU, of which it takes 50 %, has 43 GB/],
    ['two that share it', 140, 2, null],
    ['one that has the room', 60, 1, null],
  ] as const)('for want of memory of %s is told', async ([, gigabytes, gpus, told]) => {
    const sets = ['backend=vllm', `vllm.tensor_parallel_size=${gpus}`, 'vllm.gpu_memory_utilization=0.5']
    const { code, stderr } = await run(
      ['-m', modelOf(gigabytes), '--validate-only', '--simulate', machine()],
      sets,
      withProgram('vllm'),
    )
    if (told === null) expect({ code, stderr }).toMatchObject({ code: 0 })
    else expect(stderr).toMatch(told)
  })

  it('of which only some devices are measured, and those compute, goes on', async () => {
    const { code } = await run(
      ['-m', 'm', '--validate-only', '--simulate', machine()],
      ['backend=server', 'server.command=["sh", "{port}"]', 'energy.devices=[1]'],
      { CUDA_VISIBLE_DEVICES: '0,1' },
    )
    expect(code).toBe(0)
  })
})
