import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { startLlem } from './llem.js'
import { gpu, scenarioFile, scratchFolder } from './scenario.js'

vi.setConfig({ testTimeout: 600_000 })

// The acceptance run is LLEM_TEST_MEMORY_S=300, which compares minute 1 with minute 5.
const LENGTH_S = Number(process.env.LLEM_TEST_MEMORY_S ?? 30)
const SETTLED_S = Math.min(60, Math.ceil(LENGTH_S / 3))
/** Less than what samples at this rate (8 GPUs x 1 kHz x 200 B) would add in three seconds. */
const LIMIT_MB = 5

const CHEAP = { power: 5, fields: 5, energy: 20, other: 1 }

function residentMb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

it(`memory at 1 ms over 8 GPUs with every sample on disk is flat after ${SETTLED_S} s`, async () => {
  const devices = Array.from({ length: 8 }, (_, position) =>
    gpu(
      position,
      [
        { for_s: 1, sine: { mean_w: 400, amplitude_w: 200, period_s: 0.7 } },
        { for_s: 1, w: 300 },
      ],
      {
        call_latency_us: CHEAP,
      },
    ),
  )
  for (const device of devices) device.power.repeat = true
  const output = scratchFolder()
  const options = ['--simulate', scenarioFile(devices), '--interval-ms', '1', '--full-rate', '--json']
  const { child, ended } = startLlem(['exec', ...options, '-o', output, '--', 'sleep', String(LENGTH_S)])
  await sleep(SETTLED_S * 1000)
  const settledMb = residentMb(child.pid as number)
  await sleep((LENGTH_S - SETTLED_S - 1) * 1000)
  const endMb = residentMb(child.pid as number)
  const result = JSON.parse((await ended).stdout)
  const { samples, dropped, missed_deadlines, cpu_s } = result.energy.sampler
  const fileMb = statSync(join(result.result_dir, result.samples_path)).size / 2 ** 20
  process.stderr.write(
    `memory: ${settledMb.toFixed(1)} MB after ${SETTLED_S} s, ${endMb.toFixed(1)} MB after ${LENGTH_S - 1} s; ${samples} samples, ${dropped} dropped, ${missed_deadlines} deadlines missed, ${cpu_s.toFixed(1)} s CPU, file ${fileMb.toFixed(1)} MB\n`,
  )
  expect(dropped).toBe(0)
  expect(samples).toBeGreaterThan(LENGTH_S * 8 * 500)
  expect(endMb - settledMb).toBeLessThan(LIMIT_MB)
})
