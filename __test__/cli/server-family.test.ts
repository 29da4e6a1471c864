// What a server has started itself, such as the workers of an engine that hold the GPU, ends with llem, however that ends.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { endsWithin, isRunning, within } from '../backends/processes.js'
import { startLlem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const script = fileURLToPath(new URL('../backends/family-server.mjs', import.meta.url))

it.for(['SIGKILL', 'SIGINT twice', 'SIGTERM'] as const)(
  'a child of a server is gone after %s',
  async (how) => {
    const folder = scratchFolder()
    const file = join(folder, 'child.pid')
    const command = JSON.stringify([process.execPath, script, '{port}', file])
    const sets = [
      `server.command=${command}`,
      'warmup.enabled=false',
      'baseline.enabled=false',
      'n_prompts=1000',
    ]
    const { child, ended } = startLlem([
      ...['run', '-b', 'server', '-m', 'm', '--simulate', '-q', '-o', join(folder, 'results')],
      ...sets.flatMap((set) => ['--set', set]),
    ])
    expect(await within(20_000, () => existsSync(file) && readFileSync(file, 'utf8') !== '')).toBe(true)
    const own = Number(readFileSync(file, 'utf8'))
    // Into the measurement, so that the worker and its server have much to say.
    await sleep(2000)
    expect(isRunning(own)).toBe(true)
    if (how === 'SIGINT twice') {
      child.kill('SIGINT')
      await sleep(200)
      child.kill('SIGINT')
    } else child.kill(how)
    await ended
    expect(await endsWithin(own, 8000)).toBe(true)
  },
)
