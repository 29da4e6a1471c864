// Ctrl-C while a driver holds the thread that Node looks at signals in: its calls do not return for a minute.

import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { startLlem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const HANGS = scenarioFile([gpu(0, [{ for_s: 1, w: 100 }], { faults: [{ call: 'all', stall_ms: 60_000 }] })])
const SERVER = fileURLToPath(new URL('../backends/fake-openai.mjs', import.meta.url))
const RUN = [
  ...['run', '-m', 'm', '--simulate', HANGS, '-o', scratchFolder(), '--set', 'backend=server'],
  // It is started after the driver is asked, so never.
  ...['--set', `server.command=["${process.execPath}", "${SERVER}", "good", "--port", "{port}"]`],
  ...['--set', 'baseline.enabled=false'],
]

/** Starts a run, waits until the driver holds it, and sends these signals, a second apart. */
async function ended(signals: readonly NodeJS.Signals[]) {
  const { child, ended } = startLlem(RUN)
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stderr?.on('data', (text: string) => {
    said += text
  })
  await expect.poll(() => said, { timeout: 20_000 }).toContain('Waiting for the GPU driver')
  await sleep(1000)
  const startMs = performance.now()
  for (const [index, signal] of signals.entries()) {
    if (index > 0) await sleep(1000)
    child.kill(signal)
  }
  return { ...(await ended), waitedMs: performance.now() - startMs }
}

describe('a signal while a call into the driver does not return', () => {
  it.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s ends llem within 5 s, and why is told',
    async (signal) => {
      const { signal: by, stderr, waitedMs } = await ended([signal])
      expect(by).toBe(signal)
      expect(stderr).toMatch(/does not return, so llem is ended at once\..*llem recover\. \[HELD\]\n$/)
      expect(waitedMs).toBeLessThan(5000)
    },
  )

  it('a second one ends it at once', async () => {
    const { signal: by, waitedMs } = await ended(['SIGINT', 'SIGTERM'])
    expect(by).toBe('SIGTERM')
    expect(waitedMs).toBeLessThan(2500)
  })
})
