// Two workers at once on two simulated GPUs, with different loads.

import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { isRunning } from '../backends/processes.js'
import { llem } from '../native/llem.js'
import { gpu, scenarioFile } from '../native/scenario.js'
import { childrenOf, filesIn, jsonIn, LONG, measured, pathIn, resultIn, run, startRun } from './experiment.js'

vi.setConfig({ testTimeout: 90_000 })

const scenario = () => scenarioFile([gpu(0, [{ for_s: 1, w: 300 }]), gpu(1, [{ for_s: 1, w: 200 }])])
const TWO = ['processes=2', 'n_prompts=21', 'generation.max_tokens=100', 'generation.ignore_eos=true']

describe('processes: 2', () => {
  let result: ExperimentResult
  let outputDir: string
  let stderr: string

  beforeAll(async () => {
    const ended = await run(
      ['--simulate', scenario()],
      [...TWO, 'baseline.enabled=true', 'baseline.duration_sec=5'],
    )
    expect(ended).toMatchObject({ code: 0 })
    ;({ outputDir, stderr } = ended)
    result = resultIn(outputDir)
  }, 90_000)

  it('runs two workers of their own, a GPU each, on all prompts', () => {
    const [one, other] = result.process_results
    expect(result.aggregation.processes).toBe(2)
    expect([one?.requests, other?.requests]).toEqual([11, 10])
    expect(one?.pid).not.toBe(other?.pid)
    expect(result.process_results.map(({ assigned_gpu_uuids }) => assigned_gpu_uuids)).toEqual(
      result.environment.gpus.map(({ uuid }) => [uuid]),
    )
  })

  it('begins them together', () => {
    const [one, other] = result.process_results
    // Tokenising ten prompts more or less is all that may lie between them.
    expect(Math.abs(Number(one?.start_ns) - Number(other?.start_ns)) / 1e6).toBeLessThan(200)
  })

  it('counts the energy of each GPU once, and gives each process its own', () => {
    const [one, other] = result.process_results
    const seconds = Number(result.energy?.duration_sec)
    expect(Number(one?.total_energy_j) / (300 * seconds)).toBeCloseTo(1, 1)
    expect(Number(other?.total_energy_j) / (200 * seconds)).toBeCloseTo(1, 1)
    expect(result.total_energy_j).toBeCloseTo(Number(one?.total_energy_j) + Number(other?.total_energy_j), 9)
  })

  it('takes off each process what its own GPU draws idle', () => {
    const [one, other] = result.process_results
    const idleW = result.energy_breakdown?.baseline_power_w
    expect(
      Number(one?.energy_breakdown?.baseline_power_w) + Number(other?.energy_breakdown?.baseline_power_w),
    ).toBeCloseTo(Number(idleW), 9)
    expect(
      Number(one?.energy_breakdown?.adjusted_j) + Number(other?.energy_breakdown?.adjusted_j),
    ).toBeCloseTo(Number(result.energy_breakdown?.adjusted_j), 9)
  })

  it('adds tokens and takes tokens/s over the time in which any was at work', () => {
    expect(result.output_tokens).toBe(2100)
    const starts = result.process_results.map(({ start_ns }) => start_ns)
    const ends = result.process_results.map(({ end_ns }) => end_ns)
    const seconds = (Math.max(...ends) - Math.min(...starts)) / 1e9
    expect(result.total_inference_time_sec).toBeCloseTo(seconds, 9)
    expect(Number(result.avg_tokens_per_second) * seconds).toBeCloseTo(Number(result.total_tokens), 6)
    expect(result.latency.ttft_ms?.count).toBe(21)
  })

  it('writes each request with its place among all prompts and its process', () => {
    const lines = readFileSync(pathIn(outputDir, 'requests.jsonl'), 'utf8').trimEnd().split('\n')
    const requests = lines.map((line) => JSON.parse(line))
    expect(requests.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...Array(21).keys()])
    for (const { index, process_index } of requests) expect(process_index).toBe(index % 2)
  })

  it('tells whose words are whose', () => {
    expect(stderr).toMatch(/\[0\] Warmup/)
    expect(stderr).toMatch(/\[1\] Warmup/)
  })

  it('is verified from its own files', async () => {
    const { code, stderr } = await llem(['verify', dirname(pathIn(outputDir, 'result.json'))])
    expect({ code, stderr }).toMatchObject({ code: 0 })
  })
})

describe('more processes than GPUs', () => {
  it('share them in turns; each GPU counts once, and the result says so', async () => {
    const { outputDir, code } = await run(
      ['--simulate', scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])],
      [...TWO, 'warmup.enabled=false'],
    )
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    const [one, other] = result.process_results
    expect(one?.total_energy_j).toBe(result.total_energy_j)
    expect(other?.total_energy_j).toBe(result.total_energy_j)
    expect(result.measurement_warnings).toContainEqual(
      expect.stringMatching(/^gpu_shared: processes 0, 1 share/),
    )
  })
})

describe('one of two processes that is killed', () => {
  it('ends the other, keeps what was measured, and is named', async () => {
    const { child, ended, outputDir } = startRun(['--simulate', scenario()], [...LONG, ...TWO.slice(0, 1)])
    await measured(outputDir, 6)
    const workers = childrenOf(child.pid)
    expect(workers).toHaveLength(2)
    process.kill(Number(workers[1]), 'SIGKILL')
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/the llamacpp worker was killed by SIGKILL during run\. .* \[WORKER_DIED\]\n$/)
    expect(filesIn(outputDir)).toEqual([
      ['incomplete.json', 'requests.jsonl', 'samples.parquet', 'timeseries.parquet'],
    ])
    expect(jsonIn(outputDir, 'incomplete.json').status).toBe('failed')
    expect(workers.map(isRunning)).toEqual([false, false])
  })
})
