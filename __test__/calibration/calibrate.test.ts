import { chmodSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect as expected, it, vi } from 'vitest'
import type { CallLatency } from '../../dist/results/calibration.js'
import { isRunning, within } from '../backends/processes.js'
import { type ExecResult, llem, startLlem } from '../native/llem.js'
import { gpu, nowNs, scenarioFile, scratchFolder, textFile } from '../native/scenario.js'
import { type Calibrated, calibrateOver, calibrationIn, waves } from './square-waves.js'

vi.setConfig({ testTimeout: 90_000 })

/** Calibrates over a scenario whose load tells the truth, and then measures a command. */
async function calibrate(updatePeriodMs: number, windowMs: number) {
  const period = { update_period_ms: updatePeriodMs }
  const load = [...waves(updatePeriodMs / 1000), { for_s: 1, w: 80 }]
  const device = gpu(0, load, {
    sensor: { ...period, window_ms: windowMs, phase_ms: 13 },
    counter: period,
    call_latency_us: { power: 20, fields: 60, energy: 200, other: 30 },
  })
  const env = { XDG_DATA_HOME: scratchFolder() }
  const scenario = scenarioFile([device], nowNs())
  const calibrated = await calibrateOver(scenario, 11, env)
  if (calibrated.code !== 0) throw new Error(calibrated.stderr)
  const exec = await llem(['exec', '--simulate', scenario, '--json', '--', 'sleep', '1'], { env })
  return { found: calibrationIn(calibrated), later: JSON.parse(exec.stdout) as ExecResult, env, scenario }
}

/** When the sampler makes each call, and between which medians it is in that scenario, microseconds. */
const CALLS: readonly [CallLatency['lane'], CallLatency['call'], leastUs: number, mostUs: number][] = [
  ['hot', 'power', 60, 160],
  ['edges', 'energy counter', 200, 400],
  ['slow', 'temperature', 30, 60],
  ['slow', 'memory', 30, 60],
  ['slow', 'utilisation', 30, 60],
  ['slow', 'SM clock', 30, 60],
  ['slow', 'memory clock', 30, 60],
  ['slow', 'memory temperature', 60, 160],
  ['slow', 'performance state', 30, 60],
  ['slow', 'throttle reasons', 30, 60],
  ['rare', 'throttle times', 60, 160],
  ['rare', 'processes', 30, 60],
  ['rare', 'power limit', 30, 60],
  ['rare', 'SM clock limit', 30, 60],
  ['rare', 'memory clock limit', 30, 60],
]

/** Idle, and on an even load, an integral and a sum of readings are alike. */
const INTEGRAL_OR_OPEN = expected.stringMatching(/^(integral|undecided)$/)

