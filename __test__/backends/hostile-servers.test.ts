// `llem run` against servers that do harm. Each is told by what it does, within its limits of time, and no process of
// llem ever holds more than 300 MB.

import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, it, vi } from 'vitest'
import { startLlem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'
import { BEHAVIOURS } from './hostile-server.mjs'
import { startPortServer } from './port-server.js'

vi.setConfig({ testTimeout: 60_000 })

const MAX_PEAK_MB = 300
const SETTINGS = [
  'backend=server',
  'n_prompts=2',
  'baseline.enabled=false',
  'warmup.enabled=false',
  'load_timeout_sec=2',
  'request_timeout_sec=3',
  'dataset.max_input_tokens=4',
]

/** The peak of a process so far, in MB; 0 of one that is gone. */
function peakMb(pid: number | undefined): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1000
  } catch {
    return 0
  }
}

/** Empty once it is gone. */
function childrenOf(pid: number | undefined): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(/\s+/).filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}

let server: Awaited<ReturnType<typeof startPortServer>>
beforeAll(async () => {
  server = await startPortServer('./hostile-server.mjs', ['serve'], { forAll: true })
})

async function against(behaviour: string) {
  const address = `http://127.0.0.1:${server.port}/${BEHAVIOURS.indexOf(behaviour)}`
  const sets = [...SETTINGS, `server.base_url=${address}`].flatMap((set) => ['--set', set])
  const { child, ended } = startLlem(['run', '-m', 'm', '--simulate', '-o', scratchFolder(), ...sets])
  const peaks = { llem: 0, worker: 0 }
  const timer = setInterval(() => {
    peaks.llem = Math.max(peaks.llem, peakMb(child.pid))
    peaks.worker = Math.max(peaks.worker, ...childrenOf(child.pid).map(peakMb))
  }, 20)
  const { code, stderr, stdout, tookMs } = await ended
  clearInterval(timer)
  return { code, stderr, said: `${stdout}${stderr}`, tookMs, peaks }
}

const table: string[] = []
afterAll(() => {
  server.end()
  if (process.env.LLEM_TEST_SHOW_PEAKS) console.log(table.join('\n'))
})

describe('a server that does harm', () => {
  it.concurrent.for(byDay(8, BEHAVIOURS))('%s', async (behaviour, { expect }) => {
    const { code, stderr, said, tookMs, peaks } = await against(behaviour)
    table.push(
      `${behaviour.padEnd(42)} llem ${peaks.llem.toFixed(0)} MB, worker ${peaks.worker.toFixed(0)} MB, ${(tookMs / 1000).toFixed(1)} s, ${code}: ${stderr.trim().split('\n').at(-1)?.slice(0, 200)}`,
    )
    expect(Math.max(peaks.llem, peaks.worker)).toBeLessThan(MAX_PEAK_MB)
    expect(tookMs).toBeLessThan(40_000)
    // Its escape codes are shown by their numbers.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are looked for
    expect(said).not.toMatch(/[\u001b\u202e]/)
    expect(stderr).not.toContain('[BUG]')
    expect(stderr).not.toMatch(/at \S+ \(.*:\d+:\d+\)/)
    if (code !== 0) expect(stderr).toMatch(/\[[A-Z_]+\]\n$/)
    expect(stderr.length).toBeLessThan(5000)
  })
})
