import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { endsWithin, isRunning, within } from '../backends/processes.js'
import { atNight, byDay } from '../setup/at-night.js'
import { childrenOf, filesIn, jsonIn, LONG, measured, pathIn, startRun, workerOf } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const GOODBYE = 'SIGINT: ending cleanly and keeping what was measured; once more ends at once.\n'

describe('Ctrl-C', () => {
  it('during the baseline ends with 130 before a worker is started', async () => {
    const { child, ended, outputDir, says } = startRun(
      ['--simulate'],
      ['baseline.enabled=true', 'baseline.duration_sec=60'],
    )
    await says('Measuring idle power: 60 s')
    expect(childrenOf(child.pid)).toEqual([])
    child.kill('SIGINT')
    const { code, stdout, stderr, tookMs } = await ended
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr.endsWith(`${GOODBYE}llem: The experiment was interrupted. [INTERRUPTED]\n`)).toBe(true)
    expect(filesIn(outputDir)).toEqual([])
    expect(tookMs).toBeLessThan(30_000)
  })

  it('while the model loads ends with 130 within 5 s, and the worker with it', async () => {
    const { child, ended, outputDir } = startRun()
    expect(await within(30_000, () => childrenOf(child.pid).length > 0)).toBe(true)
    const worker = workerOf(child)
    const startMs = performance.now()
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect(performance.now() - startMs).toBeLessThan(5000)
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr.endsWith(`${GOODBYE}llem: The experiment was interrupted. [INTERRUPTED]\n`)).toBe(true)
    expect(filesIn(outputDir)).toEqual([])
    expect(isRunning(worker)).toBe(false)
  })

  it('while several processes measure ends them all and keeps what each has measured', async () => {
    const { child, ended, outputDir } = startRun(
      ['--simulate'],
      [...LONG, 'processes=2', 'warmup.enabled=false'],
    )
    await measured(outputDir, 4)
    const workers = childrenOf(child.pid)
    expect(workers).toHaveLength(2)
    const startMs = performance.now()
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(performance.now() - startMs).toBeLessThan(5000)
    expect(workers.map(isRunning)).toEqual([false, false])
    expect(jsonIn(outputDir, 'incomplete.json').status).toBe('interrupted')
    const lines = readFileSync(pathIn(outputDir, 'requests.jsonl'), 'utf8').trimEnd().split('\n')
    expect(new Set(lines.map((line) => JSON.parse(line).process_index))).toEqual(new Set([0, 1]))
  })

  it('during the warmup ends with 130, and the worker with it', async () => {
    const { child, ended, outputDir, says } = startRun(
      [],
      [...LONG, 'warmup.max_prompts=200', 'warmup.cv_threshold=0'],
    )
    await says('Warmup: up to 200 prompts')
    const worker = workerOf(child)
    await sleep(300)
    child.kill('SIGINT')
    const { code, stdout, stderr } = await ended
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr.endsWith(`${GOODBYE}llem: The experiment was interrupted. [INTERRUPTED]\n`)).toBe(true)
    expect(filesIn(outputDir)).toEqual([])
    expect(isRunning(worker)).toBe(false)
  })

  atNight('during the thermal floor ends with 130 at once', async () => {
    const { child, ended, says } = startRun([], ['warmup.thermal_floor_seconds=600'])
    await says('Thermal stabilisation: waiting 600s...')
    const worker = workerOf(child)
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(isRunning(worker)).toBe(false)
  })

  it.for(byDay(1, ['SIGINT', 'SIGTERM', 'SIGHUP'] as const))(
    'or %s during the measurement ends with 130 and loses nothing of it',
    async (signal) => {
      const { child, ended, outputDir } = startRun(['--simulate'], LONG)
      await measured(outputDir, 5)
      const worker = workerOf(child)
      child.kill(signal)
      const { code, stdout, stderr } = await ended
      expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
      expect(stderr).toMatch(
        /\nllem: The experiment was interrupted\. What was measured by then is in \S+\. \[INTERRUPTED\]\n$/,
      )
      expect(filesIn(outputDir)).toEqual([
        ['incomplete.json', 'requests.jsonl', 'samples.parquet', 'timeseries.parquet'],
      ])
      const { status, simulated, energy } = jsonIn(outputDir, 'incomplete.json')
      expect({ status, simulated }).toEqual({ status: 'interrupted', simulated: true })
      const requests = readFileSync(pathIn(outputDir, 'requests.jsonl'), 'utf8').trimEnd().split('\n')
      for (const line of requests) expect(JSON.parse(line)).toMatchObject({ output_tokens: 400 })
      expect(requests.length).toBeGreaterThanOrEqual(5)
      expect(JSON.parse(String(requests.at(-1))).end_ns).toBeLessThanOrEqual(energy.window.end_ns)
      expect(isRunning(worker)).toBe(false)
    },
  )

  atNight('a second time ends at once', async () => {
    const { child, ended, outputDir } = startRun(['--simulate'], LONG)
    await measured(outputDir, 2)
    const worker = workerOf(child)
    child.kill('SIGINT')
    child.stderr?.once('data', () => child.kill('SIGINT'))
    const { code } = await ended
    expect(code).toBe(130)
    expect(await endsWithin(worker, 3000)).toBe(true)
    expect(filesIn(outputDir).flat()).not.toContain('result.json')
  })
})