describe('a calibration', () => {
  it.concurrent.for([
    [100, 25],
    [20, 10],
  ] as const)(
    'finds a sensor of %i ms that averages over %i ms, and later runs know it',
    async ([updatePeriodMs, windowMs], { expect }) => {
      const { found, later, env, scenario } = await calibrate(updatePeriodMs, windowMs)
      expect(found.averaging_window_reason).toBeNull()
      const window = found.averaging_window
      expect(Math.abs(Number(window?.window_ms) - windowMs)).toBeLessThan(0.2 * windowMs)
      expect(Number(window?.delay_ms)).toBeLessThan(5)
      expect(Number(window?.explained_pct)).toBeGreaterThan(90)
      expect(Number(found.update_period_ms) / updatePeriodMs).toBeCloseTo(1, 2)
      expect(Number(found.counter.period_ms) / updatePeriodMs).toBeCloseTo(1, 2)
      expect(found.counter).toMatchObject({ quantum_mj: 1, kind: INTEGRAL_OR_OPEN })
      expect(found.interrupted).toBe(false)

      // Idle and under the load, each of the sampler's calls by itself: fields, the counter, and all others.
      for (const underLoad of [false, true])
        for (const [lane, call, leastUs, mostUs] of CALLS) {
          const timed = found.call_latencies.find(
            (each) => each.call === call && each.under_load === underLoad,
          )
          expect(timed, call).toMatchObject({ lane, error: null })
          const { p50_us, p99_us, max_us, calls } = timed as CallLatency
          expect(Number(p50_us), call).toBeGreaterThanOrEqual(leastUs)
          expect(Number(p50_us), call).toBeLessThan(mostUs)
          expect(Number(p99_us), call).toBeGreaterThanOrEqual(Number(p50_us))
          expect(Number(max_us), call).toBeGreaterThanOrEqual(Number(p99_us))
          expect(calls, call).toBeGreaterThan(100)
        }
      expect(found.call_latencies).toHaveLength(2 * CALLS.length)

      expect(found.shortest_windows).toMatchObject({ under_load: true, method: 'counter' })
      const lengths = found.shortest_windows?.lengths.map(({ length_s }) => Number(length_s)) ?? []
      expect(lengths).toEqual(lengths.toSorted((a, b) => b - a))
      expect(lengths[2]).toBeGreaterThanOrEqual(0.0079 * updatePeriodMs)

      expect(later.energy.devices[0]?.sensor.window_ms).toBeCloseTo(Number(window?.window_ms), 3)
      const kept = JSON.parse(readFileSync(found.kept_in, 'utf8'))
      expect(kept).toMatchObject({
        learned: { counter_kind: INTEGRAL_OR_OPEN, window_ms: window?.window_ms },
        calibration: { averaging_window: window },
      })
      const devices = await llem(['devices', '--simulate', scenario, '--json'], { env })
      expect(JSON.parse(devices.stdout).devices[0].calibration).toEqual(kept.calibration)
    },
  )

  it.concurrent('without PyTorch has no averaging window, says why, and finds all the rest', async ({
    expect,
  }) => {
    const told = join(scratchFolder(), 'told')
    const python = textFile(
      'python',
      `#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES $@" > ${told}\necho '{"unavailable": "No module named torch"}'\nexit 1\n`,
    )
    chmodSync(python, 0o755)
    const device = gpu(0, [{ for_s: 60, w: 75 }])
    const env = { XDG_DATA_HOME: scratchFolder(), LLEM_PYTHON: python }
    const args = ['calibrate', '--simulate', scenarioFile([device]), '-q']
    const { code, stdout } = await llem(args, { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /Averaging window +unknown: llem's own load.* cannot work: No module named torch\n/,
    )
    expect(stdout).toMatch(/Counter period +(99\.\d|100\.\d)\d ms\n/)
    expect(stdout).toMatch(/1 % +0\.80 s {2}by counter, of whatever the GPU did, 75\.0 W\n/)
    expect(stdout).toMatch(/^ {2}power +hot loop +idle +1000 +[\d.]+ us +[\d.]+ us +[\d.]+ us$/m)
    expect(stdout).toMatch(/^ {2}energy counter +at edges, else 5 Hz +idle +1000 .* us$/m)
    expect(stdout).toMatch(/^ {2}processes +slow lane, rarely +idle +1000 .* us$/m)
    const [uuid, program, ...options] = readFileSync(told, 'utf8').trim().split(' ')
    expect(uuid).toBe(device.uuid)
    expect(program).toMatch(/\/python\/pulses\.py$/)
    expect(options.filter((option) => option === '--period-ms')).toHaveLength(7)
  })

  it.concurrent('with a load that dies at once names its error, and keeps all the rest', async ({
    expect,
  }) => {
    const dataHome = scratchFolder()
    const load = [process.execPath, '-e', 'console.error("no kernel image"); process.exit(3)']
    // A board whose memory has no sensor of its temperature.
    const device = gpu(0, [{ for_s: 60, w: 75 }], { architecture: 'turing' })
    const args = ['calibrate', '--simulate', scenarioFile([device]), '--', ...load]
    const { code, stdout, stderr } = await llem(args, { env: { XDG_DATA_HOME: dataHome } })
    expect(code).toBe(1)
    expect(stderr).toMatch(/exited with code 3: no kernel image\. .*\[LOAD_FAILED\]\n$/)
    expect(stdout).toMatch(/Counter +/)
    expect(stdout).toMatch(/^ {2}memory temperature +slow lane +idle +0 +- +- +- +not supported$/m)
    expect(readdirSync(join(dataHome, 'llem', 'devices'))).toHaveLength(1)
  })

  it.concurrent('of a GPU that is lost in the middle keeps and prints what was found before', async ({
    expect,
  }) => {
    const faults = [{ from_s: 3, to_s: 1e9, call: 'all', error: 'gpu_is_lost' }]
    const devices = [gpu(0, [{ for_s: 60, w: 75 }], { faults }), gpu(1, [{ for_s: 60, w: 75 }])]
    const env = { XDG_DATA_HOME: scratchFolder(), LLEM_PYTHON: '/nowhere/python' }
    const args = ['calibrate', '--simulate', scenarioFile(devices), '--devices', '0', '--json']
    const { code, stdout, stderr } = await llem(args, { env })
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/\[[A-Z_]+\]\n$/)
    const [found] = (JSON.parse(stdout) as Calibrated).devices
    expect(found).toMatchObject({ interrupted: true, counter: { kind: INTEGRAL_OR_OPEN } })
    expect(found?.averaging_window_reason).toMatch(/could not be started/)
  })

  it.concurrent('that is interrupted ends its load and keeps what it found', async ({ expect }) => {
    const env = { XDG_DATA_HOME: scratchFolder() }
    const pidFile = join(scratchFolder(), 'pid')
    const work = `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid))
      process.on('SIGTERM', () => {})
      console.log(JSON.stringify({ t_ns: Number(process.hrtime.bigint()), on: true }))
      setInterval(() => {}, 1000)`
    const scenario = scenarioFile([gpu(0, [{ for_s: 60, w: 75 }])])
    const load = ['--', process.execPath, '-e', work]
    const { child, ended } = startLlem(['calibrate', '--simulate', scenario, '--json', ...load], { env })
    let pid = 0
    const started = () => {
      try {
        pid = Number(readFileSync(pidFile, 'utf8'))
      } catch {
        return false
      }
      return pid > 0
    }
    expect(await within(40_000, started)).toBe(true)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(130)
    expect(isRunning(pid)).toBe(false)
    const [found] = (JSON.parse(stdout) as Calibrated).devices
    expect(found).toMatchObject({
      interrupted: true,
      counter: { kind: INTEGRAL_OR_OPEN },
      shortest_windows_reason: 'the calibration ended before',
    })
    expect(found?.call_latencies).toHaveLength(CALLS.length)
    const kept = JSON.parse(readFileSync(String(found?.kept_in), 'utf8'))
    expect(kept.calibration.call_latencies).toEqual(found?.call_latencies)
  })
})
