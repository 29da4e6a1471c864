import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import type { DeviceEnergy } from '../../dist/results/energy.js'
import { type ExecResult, llem } from './llem.js'
import { gpu, nowNs, type Segment, scenarioFile, scratchFolder } from './scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const sensor = { update_period_ms: 100, window_ms: 25, phase_ms: 40 }
/** A load of which the sensor sees a part that varies, so that the counter's steps tell what it counts. */
const RESTLESS_S = 8
const segments: Segment[] = [
  { for_s: RESTLESS_S, square: { low_w: 75, high_w: 480, period_s: 0.13, duty: 0.5 } },
  { for_s: 60, w: 300 },
]
const device = gpu(0, segments, { sensor })

async function measure(scenario: string, seconds: number, dataHome: string): Promise<DeviceEnergy> {
  const args = ['exec', '--simulate', scenario, '--json', '--', 'sleep', String(seconds)]
  const { stdout, stderr } = await llem(args, { env: { XDG_DATA_HOME: dataHome } })
  if (stdout === '') throw new Error(stderr)
  const result: ExecResult = JSON.parse(stdout)
  return result.energy.devices[0] as DeviceEnergy
}

const until = (atNs: number) => new Promise((resolve) => setTimeout(resolve, (atNs - nowNs()) / 1e6))

it.concurrent('what a restless load said of a counter holds for later runs, and a damaged file is found out again', async () => {
  const dataHome = scratchFolder()
  const epochNs = nowNs()
  const scenario = scenarioFile([device], epochNs)
  expect((await measure(scenario, 4, dataHome)).counter_kind).toBe('integral')

  const folder = join(dataHome, 'llem', 'devices')
  const [file] = readdirSync(folder)
  const known = JSON.parse(readFileSync(join(folder, String(file)), 'utf8'))
  expect(known).toMatchObject({ uuid: device.uuid, learned: { window_ms: null, counter_kind: 'integral' } })
  expect(known.driver).toMatch(/ simulated /)

  // Nothing in this run tells: on a steady load an integral and a sum of readings are alike.
  await until(epochNs + (RESTLESS_S + 1) * 1e9)
  expect(await measure(scenario, 2, dataHome)).toMatchObject({ method: 'counter', counter_kind: 'integral' })

  writeFileSync(join(folder, String(file)), '{"uuid":')
  expect(await measure(scenario, 2, dataHome)).toMatchObject({ method: 'counter', counter_kind: 'undecided' })
})

it.concurrent('another scenario, driver or GPU is not known by it', async () => {
  const dataHome = scratchFolder()
  expect((await measure(scenarioFile([device], nowNs()), 4, dataHome)).counter_kind).toBe('integral')
  const epochNs = nowNs() - (RESTLESS_S + 1) * 1e9
  const other = await measure(scenarioFile([device], epochNs), 2, dataHome)
  expect(other.counter_kind).toBe('undecided')
})
