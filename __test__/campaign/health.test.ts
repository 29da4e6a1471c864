// Health checks over the real addon, the simulated driver and the real process that runs experiments, one fault at a time.

import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { HealthChecks, restartsIn } from '../../dist/campaign/health.js'
import { campaignKeysSchema } from '../../dist/config/schema-campaign.js'
import { LocalExecutor } from '../../dist/executors/local.js'
import { GpuWatch } from '../../dist/native/health.js'
import { simulate } from '../../dist/native/simulation.js'
import { childPids } from '../backends/processes.js'
import { recorder } from '../experiment/recorder.js'
import { gpu, nowNs, scenarioFile, scratchFolder, uuidOf } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** Faults begin then, in seconds since the scenario did. */
const FAULT_S = 1.5

/** The checks of a campaign on one simulated GPU, which `keys` change. */
async function checksOn(
  keys: Record<string, unknown>,
  config: Record<string, unknown> = {},
  { signal, settleMs = 0 }: { signal?: AbortSignal; settleMs?: number } = {},
) {
  const epochNs = nowNs()
  const library = simulate(scenarioFile([gpu(0, [{ for_s: 1, w: 100 }], keys)], epochNs))
  const dir = scratchFolder()
  const executor = new LocalExecutor(join(dir, 'runner.lock'))
  const watch = await GpuWatch.open([{ index: 0, uuid: uuidOf(0) }], library)
  closing.push(
    () => watch.close(),
    () => executor.close(),
  )
  const { observer, notes } = recorder()
  const health = new HealthChecks({
    dir,
    config: campaignKeysSchema.parse({ campaign_name: 'x', health_check: config }).health_check,
    gpus: { watch, reason: null },
    executor,
    observer,
    signal,
    limits: { respondMs: 1000, settleMs, recoverMs: 3000, lookMs: 1000 },
  })
  const run = (after: Partial<Parameters<typeof health.afterRun>[0]> = {}) =>
    health.afterRun({ ended: true, troubled: false, last: false, name: 'a run', ...after })
  const lines = () =>
    readFileSync(join(dir, 'health.jsonl'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  const untilFault = () => sleep(Math.max(0, FAULT_S * 1000 + 100 - (nowNs() - epochNs) / 1e6))
  return { health, run, lines, notes, executor, untilFault, dir }
}

const stranger = (): ChildProcess => {
  const child = spawn('sleep', ['60'])
  closing.push(() => child.kill('SIGKILL'))
  return child
}

describe('a health check', () => {
  it('of what is well says so, with the numbers, in less than 100 ms', async () => {
    const { health, run, lines, notes } = await checksOn({})
    expect(await health.begin()).toBeNull()
    expect(await run()).toBeNull()
    const [first, second, ...others] = lines()
    expect(others).toEqual([])
    expect(first).toMatchObject({ after: 'the start of the campaign', healthy: true, responds: null })
    expect(second).toMatchObject({
      after: 'a cycle, a run',
      healthy: true,
      findings: [],
      unknown: [],
      action: null,
      restarts: 0,
      gpus: [
        {
          index: 0,
          condition: 'present',
          memory_used_mb: 1024,
          memory_before_mb: 1024,
          memory_above_before_mb: 0,
          processes: [],
          xids: [],
        },
      ],
    })
    for (let look = 0; look < 4; look++) await run()
    // The quickest of five: the others may have waited for a busy machine.
    const tookMs = lines()
      .slice(1)
      .map(({ took_ms }) => took_ms)
    expect(Math.min(...tookMs)).toBeLessThan(100)
    expect(notes).toEqual([])
  })

  it('is due after each cycle, every so many runs, and a run in trouble, and never else', async () => {
    const { health, run, lines } = await checksOn({}, { interval_experiments: 2 })
    await health.begin()
    await run({ ended: false })
    expect(lines()).toHaveLength(1)
    await run({ ended: false })
    await run({ ended: false, troubled: true })
    await run()
    expect(lines().map(({ after }) => after)).toEqual([
      'the start of the campaign',
      '2 runs, a run',
      'a run in trouble, a run',
      'a cycle, a run',
    ])
  })

  it('that is switched off does nothing', async () => {
    const { health, run, lines } = await checksOn(
      { faults: [{ call: 'all', error: 'gpu_is_lost', from_s: 0.5 }] },
      { enabled: false },
    )
    expect(await health.begin()).toBeNull()
    expect(await run({ troubled: true })).toBeNull()
    expect(lines).toThrow('no such file')
  })

  it('pauses the campaign when a GPU is lost, and says which', async () => {
    const { health, run, untilFault, lines } = await checksOn({
      faults: [{ call: 'all', error: 'gpu_is_lost', from_s: FAULT_S }],
    })
    expect(await health.begin()).toBeNull()
    await untilFault()
    expect(await run()).toMatch(new RegExp(`^GPU 0 \\(${uuidOf(0)}\\) is lost: .*`))
    expect(lines().at(-1)).toMatchObject({ healthy: false, action: 'pause', gpus: [{ condition: 'lost' }] })
  })

  it('pauses it too where the driver wants a reset', async () => {
    const { health } = await checksOn({ faults: [{ call: 'other', error: 'reset_required', from_s: 0.3 }] })
    await sleep(400)
    expect(await health.begin()).toMatch(/ must be reset: /)
  })

  it('restarts after an Xid error, once, and is well again', async () => {
    const { health, run, untilFault, lines, notes, executor } = await checksOn({
      xids: [
        { at_s: FAULT_S, xid: 31 },
        { at_s: FAULT_S, xid: 48 },
      ],
    })
    await health.begin()
    await untilFault()
    expect(await run()).toBeNull()
    expect(notes[0]).toContain('Health: GPU 0 reported Xid 31')
    expect(notes.slice(-2)).toEqual([
      'Restarting what runs the experiments (1 of 3).',
      expect.stringMatching(/^Well again \d+\.\d s after the restart\.$/),
    ])
    expect(lines().map(({ action }) => action)).toEqual([null, 'restart', null])
    expect(lines()[2]).toMatchObject({ after: 'restart 1', healthy: true, responds: true, restarts: 1 })
    expect(await executor.responds(1000)).toBe(true)
    expect(await run()).toBeNull()
    expect(lines()).toHaveLength(4)
  })

  it('of memory that stays in use restarts as often as it may, tells it, and the campaign goes on', async () => {
    const { health, run, untilFault, notes, lines } = await checksOn(
      { memory: [{ from_s: FAULT_S, used_mib: 9000 }] },
      { max_restarts: 1 },
    )
    await health.begin()
    await untilFault()
    expect(await run()).toBeNull()
    expect(notes).toEqual([
      'Health: GPU 0 has 7976 MB in use that belong to no process and were free before the campaign (9000 MB now, 1024 MB then).',
      'Restarting what runs the experiments (1 of 1).',
      expect.stringMatching(
        /^Still not well after the restart: GPU 0 has 7976 MB .* The campaign goes on\.$/,
      ),
    ])
    expect(await run()).toBeNull()
    expect(notes.at(-1)).toBe('Not restarted: all 1 restarts of the campaign are used up. It goes on.')
    expect(lines().filter(({ action }) => action === 'restart')).toHaveLength(1)
    expect(lines().at(-1)).toMatchObject({ gpus: [{ memory_above_before_mb: 7976 }], restarts: 1 })
  })

  it('that waits for memory to be given back ends at once when it is interrupted', async () => {
    const interrupt = new AbortController()
    const { health, run, untilFault } = await checksOn(
      { memory: [{ from_s: FAULT_S, used_mib: 9000 }] },
      {},
      { signal: interrupt.signal, settleMs: 20_000 },
    )
    await health.begin()
    await untilFault()
    setTimeout(() => interrupt.abort(), 300)
    const startMs = performance.now()
    await expect(run()).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(performance.now() - startMs).toBeLessThan(2000)
  })

  it('with restart_on_failure: false only tells', async () => {
    const { health, run, untilFault, notes } = await checksOn(
      { xids: [{ at_s: FAULT_S, xid: 13 }] },
      { restart_on_failure: false },
    )
    await health.begin()
    await untilFault()
    await run()
    expect(notes.at(-1)).toBe('Not restarted: health_check.restart_on_failure is false. It goes on.')
  })

  it('names whoever else computes on the GPU, once, and restarts nothing for it', async () => {
    const { pid } = stranger()
    const { health, run, untilFault, notes, lines } = await checksOn({
      processes: [
        { pid: 1, used_mib: 300, from_s: FAULT_S },
        { pid: process.pid, used_mib: 200, from_s: FAULT_S },
        // A child of this process, as what a campaign starts is a child of the campaign.
        { pid, used_mib: 100, from_s: FAULT_S },
      ],
    })
    await health.begin()
    await untilFault()
    await run()
    await run()
    const name = readFileSync('/proc/1/comm', 'utf8').trim()
    expect(notes).toEqual([`Health: GPU 0 is used by ${name} (pid 1) with 300 MB too.`])
    const last = lines().at(-1)
    expect(last).toMatchObject({
      healthy: false,
      action: null,
      findings: [{ kind: 'foreign_process', pid: 1 }],
    })
    expect(last.gpus[0].processes.map(({ relation }: { relation: string }) => relation)).toEqual([
      'foreign',
      'own',
      'own',
    ])
  })

  it('ends and starts anew what does not answer any more', async () => {
    const { health, run, executor, lines, notes } = await checksOn({})
    await health.begin()
    await executor.restart()
    const [runner] = childPids()
    process.kill(Number(runner), 'SIGSTOP')
    expect(await run()).toBeNull()
    expect(lines()[1]).toMatchObject({
      responds: false,
      action: 'restart',
      findings: [{ kind: 'unresponsive', gpu_index: null }],
    })
    expect(notes.at(-1)).toMatch(/^Well again /)
    const [again, ...others] = childPids()
    expect(others).toEqual([])
    expect(again).not.toBe(runner)
  })

  it('counts the restarts of a campaign that was resumed', async () => {
    const { health, run, untilFault, dir } = await checksOn({ xids: [{ at_s: FAULT_S, xid: 31 }] })
    await health.begin()
    await untilFault()
    await run()
    expect(health.restarts).toBe(1)
    // A campaign that was killed while it wrote.
    appendFileSync(join(dir, 'health.jsonl'), '{"after":"a cyc')
    expect(restartsIn(dir)).toBe(1)
    expect(restartsIn(scratchFolder())).toBe(0)
  })

  // The last one: the driver of this process hangs on for a while.
  it('gives up on a driver that hangs, and knows nothing rather than good', async () => {
    const { health, lines, notes } = await checksOn({
      faults: [{ call: 'other', stall_ms: 3000, from_s: 0.5 }],
    })
    await sleep(600)
    expect(await health.begin()).toBeNull()
    expect(lines()[0]).toMatchObject({ healthy: null, gpus: null })
    expect(notes[0]).toMatch(
      /^The GPUs' health is not known: the GPU driver has not answered for 1 s \(.*nvml\w+ last\)/,
    )
  })
})

describe('what runs the experiments', () => {
  it('answers between two experiments, is nothing before the first, and can be started anew', async () => {
    const executor = new LocalExecutor(join(scratchFolder(), 'runner.lock'))
    closing.push(() => executor.close())
    expect(await executor.responds(1000)).toBeNull()
    await executor.restart()
    const [first] = childPids()
    expect(await executor.responds(1000)).toBe(true)
    await executor.restart()
    const [second, ...others] = childPids()
    expect(others).toEqual([])
    expect(second).not.toBe(first)
    await executor.close()
    expect(await executor.responds(1000)).toBeNull()
  })
})
